"""Images as the context of a question: what travels, how large it may be, and what is left out."""

import base64
import subprocess
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from crewai_hitl_nb.kernel.questions import images
from crewai_hitl_nb.kernel.questions.rendering import Rendered, rendered
from crewai_hitl_nb.protocol import limits

pillow = pytest.importorskip("PIL.Image")


def picture(shown: Rendered, name: str = "image-1") -> Any:
    """Return an attached image as Pillow reads it."""
    (encoded,) = shown.attachments[name].values()
    return pillow.open(BytesIO(base64.b64decode(encoded)))


def noise(width: int, height: int, mode: str = "RGB") -> Any:
    """Return a picture that no format makes small."""
    return pillow.effect_noise((width, height), 200).convert(mode)


def png(width: int = 8, height: int = 4) -> bytes:
    target = BytesIO()
    pillow.new("RGB", (width, height), "red").save(target, "PNG")
    return target.getvalue()


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "CMYK", "I;16", "F"])
def test_a_picture_of_pillow_is_attached_in_any_mode(mode: str) -> None:
    shown = rendered(pillow.new(mode, (20, 10)))

    assert shown.text == "![Image](attachment:image-1)"
    assert picture(shown).size == (20, 10)


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_a_large_picture_is_scaled_down(mode: str) -> None:
    (kind, data), *_ = rendered(noise(3000, 2000, mode)).attachments["image-1"].items()

    assert kind == "image/jpeg"
    assert len(base64.b64decode(data)) <= images.MAX_BYTES


def test_a_figure_of_matplotlib_is_attached_under_its_title() -> None:
    pytest.importorskip("matplotlib").use("Agg")
    from matplotlib.figure import Figure

    figure = Figure()
    figure.subplots().set_title("Revenue [EUR]")

    shown = rendered({"chart": figure})

    assert shown.text == "**chart**\n\n![Figure: Revenue (EUR)](attachment:image-1)"
    assert picture(shown).format == "PNG"
    assert rendered(figure.axes[0]).attachments


@pytest.mark.parametrize("title", ["Path C:\\", "a `b", "<script>", "[x](y"])
def test_an_image_keeps_its_place_whatever_the_title_of_its_figure(title: str) -> None:
    markdown = pytest.importorskip("markdown_it").MarkdownIt()
    pytest.importorskip("matplotlib").use("Agg")
    from matplotlib.figure import Figure

    figure = Figure()
    figure.subplots().set_title(title)

    (image,) = markdown.parseInline(rendered(figure).text)[0].children

    assert image.attrs["src"] == "attachment:image-1"
    assert image.content == markdown.parseInline(images.title_of(figure))[0].content


class Shows:
    """An object with a method of Jupyter's, as charts have them."""

    def __init__(self, made: Any) -> None:
        self.made = made

    def _repr_png_(self) -> Any:
        if isinstance(self.made, Exception):
            raise self.made
        return self.made


class Bundle:
    """An object with an SVG in its bundle."""

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        return {"text/html": "<b>", "image/svg+xml": "<svg>ö</svg>"}, {}


@pytest.mark.parametrize("made", [png(), base64.b64encode(png()).decode(), (png(), {"width": 8})])
def test_what_jupyter_shows_as_an_image_is_attached(made: Any) -> None:
    assert picture(rendered(Shows(made))).size == (8, 4)


def test_an_svg_travels_as_text() -> None:
    assert rendered(Bundle()).attachments == {"image-1": {"image/svg+xml": "<svg>ö</svg>"}}


def test_an_object_that_has_no_image_after_all_is_shown_as_text() -> None:
    assert rendered(Shows(None)).text.startswith("<tests.kernel.test_images.Shows object")
    assert rendered(Shows).attachments == {}


def test_a_figure_that_fails_is_replaced_by_the_reason() -> None:
    shown = rendered({"chart": Shows(RuntimeError("no display")), "note": "x"})

    assert "This Shows cannot be shown (RuntimeError: no display)" in shown.text
    assert shown.attachments == {}


