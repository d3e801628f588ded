"""Figures by matplotlib, without its global state; colours can be told apart by colour-blind readers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#8C6D31", "#6A6A6A", "#000000", "#B2DF8A",
           "#7570B3", "#A6761D", "#E7298A", "#66A61E", "#1B9E77", "#9E9AC8")  # fmt: skip
"""After Okabe and Ito 2008."""


def plain_drawing() -> AbstractContextManager[None]:
    """While drawing and saving: names are names and no formulas, and the same figure gives the same bytes."""
    from matplotlib import rc_context

    return rc_context({"text.parse_math": False, "svg.hashsalt": "efface"})


def words(name: str) -> str:
    """Turn a key into words."""
    return name.replace("_", " ")


def new_figure(width_in: float, height_in: float, rows: int = 1, columns: int = 1) -> tuple[Figure, NDArray[Any]]:
    """Return a figure and its (rows, columns) axes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width_in, height_in), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, columns, squeeze=False)


def grouped_boxes(
    axes: Axes, groups: Sequence[str], series: Mapping[str, Mapping[str, Sequence[float]]], label: str
) -> None:
    """Draw box plots: along x the groups, in each a box for every series, with its points over it.

    Parameters
    ----------
    axes : where
    groups : names along x
    series : name -> group -> values
    label : of y
    """
    width = 0.8 / max(len(series), 1)
    rng = np.random.default_rng(0)
    for number, (name, values) in enumerate(series.items()):
        colour = COLOURS[number % len(COLOURS)]
        places = np.arange(len(groups)) - 0.4 + width * (number + 0.5)
        data = [np.asarray([v for v in values.get(group, ()) if np.isfinite(v)], float) for group in groups]
        drawn = axes.boxplot(data, positions=places.tolist(), widths=0.85 * width, patch_artist=True, showfliers=False,
                             medianprops={"color": "black"}, manage_ticks=False)  # fmt: skip
        for box in drawn["boxes"]:
            box.set(facecolor=colour, alpha=0.45, edgecolor=colour)
        for place, each in zip(places, data, strict=True):
            spread = rng.uniform(-0.25, 0.25, len(each)) * width
            axes.plot(place + spread, each, ".", color=colour, markersize=3)
        axes.plot([], [], "s", color=colour, label=name)
    axes.set_xticks(range(len(groups)), [words(group) for group in groups], rotation=30, ha="right")
    axes.set_ylabel(label)
    axes.grid(axis="y", alpha=0.3)


def legend_beside(figure: Figure, axes: Axes) -> None:
    """Put the legend to the right of the figure."""
    figure.legend(*axes.get_legend_handles_labels(), loc="outside right upper", fontsize=8)


def bland_altman(axes: Axes, before: NDArray[Any], after: NDArray[Any], title: str, unit: str) -> None:
    """Draw differences against means, with the bias and the limits of agreement."""
    mean, difference = (before + after) / 2, after - before
    bias, spread = difference.mean(), difference.std(ddof=1) if len(difference) > 1 else 0.0
    axes.plot(mean, difference, ".", color=COLOURS[0])
    for level, style in ((bias, "-"), (bias - 1.96 * spread, "--"), (bias + 1.96 * spread, "--")):
        axes.axhline(level, color=COLOURS[3], linestyle=style, linewidth=1)
    axes.axhline(0, color="grey", linewidth=0.6)
    axes.set(title=title, xlabel=f"mean, {unit}" if unit else "mean", ylabel="defaced less original")
    axes.title.set_fontsize(8)


def picture_grid(pictures: Mapping[str, Sequence[NDArray[Any] | str]], rows: Sequence[str]) -> Figure:
    """Draw pictures: a column for each name, a row for each kind; of what is missing, words say why."""
    columns = len(pictures)
    figure, axes = new_figure(max(1.5 * columns, 3), 1.7 * len(rows) + 0.3, len(rows), columns)
    for column, (name, shown) in enumerate(pictures.items()):
        for row, picture in enumerate(shown):
            panel = axes[row, column]
            panel.set_axis_off()
            if isinstance(picture, str):
                panel.text(0.5, 0.5, picture, ha="center", va="center", fontsize=7, transform=panel.transAxes)
            else:
                panel.imshow(picture, cmap="gray", vmin=0, vmax=255)
        axes[0, column].set_title(name, fontsize=7)
    return figure
