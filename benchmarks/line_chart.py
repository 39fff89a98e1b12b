"""A chart of lines as SVG: both axes logarithmic, with the colours of the reader's page, light or dark."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from itertools import pairwise
from math import ceil, floor, log10

Points = Sequence[tuple[float, float]]
"""The points of a line, from left to right; all numbers are above zero."""

_WIDTH, _HEIGHT = 760, 400
_LEFT, _RIGHT, _TOP, _BOTTOM = 76, 110, 58, 54
_APART = 17
"""The least distance of two labels, in pixels."""
# Blue, orange, green and purple that differ in lightness, too, for readers who see few colours.
_STYLE = """
svg { color-scheme: light dark; font: 13px system-ui, sans-serif }
.page { fill: #ffffff; stroke: #d0d7de }
.grid { stroke: #d8dee4; stroke-width: 1 }
text { fill: #424a53 }
.title { fill: #1f2328; font-size: 16px; font-weight: 600 }
.line { fill: none; stroke-width: 2.5; stroke-linejoin: round }
.name { font-weight: 600 }
.l0 { --color: #0550ae } .l1 { --color: #bc4c00 } .l2 { --color: #1a7f37 } .l3 { --color: #8250df }
.line { stroke: var(--color) } .dot, .name { fill: var(--color) }
@media (prefers-color-scheme: dark) {
  .page { fill: #0d1117; stroke: #30363d }
  .grid { stroke: #2a313a }
  text { fill: #b1bac4 }
  .title { fill: #f0f6fc }
  .l0 { --color: #79c0ff } .l1 { --color: #ffa657 } .l2 { --color: #56d364 } .l3 { --color: #d2a8ff }
}
"""


def line_chart(
    lines: Mapping[str, Points],
    *,
    title: str,
    x_title: str,
    x_labels: Mapping[float, str],
    y_labels: Mapping[float, str],
) -> str:
    """Return the chart of up to four lines by name, each with its name at its end. `x_title` is the name of the x axis.

    Labels are given by value; those outside the chart are left out. Its edges are powers of ten.
    """
    xs, ys = ([point[place] for points in lines.values() for point in points] for place in (0, 1))
    x_ends, y_ends = _decades(xs), _decades(ys)
    bottom, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT

    def x_of(value: float) -> float:
        return _LEFT + (right - _LEFT) * _share(value, x_ends)

    def y_of(value: float) -> float:
        return bottom - (bottom - _TOP) * _share(value, y_ends)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">',
        f"<title>{escape(title)}</title>",
        f"<style>{_STYLE}</style>",
        f'<rect class="page" x="0.5" y="0.5" width="{_WIDTH - 1}" height="{_HEIGHT - 1}" rx="6"/>',
        f'<text class="title" x="20" y="32">{escape(title)}</text>',
    ]
    for value, label in _inside(y_labels, y_ends):
        y = y_of(value)
        parts.append(f'<path class="grid" d="M{_LEFT} {y:.1f}H{right}"/>')
        parts.append(f'<text x="{_LEFT - 10}" y="{y + 4.5:.1f}" text-anchor="end">{escape(label)}</text>')
    for value, label in _inside(x_labels, x_ends):
        parts.append(f'<text x="{x_of(value):.1f}" y="{bottom + 20}" text-anchor="middle">{escape(label)}</text>')
    middle = (_LEFT + right) / 2
    parts.append(f'<text x="{middle:.1f}" y="{_HEIGHT - 12}" text-anchor="middle">{escape(x_title)}</text>')
    ends = [y_of(points[-1][1]) for points in lines.values()]
    for number, ((name, points), label_y) in enumerate(zip(lines.items(), _spread(ends), strict=True)):
        places = [(x_of(x), y_of(y)) for x, y in points]
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
        dots = "".join(f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>' for x, y in places)
        name_at = f'x="{places[-1][0] + 12:.1f}" y="{label_y + 4.5:.1f}"'
        parts.append(f'<g class="l{number}"><path class="line" d="M{path}"/>{dots}')
        parts.append(f'<text class="name" {name_at}>{escape(name)}</text></g>')
    return "\n".join([*parts, "</svg>\n"])


def _decades(values: Iterable[float]) -> tuple[int, int]:
    """Return the powers of ten around the values, as exponents."""
    known = list(values)
    low = floor(log10(min(known)))
    return low, max(low + 1, ceil(log10(max(known))))


def _share(value: float, ends: tuple[int, int]) -> float:
    return (log10(value) - ends[0]) / (ends[1] - ends[0])


def _inside(labels: Mapping[float, str], ends: tuple[int, int]) -> list[tuple[float, str]]:
    return [(value, label) for value, label in labels.items() if 0 <= _share(value, ends) <= 1]


def _spread(places: Sequence[float]) -> list[float]:
    """Return the places of labels, moved down as far as needed to keep them apart, then up together by half of that."""
    order = sorted(range(len(places)), key=places.__getitem__)
    moved = list(places)
    for above, below in pairwise(order):
        moved[below] = max(moved[below], moved[above] + _APART)
    shift = max((moved[number] - places[number] for number in order), default=0) / 2
    return [place - shift for place in moved]