def test_an_image_of_a_markdown_text_does_not_use_up_the_context() -> None:
    encoded = base64.b64encode(png(900, 900) + b"\0" * 100_000).decode()

    shown = rendered(f"before ![a dot](data:image/png;base64,{encoded}) after")

    assert shown.text == "before ![a dot](attachment:image-1) after"
    assert shown.attachments == {"image-1": {"image/png": encoded}}


def test_an_image_of_a_markdown_text_keeps_its_place_with_a_backslash_in_its_words() -> None:
    encoded = base64.b64encode(png()).decode()

    shown = rendered(f"![C:\\](data:image/png;base64,{encoded})")

    assert shown.text == "![C:](attachment:image-1)"


@pytest.mark.parametrize(
    ("kind", "data", "reason"),
    [
        ("image/tiff", b"II*", "image/tiff is not PNG"),
        ("image/svg+xml", b"<svg>" + b" " * images.MAX_BYTES, "bytes and 16,000,000 pixels"),
    ],
)
def test_an_image_that_cannot_be_shown_says_why(kind: str, data: bytes, reason: str) -> None:
    shown = rendered(f"![a dot](data:{kind};base64,{base64.b64encode(data).decode()})")

    assert shown.text.startswith("(a dot is left out: ")
    assert reason in shown.text
    assert shown.attachments == {}


def inline(kind: str, data: bytes) -> Rendered:
    """Return a Markdown text with the image in it, as a question carries it."""
    return rendered(f"![a dot](data:{kind};base64,{base64.b64encode(data).decode()})")


def saved(picture: Any, form: str, **options: Any) -> bytes:
    target = BytesIO()
    picture.save(target, form, **options)
    return target.getvalue()


def claims(width: int, height: int) -> bytes:
    """Return a small PNG whose header has another size."""
    size = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    header = b"IHDR" + size + b"\x08\x02\0\0\0"
    return png()[:12] + header + zlib.crc32(header).to_bytes(4, "big") + png()[33:]


