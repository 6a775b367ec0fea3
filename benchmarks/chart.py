"""The report's picture: every target beside the product, as an SVG that carries its own colours.

Pure. One line for each row of the report that has a peer or a limit; on it one mark for each
target, at its time for the same work as a multiple of the product's, on a logarithmic scale.
Targets differ in form as well as in colour, and the picture follows the reader's light or dark.
"""

import math
from collections.abc import Iterator, Sequence
from xml.sax.saxutils import escape

from benchmarks.results import PRODUCT, Row

_LABEL, _PLOT, _LINE, _TOP, _MARGIN = 330, 520, 24, 76, 24
_NOT_TARGETS = {"commit", "product, WS", "joined loop", "ask() in a cell", "NOTIFY to LISTEN"}
_FORMS = {
    "nchan": ("b", "M-5,-5h10v10h-10z"),
    "FastAPI": ("c", "M0,-6L6,5H-6Z"),
    "bare loop": ("d", "M0,-7L7,0L0,7L-7,0Z"),
}
_OTHER = ("e", "M-5,-5L5,5M-5,5L5,-5")
_STYLE = """
  .page { fill: #ffffff } text { fill: #1f2328; font: 13px system-ui, sans-serif }
  .small { font-size: 11px; fill: #59636e } .grid { stroke: #d1d9e0 } .one { stroke: #0550ae }
  .a { fill: #0550ae } .b { fill: #1a7f37 } .c { fill: #bc4c00 } .d { fill: #59636e }
  .e { stroke: #8250df; stroke-width: 2.5; fill: none }
  @media (prefers-color-scheme: dark) {
    .page { fill: #0d1117 } text { fill: #f0f6fc } .small { fill: #9198a1 }
    .grid { stroke: #3d444d } .one { stroke: #58a6ff } .a { fill: #58a6ff } .b { fill: #3fb950 }
    .c { fill: #f0883e } .d { fill: #9198a1 } .e { stroke: #bc8cff }
  }
"""


def multiples(row: Row) -> dict[str, float]:
    """Return each target's time for the same work as a multiple of the product's."""
    product = row.figures.get(PRODUCT, 0)
    others = {n: v for n, v in row.figures.items() if n != PRODUCT and n not in _NOT_TARGETS}
    if product <= 0:
        return {}
    return {
        name: value / product if row.lower_is_better else product / value
        for name, value in others.items()
        if value > 0
    }


def draw(rows: Sequence[Row]) -> str:
    """Return the picture."""
    shown = [(row, found) for row in rows if (found := multiples(row))]
    every = [value for _, found in shown for value in found.values()] or [1.0]
    low = 10 ** math.floor(math.log10(min(*every, 0.5)))
    high = 10 ** math.ceil(math.log10(max(*every, 2.0)))
    height = _TOP + _LINE * len(shown) + 46
    width = _LABEL + _PLOT + 2 * _MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img"'
        f' aria-label="{escape(TITLE)}">',
        f"<style>{_STYLE}</style>",
        f'<rect class="page" width="{width}" height="{height}" rx="8"/>',
        f'<text x="{_MARGIN}" y="28">{escape(TITLE)}</text>',
        *_legend({name for _, found in shown for name in found}),
        *_axis(low, high, height),
    ]
    for number, (row, found) in enumerate(shown):
        y = _TOP + _LINE * number + _LINE / 2
        parts.append(f'<text x="{_MARGIN}" y="{y + 4:.0f}">{escape(_label(row))}</text>')
        parts.append(_mark(_place(1.0, low, high), y, "a", ""))
        for name, value in found.items():
            kind, path = _FORMS.get(name, _OTHER)
            said = f"{name}: {value:.2g} × the product"
            parts.append(_mark(_place(value, low, high), y, kind, path, said))
    return "\n".join([*parts, "</svg>\n"])


TITLE = "Time, or memory, for the same work as a multiple of the product's: right of 1 is more"


def _label(row: Row) -> str:
    text = f"{row.program}: {row.case}"
    return text if len(text) <= 52 else text[:51] + "…"


def _place(value: float, low: float, high: float) -> float:
    share = (math.log10(value) - math.log10(low)) / (math.log10(high) - math.log10(low))
    return _MARGIN + _LABEL + share * _PLOT


def _mark(x: float, y: float, kind: str, path: str, said: str = PRODUCT) -> str:
    form = f'<path d="{path}"/>' if path else '<circle r="6"/>'
    title = f"<title>{escape(said)}</title>"
    return f'<g class="{kind}" transform="translate({x:.1f},{y:.1f})">{title}{form}</g>'


def _legend(names: set[str]) -> Iterator[str]:
    x = float(_MARGIN + 8)
    known = [name for name in _FORMS if name in names]
    for name in [PRODUCT, *known, *(["another peer or limit"] if names - set(known) else [])]:
        kind, path = ("a", "") if name == PRODUCT else _FORMS.get(name, _OTHER)
        yield _mark(x, 50, kind, path, name)
        yield f'<text class="small" x="{x + 12:.0f}" y="54">{name}</text>'
        x += 30 + 6.5 * len(name)


def _axis(low: float, high: float, height: float) -> Iterator[str]:
    bottom = height - 36
    value = low
    while value <= high * 1.001:
        x = _place(value, low, high)
        kind = "one" if math.isclose(value, 1) else "grid"
        yield f'<line class="{kind}" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP - 6}" y2="{bottom}"/>'
        yield (
            f'<text class="small" text-anchor="middle" x="{x:.1f}" y="{bottom + 18}">'
            f"{value:g} ×</text>"
        )
        value *= 10
