"""Animation of a series before and after motion correction, as one SVG file without scripts."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from html import escape

import numpy as np

from sctflow.reports import style
from sctflow.reports.geometry import choose_slices
from sctflow.reports.grey import grey_levels
from sctflow.reports.template_views import axial_values, find_site, outlines

BEFORE, AFTER = "Before motion correction", "After"

TILE_MM = 26.0
"""Of a slice: the cord, its canal, and room to move by some millimetres."""

_COLUMNS, _ROWS = 3, 2  # slices of each side
_STEP = 2  # of the sampled pixels: a moving picture needs fewer than a still one
_QUALITY = 65  # of the JPEG
_MARK = 80  # pixels for what is written on each volume
_SECONDS = 0.25  # that a volume is shown
_GAP, _HEAD, _FONT, _BASE = 6, 10, 5.5, 7  # pixels; the last one of text in the head


def animate(
    before: np.ndarray,
    after: np.ndarray,
    affine: np.ndarray,
    cord: np.ndarray,
    *,
    labels: Sequence[str] = (),
    at_most: int = 40,
) -> str | None:
    """Volumes one after the other, before and after, with the outline of the cord at rest.

    Where the reader wants less motion, and where nothing moves, the first volume stays.

    Parameters
    ----------
    before, after : (i, j, k, t) array
        The series as it was and as it was corrected.
    affine : (4, 4) array
        Voxel to world (RAS mm).
    cord : (i, j, k) array
        Mask of the cord in the mean of the corrected series.
    labels : sequence of str
        What to write on each volume.
    at_most : int
        Most volumes shown, evenly over time.

    Returns
    -------
    str or None
        SVG; None without a cord.
    """
    count = before.shape[3]
    volumes = np.unique(np.linspace(0, count - 1, min(count, at_most)).round().astype(int))
    images = {"cord": cord}
    for t in volumes:
        images |= {f"before {t}": before[..., t], f"after {t}": after[..., t]}
    site = find_site(images, affine, cords=("cord",))
    if site is None:
        return None
    slices = choose_slices(list(range(len(site))), {}, at_most=_COLUMNS * _ROWS, limit=0.0)[::-1]
    frames = [
        np.hstack([_mosaic(site, f"{side} {t}", slices) for side in ("before", "after")])
        for t in volumes
    ]
    marks = [f"{t}" + (f" · {labels[t]}" if len(labels) else "") for t in volumes]
    return _svg(frames, marks, _outlines(site, slices), [site.first + k for k in slices])


def _side() -> int:
    """Pixels along a side of a tile."""
    from sctflow.reports.template_views import PIXELS_PER_MM

    return len(range(0, round(TILE_MM * PIXELS_PER_MM), _STEP))


def _mosaic(site, name: str, slices: Sequence[int]) -> np.ndarray:
    """Grey levels of the slices of one volume, in rows, with a gap to the right."""
    side = _side()
    tiles = np.zeros((_ROWS * side, _COLUMNS * side + _GAP))
    for place, k in enumerate(slices):
        row, column = divmod(place, _COLUMNS)
        values = axial_values(site, name, k, size=TILE_MM)[::_STEP, ::_STEP]
        tiles[row * side : (row + 1) * side, column * side : (column + 1) * side] = grey_levels(
            values
        )
    return tiles.astype(np.uint8)


def _outlines(site, slices: Sequence[int]) -> list[np.ndarray]:
    """Outlines of the cord on both sides of a frame, in pixels."""
    side = _side()
    found = []
    for place, k in enumerate(slices):
        row, column = divmod(place, _COLUMNS)
        for line in outlines(axial_values(site, "cord", k, size=TILE_MM), width=TILE_MM):
            at = line * side / TILE_MM + np.array([column, row]) * side
            found += [at, at + np.array([_COLUMNS * side + _GAP, 0])]
    return found


def _svg(
    frames: Sequence[np.ndarray],
    marks: Sequence[str],
    lines: Sequence[np.ndarray],
    slices: Sequence[int],
) -> str:
    high, wide = frames[0].shape
    wide -= _GAP
    half = (wide + _GAP) // 2
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high + _HEAD}" '
        'role="img" aria-label="Volumes before and after motion correction">',
        f"<style>{_css(len(frames))}</style>",
        f'<rect width="{wide}" height="{high + _HEAD}" fill="{style.BACKDROP}"/>',
    ]
    for number, (frame, mark) in enumerate(zip(frames, marks, strict=True)):
        kind = f'class="volume" style="animation-delay:{number * _SECONDS:g}s"'
        # The first volume lies below the others, and is there when nothing is animated.
        parts.append(f"<g {kind if number else ''}>{_frame(frame, mark, wide, high)}</g>")
    paths = "".join(
        "M" + "L".join(f"{x:.1f} {y + _HEAD:.1f}" for x, y in line) + "Z" for line in lines
    )
    parts.append(f'<path d="{paths}" fill="none" stroke="{style.CONFIDENT}" stroke-width=".7"/>')
    titles = ((0, BEFORE), (half, AFTER))
    parts += [_text(left + 3, _BASE, title, "start") for left, title in titles]
    side = _side()
    for place, number in enumerate(slices):
        row, column = divmod(place, _COLUMNS)
        parts.append(_text(column * side + 2, _HEAD + (row + 1) * side - 3, f"{number}", "start"))
    return "\n".join([*parts, "</svg>\n"])


def _frame(frame: np.ndarray, mark: str, wide: int, high: int) -> str:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(frame[:, :wide]).save(buffer, format="JPEG", quality=_QUALITY, optimize=True)
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    return (
        f'<rect x="{wide - _MARK}" width="{_MARK}" height="{_HEAD}" fill="{style.BACKDROP}"/>'
        f'<image y="{_HEAD}" width="{wide}" height="{high}" '
        f'href="data:image/jpeg;base64,{data}"/>' + _text(wide - 3, _BASE, mark, "end")
    )


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return (
        f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" fill="{style.LABEL}" '
        f'font-family="DejaVu Sans, Verdana, Arial, sans-serif" font-size="{_FONT}">{escape(text)}'
        "</text>"
    )


def _css(count: int) -> str:
    shown = 100 / count
    return (
        ".volume{opacity:0}"
        "@media (prefers-reduced-motion:no-preference){"
        f".volume{{animation:turn {count * _SECONDS:g}s step-end infinite}}}}"
        f"@keyframes turn{{0%{{opacity:1}}{shown:.3f}%{{opacity:0}}}}"
    )
