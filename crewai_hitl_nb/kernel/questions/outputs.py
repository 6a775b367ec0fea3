"""What a notebook shows of an object: captured outputs, HTML, Markdown, text.

Objects are recognised by the methods that Jupyter knows and by their module, and no library is
imported for one that is not its own. ``images.py`` makes the images; ``rendering.py`` uses both.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from crewai_hitl_nb.kernel.files import File
from crewai_hitl_nb.kernel.questions.images import library_of

_METHODS: Final = {
    "text/html": "_repr_html_",
    "text/markdown": "_repr_markdown_",
    "text/latex": "_repr_latex_",
}


@dataclass(frozen=True)
class Output:
    """What an object shows of itself, apart from images.

    Attributes:
        html: HTML, which only a browser of its own may open; attached as a file.
        markdown: Markdown, shown as it is.
        text: Plain text, shown as code.
    """

    html: str = ""
    markdown: str = ""
    text: str = ""

    def file(self, name: str) -> File | None:
        """Return its HTML as a file."""
        return (
            File.from_bytes(f"{name}.html", self.html.encode(), "text/html") if self.html else None
        )


def is_output(thing: Any) -> bool:
    """Return whether an object may show itself to a notebook. Calls nothing of it."""
    if isinstance(thing, type):
        return False
    names = (*_METHODS.values(), "_repr_mimebundle_")
    return is_captured(thing) or any(hasattr(type(thing), name) for name in names)


def is_captured(thing: Any) -> bool:
    """Return whether an object is what ``%%capture`` or ``capture_output()`` caught."""
    return library_of(thing) == "IPython" and hasattr(thing, "outputs") and hasattr(thing, "stdout")


def name_of(thing: Any) -> str:
    """Return the name of the file in which an object's HTML is attached."""
    name = type(thing).__name__
    return "output" if name == "RichOutput" else name


def captured_in(thing: Any) -> list[tuple[str, Any]]:
    """Return the titles and parts of captured outputs: what was printed, then what was shown."""
    printed = [("", Output(text=str(thing.stdout)))] if thing.stdout.strip() else []
    errors = [("Printed on stderr", Output(text=str(thing.stderr)))] if thing.stderr.strip() else []
    return [*printed, *errors, *(("", output) for output in thing.outputs)]


def output_of(thing: Any) -> Output:
    """Return what an object shows of itself.

    Raises:
        Exception: The object's own code failed.
    """
    if isinstance(thing, Output):
        return thing
    bundle: dict[str, Any] = {}
    if hasattr(type(thing), "_repr_mimebundle_"):
        made = thing._repr_mimebundle_(include=None, exclude=None)
        made = made[0] if isinstance(made, tuple) else made
        bundle.update(made if isinstance(made, Mapping) else {})
    for kind, method in _METHODS.items():
        if kind not in bundle and hasattr(type(thing), method):
            made = getattr(thing, method)()
            bundle[kind] = made[0] if isinstance(made, tuple) else made
    found: dict[str, str] = {kind: text for kind, text in bundle.items() if isinstance(text, str)}
    html = found.get("text/html", "")
    if not html and library_of(thing) in ("altair", "plotly"):
        html = thing.to_html()
    return Output(
        html,
        found.get("text/markdown") or found.get("text/latex") or "",
        found.get("text/plain", ""),
    )
