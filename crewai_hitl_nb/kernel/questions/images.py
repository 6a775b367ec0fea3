"""Makes bounded images of what can be shown as one: PIL images, figures, charts, data URIs.

No library is imported for an object that is not its own: objects are recognised by the methods that
Jupyter knows (``_repr_png_`` and others) or by their module. ``rendering.py`` uses it.
"""

import base64
import binascii
import math
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from io import BytesIO
from typing import Any, Final

from crewai_hitl_nb.kernel.questions.context import in_brackets, literal
from crewai_hitl_nb.protocol.json_safe import whole_text

MAX_BYTES: Final = 192 * 1024
"""One image; as base64 two of them fit into the attachments of a question."""

MAX_SIDE: Final = 1600
"""Pixels on the longer side after scaling down: a card has some 1,400 on a sharp screen."""

MAX_PIXELS: Final = 16_000_000
"""Pixels of an image that cannot be scaled down here; a browser needs 64 MB to show it."""

MAX_READ_PIXELS: Final = 50_000_000
"""Pixels of an image that Pillow reads to scale it down: 200 MB. Most cameras make fewer."""

DATA_URI: Final = re.compile(
    r"!\[([^\[\]\n]{0,1000})\]\(\s*<?data:(image/[a-z+.-]{1,20});base64,([A-Za-z0-9+/=]+)>?\s*\)"
)
"""An image of a Markdown text that is in the text itself."""

_READ: Final = ("PNG", "JPEG", "GIF", "WEBP")
"""What Pillow may read of foreign data. For other formats it may start a program (EPS)."""

_ANIMATED: Final = {"GIF": "image/gif", "WEBP": "image/webp", "PNG": "image/png"}
"""Formats of Pillow that may be animated. A JPEG with several pictures is not."""

_TITLE_CHARS: Final = 200

_METHODS: Final = {
    "_repr_png_": "image/png",
    "_repr_jpeg_": "image/jpeg",
    "_repr_svg_": "image/svg+xml",
}
_TYPES: Final = ("image/png", "image/jpeg", "image/gif", "image/webp", "image/svg+xml")


_TOO_LARGE: Final = f"it has more than {MAX_READ_PIXELS:,} pixels; make it smaller first"


class LeftOut(Exception):
    """The image cannot be shown; the message says why."""


@dataclass(frozen=True)
class Image:
    """An image that can travel: base64, or the text of an SVG."""

    kind: str
    data: str


def is_image(thing: Any) -> bool:
    """Return whether an object may have an image of itself. Calls nothing of it."""
    if isinstance(thing, type):
        return False
    names = (*_METHODS, "_repr_mimebundle_")
    return library_of(thing) in ("PIL", "matplotlib") or any(hasattr(type(thing), n) for n in names)


def image_of(thing: Any) -> Image | None:
    """Return the image of an object; None if it has none.

    Raises:
        LeftOut: It has one that cannot be shown.
        Exception: The object's own code failed.
    """
    library = library_of(thing)
    if library == "PIL" and hasattr(thing, "save"):
        return _animated(thing) if _is_animated(thing) else _scaled(thing)
    if library == "matplotlib":
        figure = thing if hasattr(thing, "savefig") else getattr(thing, "figure", None)
        return None if figure is None else _bounded("image/png", _saved(figure))
    found = _from_jupyter(thing)
    if found is not None:
        return _bounded(*found)
    if library == "altair" and hasattr(thing, "save"):
        return _bounded("image/png", _of_altair(thing))
    if library == "plotly" and hasattr(thing, "to_image"):
        if find_spec("kaleido") is None:
            raise LeftOut("Plotly needs the package kaleido to make an image")
        return _bounded("image/png", thing.to_image(format="png"))
    return None


def title_of(thing: Any) -> str:
    """Return a figure's title, or the name of its type, as Markdown; for people who do not see it.

    Brackets become parentheses, because brackets enclose the title of an image in Markdown.
    """
    name = literal(type(thing).__name__)
    try:
        title = _title_of(thing)
    except Exception:  # noqa: BLE001 - the name of the type is enough
        return name
    return f"{name}: {in_brackets(title[:_TITLE_CHARS])}" if title else name


