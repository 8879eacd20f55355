"""Dark pictures whose axes are in millimetres, and what is drawn on them."""

from __future__ import annotations

import numpy as np

from sctflow.reports import style


def picture(width: float, height: float, *, inches: float):
    """Figure without margins whose axes are in mm from the upper left corner."""
    figure = style.new_figure(inches, inches * height / width, facecolor=style.BACKDROP)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    return figure, axes


def show(axes, pixels: np.ndarray, left: float, top: float, width: float, height: float):
    """Place grey levels 0–255 on the picture, positions in mm."""
    extent = (left, left + width, top + height, top)
    axes.imshow(pixels, extent=extent, cmap="gray", vmin=0, vmax=255, interpolation="none")


def write(axes, x, y, text, *, colour=style.LABEL, ha="center", va="center", above=0) -> None:
    """Write small text that is legible on any grey; its dark rim is in the style of the SVG.

    ``above`` moves it up by so many points.
    """
    axes.annotate(
        text,
        (x, y),
        xytext=(0, above),
        textcoords="offset points",
        color=colour,
        ha=ha,
        va=va,
        fontsize=8.5,
        gid=f"mark-{len(axes.texts)}",
    )


def scale_bar(axes, right: float, bottom: float, length: float) -> None:
    """Draw a bar of ``length`` mm that ends at ``right``, with its length written above."""
    axes.plot([right - length, right], [bottom, bottom], color=style.LABEL, linewidth=1.6)
    write(axes, right - length / 2, bottom, f"{length:g} mm", va="bottom", above=3)
