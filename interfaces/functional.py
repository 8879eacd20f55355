"""Nodes that prepare functional series."""

from __future__ import annotations

from pathlib import Path

from nipype.interfaces.base import (
    BaseInterfaceInputSpec,
    File,
    SimpleInterface,
    TraitedSpec,
    isdefined,
    traits,
)

from sctflow.errors import ImageError
from sctflow.interfaces.series import load_series, series_like
from sctflow.io import load_image, save_image

LEAST_VOLUMES = 3
"""That are steady: with fewer there is no drift to tell from change."""

FALLBACK_MM = 35.0
"""Diameter of the cylinder within which motion is measured where no cord is found: what the
Spinal Cord Toolbox recommends around a cord."""


class _SeriesInputSpec(BaseInterfaceInputSpec):
    in_file = File(exists=True, mandatory=True, desc="functional series")


class _CheckSeriesOutputSpec(TraitedSpec):
    out_file = File(
        exists=True, desc="the series itself, or a copy with finite values where it needed one"
    )
    mean_file = File(exists=True, desc="mean of the steady volumes")
    dummies = traits.Int(desc="volumes at the beginning that are not steady")
    warnings = traits.List(traits.Str, desc="what the reader of the report should know")


class CheckSeries(SimpleInterface):
    """Refuse a series that cannot be trusted, and count the volumes before the steady state.

    Values that are not finite become 0, in a copy.
    """

    input_spec = _SeriesInputSpec
    output_spec = _CheckSeriesOutputSpec

    def _run_interface(self, runtime):
        import numpy as np

        from sctflow.core.image import check_image, finite, new_like
        from sctflow.core.steady_state import count_dummies

        path, out = Path(self.inputs.in_file), Path(runtime.cwd)
        img = load_series(path)
        raw = np.asanyarray(img.dataobj)
        data = finite(raw)
        dummies = count_dummies(data)
        if data.shape[3] - dummies < LEAST_VOLUMES:
            raise ImageError(
                f"{path}: the series has {data.shape[3]} volumes, {dummies} of them not steady; "
                f"at least {LEAST_VOLUMES} steady ones are needed."
            )
        mean = new_like(_mean(data, dummies), img, np.float32)
        warnings = [w.removeprefix(f"{path}: ") for w in check_image(mean, name=str(path))]
        if dummies:
            warnings.append(
                f"the first {dummies} of {data.shape[3]} volumes are brighter than the others: "
                "they are kept, flagged, and left out of means, temporal SNR and components"
            )
        if data is not raw:
            path = save_image(series_like(data, img), out / "checked.nii.gz")
            warnings.append("values that are not numbers are taken as 0")
        self._results |= {
            "out_file": str(path),
            "mean_file": str(save_image(mean, out / "mean.nii.gz")),
            "dummies": dummies,
            "warnings": warnings,
        }
        return runtime


class _FindMotionMaskInputSpec(BaseInterfaceInputSpec):
    in_file = File(exists=True, mandatory=True, desc="mean of the series")
    cord_file = File(
        exists=True,
        desc="mask of the cord of another image of the session; its place in the world is trusted",
    )
    num_threads = traits.Int(1, usedefault=True, nohash=True, desc="threads of the network")


class _FindMotionMaskOutputSpec(TraitedSpec):
    out_file = File(exists=True, desc="weights from 0 to 1 on the grid of the series")
    warnings = traits.List(traits.Str, desc="what the reader of the report should know")


class FindMotionMask(SimpleInterface):
    """Find the cord in the mean of a series, well enough to measure motion about it.

    The mask of another image of the session is used as its header says it lies. Without it, or
    where it does not reach the series, the built-in networks look for the cord; where they find
    none, motion is measured about the middle of the field of view.
    """

    input_spec = _FindMotionMaskInputSpec
    output_spec = _FindMotionMaskOutputSpec

    def _run_interface(self, runtime):
        import numpy as np

        from sctflow.core.create_mask import centers_through, draw_mask, middle_of
        from sctflow.core.image import new_like

        img, warnings = load_image(self.inputs.in_file), []
        mask = None
        if isdefined(self.inputs.cord_file):
            mask = _placed(self.inputs.cord_file, img)
            if mask is None:
                warnings.append(
                    "the cord of the anatomical image lies outside of the series, as the headers "
                    "say; it was looked for in the series"
                )
        if mask is None:
            mask = _segmented(img, self.inputs.num_threads)
        if mask is None:
            warnings.append(
                "no cord was found in the mean of the series: motion was measured about the "
                "middle of the field of view"
            )
            centers = centers_through(middle_of(img.shape, img.affine), img.shape, img.affine)
            mask = draw_mask(img.shape, img.affine, centers, size_mm=FALLBACK_MM)
        out = Path(runtime.cwd) / "motion_mask.nii.gz"
        self._results["out_file"] = str(save_image(new_like(mask, img, np.float32), out))
        self._results["warnings"] = warnings
        return runtime


