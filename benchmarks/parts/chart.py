"""Lines over sizes as an SVG picture, written by hand: no library, nothing loaded from anywhere."""

import math
from collections.abc import Mapping
from html import escape

WIDTH, HEIGHT = 720, 360
LEFT, RIGHT, TOP, BOTTOM = 56, 190, 16, 44
COLOURS = ("#1b6ca8", "#b5472f", "#2f7d4f", "#7a4fa3", "#a8761b", "#3a3a3a", "#c2407e")
STYLE = "font: 13px sans-serif; background: #fff"


def lines(title: str, unit: str, values: Mapping[str, Mapping[int, float]]) -> str:
    """One line for each name; sizes and values both on logarithmic axes."""
    sizes = sorted({size for each in values.values() for size in each})
    every = [value for each in values.values() for value in each.values()]
    low, high = 10 ** math.floor(math.log10(min(every))), 10 ** math.ceil(math.log10(max(every)))

    def x(size: float) -> float:
        share = math.log(size / sizes[0]) / math.log(sizes[-1] / sizes[0]) if len(sizes) > 1 else 0
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def y(value: float) -> float:
        share = math.log(value / low) / math.log(high / low)
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)

    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
            f'style="{STYLE}"><title>{escape(title)}</title>'
        )
    ]
    mark = low
    while mark <= high:
        at = y(mark)
        parts.append(f'<line x1="{LEFT}" y1="{at:.0f}" x2="{WIDTH - RIGHT}" y2="{at:.0f}" '
                     f'stroke="#ddd"/><text x="{LEFT - 6}" y="{at + 4:.0f}" text-anchor="end">'
                     f"{mark:g}</text>")  # fmt: skip
        mark *= 10
    parts += [
        f'<text x="{x(size):.0f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{size:,}</text>'
        for size in sizes
    ]
    parts.append(f'<text x="{LEFT}" y="{HEIGHT - 6}">{escape(title)}, {escape(unit)}</text>')
    ends = _apart({name: y(each[max(each)]) for name, each in values.items()})
    for colour, (name, each) in zip(COLOURS, values.items(), strict=False):
        points = " ".join(f"{x(size):.1f},{y(value):.1f}" for size, value in sorted(each.items()))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" '
                     f'stroke-width="2"/><text x="{WIDTH - RIGHT + 8}" y="{ends[name]:.0f}" '
                     f'fill="{colour}">{escape(name)}</text>')  # fmt: skip
    return "\n".join([*parts, "</svg>\n"])


def _apart(ends: Mapping[str, float]) -> dict[str, float]:
    """Where names stand beside their lines without covering each other."""
    placed, last = {}, -math.inf
    for name, at in sorted(ends.items(), key=lambda each: each[1]):
        last = max(at + 4, last + 16)
        placed[name] = last
    return placed