def _title_of(thing: Any) -> str:
    library = library_of(thing)
    if library == "matplotlib":
        figure = thing if hasattr(thing, "savefig") else thing.figure
        titles = [figure.get_suptitle(), *(axes.get_title() for axes in figure.axes)]
        return ", ".join(str(one) for one in titles if one)
    if library == "plotly":
        return str(thing.layout.title.text or "")
    if library == "altair":
        title = thing.to_dict().get("title", "")
        title = title.get("text", "") if isinstance(title, Mapping) else title
        return title if isinstance(title, str) else ", ".join(map(str, title))
    return ""


def image_of_file(kind: str, content: bytes) -> Image | None:
    """Return the image in a file; None if it has none, or one that cannot be shown."""
    try:
        return _bounded(kind, content) if kind in _TYPES else None
    except LeftOut:
        return None


def image_in(kind: str, encoded: str) -> Image:
    """Return the image of a data URI. Raises :class:`LeftOut`."""
    try:
        return _bounded(kind, base64.b64decode(encoded, validate=True))
    except binascii.Error as error:
        raise LeftOut("its base64 is not valid") from error


def library_of(thing: Any) -> str:
    """Return the library that an object's class, or one that it extends, comes from."""
    modules = [base.__module__.partition(".")[0] for base in type(thing).__mro__]
    known = ("PIL", "matplotlib", "altair", "plotly", "IPython")
    return next((name for name in modules if name in known), "")


def _saved(figure: Any) -> bytes:
    target = BytesIO()
    figure.savefig(target, format="png", bbox_inches="tight")
    return target.getvalue()


def _of_altair(chart: Any) -> bytes:
    if find_spec("vl_convert") is None:
        raise LeftOut("Altair needs the package vl-convert-python to make an image")
    target = BytesIO()
    chart.save(target, format="png")
    return target.getvalue()


def _from_jupyter(thing: Any) -> tuple[str, bytes] | None:
    """Return what Jupyter itself would show, if that is an image."""
    bundle: dict[str, Any] = {}
    if hasattr(type(thing), "_repr_mimebundle_"):
        made = thing._repr_mimebundle_(include=None, exclude=None)
        made = made[0] if isinstance(made, tuple) else made
        bundle.update(made if isinstance(made, Mapping) else {})
    for method, kind in _METHODS.items():
        if kind not in bundle and hasattr(type(thing), method):
            made = getattr(thing, method)()
            bundle[kind] = made[0] if isinstance(made, tuple) else made
    for kind in _TYPES:
        data = bundle.get(kind)
        if isinstance(data, bytes):
            return kind, data
        if isinstance(data, str):
            return kind, data.encode() if kind == "image/svg+xml" else base64.b64decode(data)
    return None


def _bounded(kind: str, data: bytes) -> Image:
    """Return an image within the limits, scaled down if it has to be and Pillow is loaded."""
    if kind not in _TYPES:
        raise LeftOut(f"{kind} is not PNG, JPEG, GIF, WebP or SVG")
    if len(data) <= MAX_BYTES and _pixels(data) <= MAX_PIXELS:
        if kind == "image/svg+xml":
            return Image(kind, whole_text(data.decode("utf-8", "replace")))
        return Image(kind, base64.b64encode(data).decode())
    pillow = sys.modules.get("PIL.Image")  # an object that has an image usually brings Pillow
    if pillow is None or kind == "image/svg+xml":
        raise LeftOut(
            f"it has {len(data):,} bytes; at most {MAX_BYTES:,} bytes and {MAX_PIXELS:,} pixels are"
            " shown, and without Pillow it cannot be made smaller"
        )
    try:
        picture = pillow.open(BytesIO(data), formats=_READ)
        if picture.format != "JPEG" and getattr(picture, "is_animated", False):
            raise LeftOut(
                f"it is animated and has {len(data):,} bytes; an animated image of at most"
                f" {MAX_BYTES:,} bytes and {MAX_PIXELS:,} pixels is shown"
            )
        if not picture.info.get("progressive"):  # a progressive JPEG is always read in full
            picture.draft(None, (MAX_SIDE, MAX_SIDE))  # read a JPEG at a fraction of its size
        return _scaled(picture)
    except LeftOut:
        raise
    except pillow.DecompressionBombError as error:
        raise LeftOut(_TOO_LARGE) from error
    except Exception as error:  # a parser of foreign data may fail in any way
        raise LeftOut("it cannot be read as PNG, JPEG, GIF or WebP") from error