class _CorrectSliceTimingInputSpec(_SeriesInputSpec):
    slice_times = traits.List(
        traits.Float,
        mandatory=True,
        desc="when each slice is excited, s after the beginning of the volume, as in the field "
        "SliceTiming of the sidecar",
    )
    repetition_time = traits.Range(
        low=0.0, exclude_low=True, mandatory=True, units="s", desc="time from volume to volume"
    )
    slice_encoding = traits.Enum(
        *("k", "k-", "j", "j-", "i", "i-"),
        usedefault=True,
        desc="axis of the voxels that the slices are counted along, as in the field "
        "SliceEncodingDirection",
    )
    reference_time = traits.Range(
        low=0.0,
        units="s",
        desc="time that all slices are brought to; by default the middle between the first and "
        "the last one",
    )
    skip = traits.Range(
        low=0,
        value=0,
        usedefault=True,
        desc="volumes at the beginning that are not steady, and stay as they are",
    )


class _SeriesOutputSpec(TraitedSpec):
    out_file = File(exists=True, desc="the new series")


class CorrectSliceTiming(SimpleInterface):
    """Bring the slices of a series, excited one after the other, to one time.

    Correct the motion of axial slices before: they move in their planes.
    """

    input_spec = _CorrectSliceTimingInputSpec
    output_spec = _SeriesOutputSpec

    def _run_interface(self, runtime):
        import numpy as np

        from sctflow.core.slice_timing import correct_slice_timing

        inputs = self.inputs
        img = load_series(inputs.in_file)
        times = inputs.slice_times
        try:
            data = correct_slice_timing(
                np.asanyarray(img.dataobj),
                times[::-1] if inputs.slice_encoding.endswith("-") else times,
                inputs.repetition_time,
                axis="ijk".index(inputs.slice_encoding[0]),
                to=inputs.reference_time if isdefined(inputs.reference_time) else None,
                skip=inputs.skip,
            )
        except ImageError as error:
            raise ImageError(f"{inputs.in_file}: {error}") from error
        path = save_image(series_like(data, img), Path(runtime.cwd) / "timed.nii.gz")
        self._results["out_file"] = str(path)
        return runtime


class _AverageVolumesInputSpec(_SeriesInputSpec):
    skip = traits.Range(
        low=0, value=0, usedefault=True, desc="volumes at the beginning that are left out"
    )


class _AverageVolumesOutputSpec(TraitedSpec):
    out_file = File(exists=True, desc="mean of the volumes")


class AverageVolumes(SimpleInterface):
    """Average the volumes of a series."""

    input_spec = _AverageVolumesInputSpec
    output_spec = _AverageVolumesOutputSpec

    def _run_interface(self, runtime):
        import numpy as np

        from sctflow.core.image import new_like

        img = load_series(self.inputs.in_file)
        skip = self.inputs.skip
        if skip >= img.shape[3]:
            raise ImageError(
                f"{self.inputs.in_file}: {skip} of {img.shape[3]} volumes are left out; none "
                "is left."
            )
        mean = new_like(_mean(np.asanyarray(img.dataobj), skip), img, np.float32)
        self._results["out_file"] = str(save_image(mean, Path(runtime.cwd) / "mean.nii.gz"))
        return runtime


def _mean(data, skip):
    import numpy as np

    return data[..., skip:].mean(axis=3, dtype=np.float64)


def _placed(path, img):
    """Weights of a mask on the grid of an image, None where it does not reach it."""
    import numpy as np

    from sctflow.core.image import resample, squeeze
    from sctflow.core.mask import mask_weights

    mask = squeeze(load_image(path))
    weights = resample(
        mask_weights(np.asanyarray(mask.dataobj)).astype(np.float32),
        mask.affine,
        to_affine=img.affine,
        to_shape=img.shape,
    )
    return weights if (weights >= 0.5).any() else None


def _segmented(img, num_threads):
    """Mask from the networks, None where they find no cord."""
    import numpy as np

    from sctflow.core.segmentation import segment_cord
    from sctflow.models import load_cord_nets

    nets, _ = load_cord_nets()
    data = np.asanyarray(img.dataobj)
    mask = segment_cord(data, img.affine, nets=nets, num_threads=num_threads).mask
    return mask if mask.any() else None
