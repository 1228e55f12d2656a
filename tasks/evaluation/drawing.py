"""From matplotlib to a small SVG that sits inside the report: same input, same bytes; colours that follow the page."""

import html
import re
from collections.abc import Callable, Sequence
from io import StringIO

from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

# These stand for the page's CSS variables: replaced in the SVG, so that a figure is legible on light and dark paper.
INK, MUTED, GRID, ACCENT = "#1d2530", "#667080", "#d5dae1", "#2f6690"
_VARIABLES = {INK: "--ink", MUTED: "--muted", GRID: "--line", ACCENT: "--accent"}

# Paul Tol's "bright" scheme and two of his "muted" one: distinct for the colour-blind, on white, on black, in print.
PALETTE = ("#4477aa", "#ee6677", "#228833", "#ccbb44", "#aa3377", "#66ccee", "#dd9955", "#999999", "#44aa99")

_STYLE = {
    "svg.hashsalt": "mifuse",
    "svg.fonttype": "none",  # text stays text: small, searchable, and in the page's font
    "text.parse_math": False,  # a class may be called "$"
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.titlecolor": INK,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": GRID,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": INK,
    "xtick.color": GRID,
    "ytick.color": GRID,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
}


def draw(width_in: float, height_in: float, description: str, paint: Callable[[Figure], None]) -> str:
    """Let `paint` fill a figure of that size; returns an SVG element with the description for those who cannot see it.

    No pyplot, so nothing is kept between figures, and no date, id or font path from this machine gets in.
    """
    with style.context(["default", _STYLE]):
        figure = Figure(figsize=(width_in, height_in), layout="constrained")
        paint(figure)
        svg = StringIO()
        figure.savefig(svg, format="svg", transparent=True)
    return _inline(svg.getvalue(), description)


def colour(index: int) -> str:
    """The palette's colour of the n-th class or system, beginning again after the last."""
    return PALETTE[index % len(PALETTE)]


def on_colour(index: int) -> str:
    """Black or white, whichever can be read on the palette's n-th colour.

    >>> on_colour(0), on_colour(3)
    ('white', '#111111')
    """
    r, g, b = to_rgb(colour(index))
    return "white" if 0.299 * r + 0.587 * g + 0.114 * b < 0.55 else "#111111"


def shorten(name: str, length: int = 14) -> str:
    """A class name that fits beside an axis.

    >>> shorten("sad"), shorten("disappointed and tired")
    ('sad', 'disappointed…')
    """
    return name if len(name) <= length else f"{name[: length - 1].rstrip()}…"


def legend_columns(names: Sequence[str], width_in: float) -> int:
    """How many legend entries fit side by side at 9 points.

    >>> legend_columns(["angry", "happy", "neutral", "sad"], 3.3), legend_columns(["contempt", "disgust"], 1.0)
    (4, 1)
    """
    lengths, room = [len(shorten(name)) + 4 for name in names], width_in * 14  # 14 characters an inch; 4 for the key
    return len(names) if sum(lengths) <= room else max(1, int(room / max(lengths)))


def say_nothing_to_show(ax: Axes, reason: str) -> None:
    """An empty panel that says why it is empty."""
    ax.set_axis_off()
    ax.text(0.5, 0.5, reason, ha="center", va="center", color=MUTED, transform=ax.transAxes)


def _inline(svg: str, description: str) -> str:
    """Cut what only a file of its own needs, the date in it, and ids that would occur twice on the page."""
    size, box = re.search(r'width="([^"]*)"', svg), re.search(r'viewBox="([^"]*)"', svg)
    if not size or not box:
        raise ValueError(f"matplotlib wrote an SVG without width or viewBox: {svg[:300]}")
    body = svg[svg.index(">", svg.index("<svg")) + 1 :]
    body = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<defs>\s*</defs>", "", body, flags=re.DOTALL)
    body = re.sub(r'<g id="[^"]*"', "<g", body)
    body = re.sub(r'(style="[^"]*?)font-family:[^;"]*;? ?', r"\1", body)
    body = re.sub(r"\s*\n\s*", "\n", body).strip()
    for hex_colour, variable in _VARIABLES.items():
        body = body.replace(hex_colour, f"var({variable})")
    head = f'<svg class="figure" viewBox="{box[1]}" style="max-width: {size[1]}" role="img"'
    return f'{head} aria-label="{html.escape(description)}">\n{body}'