def _is_animated(picture: Any) -> bool:
    """Whether all frames of a picture of Pillow are to be shown, and not one that was sought."""
    moves = picture.format in _ANIMATED and getattr(picture, "is_animated", False)
    return moves and picture.tell() == 0


def _animated(picture: Any) -> Image:
    """Return an animated image of Pillow with all of its frames; it is never scaled down."""
    if picture.width * picture.height * picture.n_frames > MAX_READ_PIXELS:
        raise LeftOut(f"it is animated and has more than {MAX_READ_PIXELS:,} pixels in all")
    try:
        data = _encoded(picture, picture.format, save_all=True)
    finally:
        picture.seek(0)
    return _bounded(_ANIMATED[picture.format], data)


def _scaled(picture: Any) -> Image:
    """Return an image of Pillow, as small as it has to be, and upright."""
    unread = bool(getattr(picture, "tile", None))
    if unread and picture.width * picture.height > MAX_READ_PIXELS:
        raise LeftOut(_TOO_LARGE)
    small = picture.copy()
    small.thumbnail((MAX_SIDE, MAX_SIDE))
    small = import_module("PIL.ImageOps").exif_transpose(small)
    if small.mode == "F" or small.mode.startswith("I"):
        small = _grey(small)
    if small.mode not in ("1", "L", "LA", "P", "RGB", "RGBA"):
        small = small.convert("RGB")
    data = _encoded(small, "PNG")
    if len(data) <= MAX_BYTES:
        return Image("image/png", base64.b64encode(data).decode())
    while True:
        data = _encoded(_on_white(small), "JPEG", quality=80)
        if len(data) <= MAX_BYTES:
            return Image("image/jpeg", base64.b64encode(data).decode())
        small.thumbnail((small.width * 3 // 4, small.height * 3 // 4))


def _grey(picture: Any) -> Any:
    """Return a picture of numbers (modes F and I) in grey: black is the least, white the most."""
    if picture.mode != "F":
        picture = picture.convert("I").convert("F")
    low, high = picture.getextrema()
    if not math.isfinite(high - low):
        raise LeftOut("it has values that are not finite")
    if high > low:
        scale = 255 / (high - low)
        picture = picture.point(lambda value: value * scale - low * scale)
    return picture.convert("L")


def _on_white(picture: Any) -> Any:
    """Return the picture without transparency, which JPEG lacks."""
    if "A" not in picture.mode and "transparency" not in picture.info:
        return picture.convert("RGB")
    solid = picture.convert("RGBA")
    white = solid.copy()
    white.paste((255, 255, 255, 255), (0, 0, *solid.size))
    white.alpha_composite(solid)
    return white.convert("RGB")


def _encoded(picture: Any, form: str, **options: Any) -> bytes:
    target = BytesIO()
    picture.save(target, form, **options)
    return target.getvalue()


def _pixels(data: bytes) -> int:
    """Return the pixels of a PNG or GIF by its header; 0 for other types, which the card checks."""
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        return int.from_bytes(data[16:20], "big") * int.from_bytes(data[20:24], "big")
    if data[:4] == b"GIF8":
        return int.from_bytes(data[6:8], "little") * int.from_bytes(data[8:10], "little")
    return 0
