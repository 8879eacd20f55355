"""When the volumes and slices of a series are acquired, as its sidecar tells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

from sctflow.errors import ImageError, SctflowError

LONGEST_TR = 30.0
"""s; volumes of functional series follow each other more quickly, and 30 ms would be too quick:
what is longer is told in milliseconds."""

ENCODINGS = ("i", "i-", "j", "j-", "k", "k-")


@dataclass(frozen=True)
class SliceTiming:
    """When the slices of a volume are acquired.

    Attributes
    ----------
    times : sequence of float
        Field ``SliceTiming`` of the sidecar, s.
    encoding : str
        Field ``SliceEncodingDirection``.
    """

    times: Sequence[float]
    encoding: str = "k"

    @property
    def reference(self) -> float:
        """The time that slices are brought to, s: the middle between the first and the last."""
        return (min(self.times) + max(self.times)) / 2


def read_timing(
    metadata: Mapping, *, name: str, shape: Sequence[int], wanted: bool
) -> tuple[float | None, SliceTiming | None, list[str]]:
    """Read when volumes and slices are acquired from the sidecar of a series.

    Parameters
    ----------
    metadata : mapping
        Fields of the sidecar.
    name : str
        Of the series, for warnings.
    shape : sequence of int
        Its size.
    wanted : bool
        Whether slices are to be brought to one time.

    Returns
    -------
    repetition_time : float or None
        s.
    slice_timing : SliceTiming or None
        None where it is not wanted or cannot be had.
    warnings : list of str
        What is missing, and what that means.
    """
    tr = metadata.get("RepetitionTime")
    warnings = []
    problem = ""
    if not (isinstance(tr, int | float) and isfinite(tr) and tr > 0):
        problem = "the sidecar has no RepetitionTime"
    elif tr > LONGEST_TR:
        problem = f"its RepetitionTime of {tr:g} s is not used (is it in milliseconds?)"
    if problem:
        tr = None
        warnings.append(
            f"{name}: {problem}: one slow drift is among the confounds, however long the series"
        )
    if not wanted:
        return tr, None, warnings
    try:
        timing = _slice_timing(metadata, tr, shape)
    except (SctflowError, TypeError, ValueError) as error:
        warnings.append(f"{name}: slices were not brought to one time. {error}")
        return tr, None, warnings
    return tr, timing, warnings


def _slice_timing(metadata: Mapping, tr: float | None, shape: Sequence[int]) -> SliceTiming:
    from sctflow.core.slice_timing import check_slice_times

    times, encoding = metadata.get("SliceTiming"), metadata.get("SliceEncodingDirection", "k")
    if tr is None or not times:
        lacking = "SliceTiming" if tr else "RepetitionTime"
        raise ImageError(f"The sidecar has no {lacking}.")
    if encoding not in ENCODINGS:
        raise ImageError(
            f"SliceEncodingDirection is {encoding!r}, not one of {', '.join(ENCODINGS)}."
        )
    # What is wrong with a file that cannot be read is told by the node that reads it.
    if shape:
        check_slice_times(times, tr, shape["ijk".index(encoding[0])])
    return SliceTiming(tuple(float(time) for time in times), encoding)