def test_data_in_a_format_that_is_not_for_a_browser_starts_no_program(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started: list[Any] = []
    monkeypatch.setattr(subprocess, "Popen", lambda *args, **_: started.append(args))
    monkeypatch.setattr(images, "MAX_BYTES", 100)

    shown = inline("image/png", saved(pillow.new("RGB", (20, 10)), "EPS"))

    assert shown.text == "(a dot is left out: it cannot be read as PNG, JPEG, GIF or WebP.)"
    assert started == []


@pytest.mark.parametrize("size", [(10_000, 6_000), (13_000, 13_000), (60_000, 60_000)])
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_an_image_that_would_fill_the_memory_is_left_out_unread(size: tuple[int, int]) -> None:
    shown = inline("image/png", claims(*size))

    assert shown.text == (
        "(a dot is left out: it has more than 50,000,000 pixels; make it smaller first.)"
    )


def test_a_picture_of_pillow_that_would_fill_the_memory_is_left_out_unread() -> None:
    shown = rendered(pillow.open(BytesIO(claims(10_000, 6_000))))

    assert "is left out: it has more than 50,000,000 pixels" in shown.text


def test_a_large_photograph_is_read_at_a_fraction_of_its_size() -> None:
    photograph = saved(pillow.new("L", (9_000, 6_000), 200), "JPEG")
    assert len(photograph) > images.MAX_BYTES

    shown = inline("image/jpeg", photograph)

    assert picture(shown).size == (1600, 1067)


def test_a_damaged_image_is_left_out_in_plain_words() -> None:
    shown = inline("image/png", saved(noise(900, 900), "PNG")[:-200_000])

    assert shown.text == "(a dot is left out: it cannot be read as PNG, JPEG, GIF or WebP.)"


def test_a_photograph_that_is_scaled_stays_upright() -> None:
    exif = pillow.Exif()
    exif[0x0112] = 6  # held on its side
    photograph = saved(noise(1800, 900), "JPEG", exif=exif)

    for shown in (inline("image/jpeg", photograph), rendered(pillow.open(BytesIO(photograph)))):
        width, height = picture(shown).size
        assert height > width


@pytest.mark.parametrize(("mode", "most"), [("F", 1.0), ("I", 1), ("I;16", 60_000)])
def test_a_picture_of_numbers_is_shown_from_black_to_white(mode: str, most: float) -> None:
    numbers = pillow.new(mode, (2, 1))
    numbers.putpixel((1, 0), most)

    assert picture(rendered(numbers)).tobytes() == b"\x00\xff"


def test_a_picture_of_numbers_without_a_range_says_why_it_is_not_shown() -> None:
    shown = rendered(pillow.new("F", (2, 1), float("inf")))

    assert shown.text == "(Image is left out: it has values that are not finite.)"


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG"])
def test_an_animated_image_that_is_too_large_does_not_become_its_first_frame(form: str) -> None:
    frames = [noise(600, 600) for _ in range(3)]
    moving = saved(frames[0], form, save_all=True, append_images=frames[1:])

    shown = inline(f"image/{form.lower()}", moving)

    assert shown.text.startswith("(a dot is left out: it is animated and has ")
    assert shown.attachments == {}


def test_many_images_stay_within_an_event() -> None:
    shown = rendered([noise(1600, 1600)] * 10)

    assert 2 <= len(shown.attachments) < 10
    sizes = [len(data) for bundle in shown.attachments.values() for data in bundle.values()]
    assert sum(sizes) <= limits.MAX_ATTACHMENTS_BYTES
    assert "(Image is left out: the attachments of a question are limited to 512 KB" in shown.text


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG"])
def test_an_animated_picture_of_pillow_keeps_its_frames(form: str) -> None:
    frames = [pillow.new("RGB", (8, 8), color) for color in ("red", "green", "blue")]
    moving = saved(frames[0], form, save_all=True, append_images=frames[1:])
    opened = pillow.open(BytesIO(moving))

    shown = rendered(opened)

    assert list(shown.attachments["image-1"]) == [f"image/{form.lower()}"]
    assert picture(shown).n_frames == len(frames)
    assert opened.tell() == 0
    opened.seek(1)
    assert list(rendered(opened).attachments["image-1"]) == ["image/png"]  # the frame alone


def test_an_animation_of_too_many_pixels_is_left_out() -> None:
    frames = [pillow.new("1", (5000, 5000), n) for n in (0, 1, 0)]
    moving = saved(frames[0], "GIF", save_all=True, append_images=frames[1:])

    shown = rendered(pillow.open(BytesIO(moving)))

    assert "it is animated and has more than 50,000,000 pixels in all" in shown.text


def test_a_chart_of_altair_is_attached_under_its_title() -> None:
    altair = pytest.importorskip("altair")
    pytest.importorskip("vl_convert")
    data = altair.Data(values=[{"a": 1, "b": 2}])
    chart = altair.Chart(data, title="Revenue [EUR]").mark_bar().encode(x="a:Q", y="b:Q")

    shown = rendered(chart)

    assert shown.text == "![Chart: Revenue (EUR)](attachment:image-1)"
    assert picture(shown).format == "PNG"


def test_a_figure_of_plotly_is_attached_under_its_title() -> None:
    graphs = pytest.importorskip("plotly.graph_objects")
    pytest.importorskip("kaleido")

    shown = rendered(graphs.Figure(graphs.Bar(y=[1, 2]), layout={"title": "Revenue [EUR]"}))

    assert shown.text == "![Figure: Revenue (EUR)](attachment:image-1)"
    assert picture(shown).format == "PNG"


def test_a_picture_in_a_file_is_shown_and_attached(tmp_path: Path) -> None:
    (tmp_path / "red [1].png").write_bytes(png())

    shown = rendered(tmp_path / "red [1].png")

    assert shown.text == ("![red (1).png](attachment:image-2)\n\n[red (1).png](attachment:file-1)")
    assert picture(shown, "image-2").size == (8, 4)
    (tmp_path / "broken.png").write_bytes(b"x")
    assert rendered(tmp_path / "broken.png").text.endswith("[broken.png](attachment:file-1)")
