"""Charts as SVG that takes its colours from the page, and as PNG. Matplotlib draws them and is optional.

Every colour is first drawn as a number of its own, which is then replaced by a variable of the page's style, so that
one picture serves light and dark pages.
"""

from __future__ import annotations

import io
import re
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from coderl_env.experiment.reports.curves import CurveChart, Panel

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["COLOURS", "can_draw", "chart_png", "chart_svg"]

# Okabe and Ito's palette, told apart by most colour-blind eyes; the last three are darker or lighter kin.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b58900", "#56b4e9", "#7a5195", "#8c6d31")

_STAND_INS = {f"#00a1{index:02x}": f"var(--series-{index})" for index in range(len(COLOURS))}
_INK, _GRID = "#00b101", "#00b102"
_VARIABLES = {**_STAND_INS, _INK: "var(--ink-soft)", _GRID: "var(--rule)"}
_SIZE = (4.6, 3.1)  # inches, of one panel


def can_draw() -> bool:
    """Whether matplotlib is installed."""
    return find_spec("matplotlib") is not None


def chart_svg(chart: CurveChart, name: str) -> str:
    """Return a chart as an SVG element for a page of HTML.

    Args:
        chart: the chart.
        name: unique on the page; it tells the element's own names from those of other charts.
    """
    import matplotlib as mpl

    # Names of parts are hashes of a salt, which must differ between charts of one page; text stays text.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        figure = _drawn(chart, tuple(_STAND_INS), _INK, _GRID)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    element = text[text.index("<svg") :]
    for stand_in, variable in _VARIABLES.items():
        element = element.replace(stand_in, variable)
    # Matplotlib names parts figure_1, axes_1 and so on in every picture.
    element = re.sub(r"<metadata>.*?</metadata>", "", element, flags=re.DOTALL)
    element = re.sub(r'<g id="([^"]+)"', rf'<g id="{name}-\1"', element)
    return re.sub(r"font: (\d[\d.]*px) [^;\"]*", r"font-size: \1", element)


def chart_png(chart: CurveChart) -> bytes:
    """Return a chart as a PNG on white."""
    figure = _drawn(chart, COLOURS, "#333333", "#d8d8d8")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=130)
    return buffer.getvalue()


def _drawn(chart: CurveChart, colours: tuple[str, ...], ink: str, grid: str) -> Figure:
    # The figure's own canvas: pyplot would keep global state and may ask for a display.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(_SIZE[0] * len(chart.panels), _SIZE[1]), layout="constrained")
    FigureCanvasAgg(figure)  # the figure draws on it from now on
    all_axes = figure.subplots(1, len(chart.panels), squeeze=False, sharey=True)[0]
    for axes, panel in zip(all_axes, chart.panels, strict=True):
        _draw_panel(axes, panel, colours)
        _style(axes, ink, grid)
        axes.set_xlabel(panel.x_label, color=ink)
    all_axes[0].set_ylabel(chart.y_label, color=ink)
    handles, labels = all_axes[0].get_legend_handles_labels()
    columns = min(len(labels), 2 * len(chart.panels))
    figure.legend(handles, labels, loc="outside lower center", ncols=columns, frameon=False, labelcolor=ink)
    return figure


def _draw_panel(axes: Any, panel: Panel, colours: tuple[str, ...]) -> None:
    for series, colour in zip(panel.series, colours, strict=False):
        if series.low is not None:
            axes.fill_between(series.x, series.low, series.high, color=colour, alpha=0.16, linewidth=0)
        axes.plot(series.x, series.y, color=colour, linewidth=1.8, label=series.label)


def _style(axes: Any, ink: str, grid: str) -> None:
    axes.grid(color=grid, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(colors=ink, length=0, labelsize=9)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(grid)
    axes.ticklabel_format(axis="x", style="plain")
    axes.xaxis.set_major_locator(_locator())


def _locator() -> Any:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(nbins=5)
