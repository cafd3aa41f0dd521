"""Pictures of a critic: confusion matrix, reliability, token scores over programs. None of them without matplotlib."""

from __future__ import annotations

import io
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["confusion_png", "programs_png", "reliability_png"]

_COLUMNS = 76  # characters of a line of a program
_CHARACTER_WIDTH = 0.602  # of the monospaced font, in parts of its size
_FONT_POINTS = 9.0
_LINE_INCHES = 0.19


def confusion_png(
    labels: Sequence[str], confusion: npt.NDArray[np.int64], accuracy: float, majority: float
) -> bytes | None:
    """Return the matrix of true against predicted outcomes, each row in percent of its programs."""
    if find_spec("matplotlib") is None:
        return None
    figure = _figure(4.6, 4.0)
    axes = figure.subplots()
    shares = confusion / np.maximum(confusion.sum(1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    names = [label.replace("_", " ") for label in labels]
    axes.set_xticks(range(len(names)), names, rotation=20)
    axes.set_yticks(range(len(names)), names)
    for (row, column), count in np.ndenumerate(confusion):
        text = f"{100 * shares[row, column]:.0f} %\n{count}"
        axes.text(column, row, text, ha="center", va="center", color="white" if shares[row, column] > 0.6 else "black")
    axes.set(xlabel="predicted", ylabel="true")
    axes.set_title(f"accuracy {100 * accuracy:.1f} %, majority class {100 * majority:.1f} %", fontsize=10)
    return _png(figure)


def reliability_png(bins: Sequence[tuple[float, float, int]]) -> bytes | None:
    """Return the share that passed over the predicted probability of PASSED; the number of programs below it."""
    if find_spec("matplotlib") is None:
        return None
    figure = _figure(4.2, 4.6)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    predicted, passed, counts = (np.array(column) for column in zip(*bins, strict=True))
    upper.plot([0, 1], [0, 1], color="grey", linewidth=1, linestyle="--", label="as often as it says")
    upper.plot(predicted, passed, marker="o", color="tab:blue", label="critic")
    upper.set(ylabel="share that passed", xlim=(0, 1), ylim=(0, 1))
    upper.legend(loc="upper left", fontsize=8)
    upper.grid(alpha=0.3)
    lower.bar(predicted, counts, width=0.06, color="tab:blue")
    lower.set(xlabel="predicted probability of PASSED", ylabel="programs")
    return _png(figure)


def programs_png(programs: Sequence[tuple[str, Sequence[str], Sequence[float]]]) -> bytes | None:
    """Return programs on whose tokens the critic's probability of PASSED is laid.

    Args:
        programs: a title, the tokens as text, and a probability for each of them.
    """
    if find_spec("matplotlib") is None or not programs:
        return None
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LinearSegmentedColormap

    # Without the dark ends, on which nobody could read.
    colours = LinearSegmentedColormap.from_list("critic", colormaps["RdBu"](np.linspace(0.15, 0.85, 64)))
    heights = ["".join(pieces).count("\n") + 2.5 for _, pieces, _ in programs]
    width = _COLUMNS * _CHARACTER_WIDTH * _FONT_POINTS / 72
    figure = _figure(width + 0.9, _LINE_INCHES * sum(heights) + 0.3)
    all_axes = figure.subplots(len(programs), 1, squeeze=False, height_ratios=heights)[:, 0]
    for axes, height, (title, pieces, scores) in zip(all_axes, heights, programs, strict=True):
        axes.set(xlim=(0, _COLUMNS), ylim=(height - 1, -0.2))
        axes.set_axis_off()
        axes.set_title(title, fontsize=9, loc="left")
        _lay_out(axes, pieces, scores, colours)
    bar = figure.colorbar(ScalarMappable(cmap=colours), ax=list(all_axes), fraction=0.03, aspect=40)
    bar.set_label("probability of PASSED after the token", fontsize=8)
    return _png(figure)


def _lay_out(axes: Any, pieces: Sequence[str], scores: Sequence[float], colours: Any) -> None:
    from matplotlib.patches import Rectangle

    line = column = 0
    for piece, score in zip(pieces, scores, strict=True):
        for number, part in enumerate(piece.split("\n")):
            if number:
                # The line's end shows the score of the token that made it.
                axes.add_patch(Rectangle((column, line), 0.6, 0.95, color=colours(score), linewidth=0))
                line, column = line + 1, 0
            if part:
                axes.add_patch(Rectangle((column, line), len(part), 0.95, color=colours(score), linewidth=0))
                axes.text(
                    column, line + 0.5, part.replace("$", r"\$"), family="monospace", fontsize=_FONT_POINTS, va="center"
                )
                column += len(part)
        if not piece:
            axes.add_patch(Rectangle((column, line), 0.6, 0.95, color=colours(score), linewidth=0))


def _figure(width: float, height: float) -> Any:
    # The figure's own canvas: pyplot would keep global state and may ask for a display.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _png(figure: Any) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120)
    return buffer.getvalue()
