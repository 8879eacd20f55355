"""Magnetisation transfer: the ratio of two images, and saturation and T1 from three."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

B1_FACTOR = 0.4
"""How MTsat that is left uncorrected depends on the transmit field (Weiskopf et al. 2013)."""

MTR_LIMIT = 100.0
"""Percent; a ratio beyond it is noise divided by little."""


LONGEST_T1 = 10.0
"""s; twice that of pure water at body temperature. What is longer, or negative, is noise divided
by little, and one such voxel would outweigh a whole region."""

LONGEST_TR = 5.0
"""s; no gradient echo whose contrast is to tell T1 waits as long, and one of 5 ms would be called
5 if it were told in milliseconds."""

SMALLEST_FLIP = 1.0
"""Degrees; larger angles of gradient echoes are smaller than this in radians."""


class Flash(NamedTuple):
    """A spoiled gradient-echo image and how it was made."""

    data: np.ndarray
    """(i, j, k) signal."""
    tr: float
    """Repetition time of the excitation, s."""
    flip: float
    """Flip angle, degrees."""


def compute_mtr(on: np.ndarray, off: np.ndarray) -> np.ndarray:
    """Magnetisation transfer ratio, 100 (S_off − S_on) / S_off.

    Parameters
    ----------
    on, off : arrays of the same shape
        Signal with and without the MT pulse.

    Returns
    -------
    array of float64
        Percent, clipped to ±100; nan where `off` is not positive, as interpolation may leave it
        in the dark, or either is not finite.
    """
    on, off = np.asarray(on, float), np.asarray(off, float)
    known = (off > 0) & np.isfinite(on) & np.isfinite(off)
    ratio = np.divide(100 * (off - on), off, out=np.full(known.shape, np.nan), where=known)
    return np.clip(ratio, -MTR_LIMIT, MTR_LIMIT)


def compute_mtsat(
    mt: Flash, pd: Flash, t1: Flash, *, b1: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Magnetisation transfer saturation and T1 from three spoiled gradient-echo images.

    Parameters
    ----------
    mt : Flash
        With the MT pulse.
    pd, t1 : Flash
        Without it, with a small flip angle (weighted by proton density) and with a larger one or
        a shorter repetition time (weighted by T1).
    b1 : array, optional
        Transmit field relative to the nominal one, 1 where it is right, on the same grid.

    Returns
    -------
    mtsat : array of float64
        Share of the longitudinal magnetisation that one MT pulse takes, in percent units.
    t1 : array of float64
        s. Both are nan where a signal is not positive or anything is not finite, and T1 where it
        is not positive or longer than :data:`LONGEST_T1`.

    Raises
    ------
    ValueError
        Repetition times or angles that are not positive, or from which T1 cannot be told.

    Notes
    -----
    Helms et al. 2008, doi 10.1002/mrm.21732: for small flip angles α, a signal is
    ``A α R1 TR / (α²/2 + δ + R1 TR)``. The two images without pulse give A and R1, and the third
    gives δ, the saturation.

    With `b1`, MTsat is multiplied by ``(1 − 0.4) / (1 − 0.4 b1)`` (Weiskopf et al. 2013, doi
    10.3389/fnins.2013.00095), and T1 is that of the true flip angles ``b1 α``, which divides it
    by ``b1²``.
    """
    check_protocol(mt, pd, t1)
    angle_mt, angle_pd, angle_t1 = (np.radians(image.flip) for image in (mt, pd, t1))
    s_mt, s_pd, s_t1 = (np.asarray(image.data, float) for image in (mt, pd, t1))
    with np.errstate(all="ignore"):  # Where there is no signal, nothing is known.
        r1 = 0.5 * (s_t1 * angle_t1 / t1.tr - s_pd * angle_pd / pd.tr)
        r1 /= s_pd / angle_pd - s_t1 / angle_t1
        # A R1 and not A: R1 may be 0 within the noise, as in CSF, without harm to the saturation.
        amplitude_r1 = s_pd * (angle_pd**2 / 2 + r1 * pd.tr) / (angle_pd * pd.tr)
        mtsat = amplitude_r1 * angle_mt / s_mt * mt.tr - r1 * mt.tr - angle_mt**2 / 2
        time = 1 / r1
        if b1 is not None:
            field = np.asarray(b1, float)
            mtsat = mtsat * (1 - B1_FACTOR) / (1 - B1_FACTOR * field)
            time = time / field**2
        seen = (s_mt > 0) & (s_pd > 0) & (s_t1 > 0)
        possible = seen & (time > 0) & (time <= LONGEST_T1)
    mtsat = np.where(seen & np.isfinite(mtsat), 100 * mtsat, np.nan)
    return mtsat, np.where(possible, time, np.nan)


def check_protocol(mt: Flash, pd: Flash, t1: Flash) -> None:
    """Refuse a protocol that T1 cannot be told from; the images themselves are not looked at.

    Raises
    ------
    ValueError
        Repetition times or angles that are not positive, that look like milliseconds or
        radians, or that weight T1 alike.
    """
    for name, image in (("MT", mt), ("PD", pd), ("T1", t1)):
        if not (image.tr > 0 and image.flip > 0):
            raise ValueError(
                f"The {name}-weighted image needs a positive repetition time and flip angle, not "
                f"{image.tr:g} s and {image.flip:g} degrees."
            )
        if image.tr > LONGEST_TR or image.flip < SMALLEST_FLIP:
            raise ValueError(
                f"The {name}-weighted image cannot have a repetition time of {image.tr:g} s and a "
                f"flip angle of {image.flip:g} degrees. Are they in milliseconds, or in radians?"
            )
    # Of the same weighting, the two images have the same signal: 0 / 0 would be left.
    if np.isclose(pd.flip**2 / pd.tr, t1.flip**2 / t1.tr):
        raise ValueError(
            "The PD- and the T1-weighted image have the same flip angle and repetition time, or "
            "ones that weight T1 alike: T1 cannot be told from them."
        )
