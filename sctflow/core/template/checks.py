"""Whether two cords look as if they could be matched."""

from __future__ import annotations

from sctflow.core.template.across import RATIOS
from sctflow.core.template.cord_map import CordMap

AREA_RATIOS = (0.6, 1.6)
"""Usual limits of a cord's area over the template's at the same level: three standard deviations
of healthy adults (about 12 % each) and a compressed or swollen stretch lie within."""

MEAN_RATIOS = (0.75, 1.38)
"""The same for the mean over the whole cord; a mask that is one voxel too small or too large all
round leaves it in most images."""

NOISE_MM = 0.3
"""Outlines of neighbouring slices differ less in a mask that follows the cord."""

_SHARE = 0.1  # of the stations that may be unusual before it is worth a word


def check_shapes(cord_map: CordMap, *, name: str) -> list[str]:
    """Warn about cross-sections that do not look like those of a cord.

    Parameters
    ----------
    cord_map : CordMap
        From the subject to the template.
    name : str
        What the messages start with.
    """
    first, second = cord_map.sections.first, cord_map.sections.second
    low, high = cord_map.template.ends
    covered = (second.s > low) & (second.s < high)
    if not covered.any():
        return [f"{name}: no part of the cord lies within the template's levels"]
    ratio = (first.area / second.area)[covered]
    texts = []
    mean = float(ratio.mean())
    if not MEAN_RATIOS[0] < mean < MEAN_RATIOS[1]:
        texts.append(
            f"the cord's mask has {mean:.2f} times the area of the template's cord. Check that it "
            "is neither too narrow nor too wide"
        )
    odd = (ratio < AREA_RATIOS[0]) | (ratio > AREA_RATIOS[1])
    bent = second.outline / first.outline
    clipped = ((bent < RATIOS[0]) | (bent > RATIOS[1])).any(axis=1)[covered]
    odd |= clipped
    if odd.any() and (odd.mean() > _SHARE or clipped.any()):
        where = first.s[covered][odd]
        texts.append(
            f"between {where.min():.0f} and {where.max():.0f} mm above the mask's lower end the "
            "mask's cross-section is unlike the template's cord in size or shape. Check the mask "
            "there; what is mapped there is uncertain"
        )
    if first.noise > NOISE_MM:
        texts.append(
            f"the outline of the mask is rough: slices differ by {first.noise:.2f} mm from their "
            "neighbours. Check the mask"
        )
    beyond = 1 - covered.mean()
    if beyond > 0:
        texts.append(
            f"{100 * beyond:.0f} % of the cord's mask lie beyond the ends of the template's cord"
        )
    return [f"{name}: {text}" for text in texts]
