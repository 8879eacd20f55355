"""Nodes that correct the motion of a series."""

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

from sctflow.interfaces.diffusion import GradientsInputSpec, read_gradients, save_like
from sctflow.interfaces.series import load_series, series_like
from sctflow.io import load_image, save_image, save_table

UNCORRECTED = "motion was not corrected: no cord was found about which to follow it"

_ACQUISITION = {"auto": None, "axial": 2, "coronal": 1, "sagittal": 0}


class _MotionInputSpec(BaseInterfaceInputSpec):
    in_file = File(exists=True, mandatory=True, desc="series of volumes")
    mask_file = File(
        exists=True,
        mandatory=True,
        desc="mask of the cord on the grid of the series, binary or soft; motion is measured "
        "within 17 mm of its centre",
    )
    kind = traits.Enum(
        "translation",
        "rigid",
        usedefault=True,
        desc="motion of each slice in its plane: shifts, or shifts and turns",
    )
    reference_volume = traits.Range(
        low=0,
        desc="volume that is taken to be at rest; by default, the mean place is",
    )
    groups = traits.Range(
        low=1,
        value=1,
        usedefault=True,
        desc="successive volumes that are averaged and taken to move together",
    )
    poly = traits.Range(
        low=0,
        xor=["smooth"],
        desc="degree of the polynomial that motion follows along the cord; 0 for each slice on "
        "its own. By default, how alike neighbours are is found from the data",
    )
    smooth = traits.Range(
        low=0.0,
        exclude_low=True,
        xor=["poly"],
        units="mm",
        desc="length along the cord over which motion is alike; by default, it is found from the "
        "data",
    )
    rounds = traits.Range(
        low=1,
        value=3,
        usedefault=True,
        desc="how often the target is made anew from the volumes moved back",
    )
    acquisition = traits.Enum(
        *_ACQUISITION,
        usedefault=True,
        desc="direction of the slices; auto takes the longest side of the voxels for across them",
    )
    interpolation = traits.Enum(
        "spline",
        "linear",
        "nearest",
        "sinc",
        "fourier",
        usedefault=True,
        desc="how the series is interpolated, once; sinc and fourier for shifts only, fourier "
        "keeps the variance of noise",
    )

    skip_empty = traits.Bool(
        False,
        usedefault=True,
        graph_only=True,
        desc="where the mask is empty, hand the series on as it is, with a warning",
    )
    done = traits.Dict(
        usedefault=True,
        graph_only=True,
        desc="what was done with the series before, in the terms of its sidecar",
    )


class _MotionOutputSpec(TraitedSpec):
    out_file = File(exists=True, desc="series with every slice moved back")
    motion_file = File(exists=True, desc="motion of each volume")
    slice_motion_file = File(exists=True, desc="motion of each slice of each volume")
    method = traits.Dict(desc="what was done with the series, for its sidecar")
    warnings = traits.List(traits.Str, desc="what the reader of the report should know")


class _CorrectMotionInputSpec(_MotionInputSpec):
    reference_volume = traits.Range(
        low=0,
        xor=["reference_file"],
        desc="volume that is taken to be at rest; by default, the mean place is",
    )
    reference_file = File(
        exists=True,
        xor=["reference_volume"],
        desc="image on the same grid, such as the mean of another run, onto which to move",
    )
    metric = traits.Enum(
        "correlation",
        "edges",
        usedefault=True,
        desc="how the reference file is compared: by correlation slice by slice, or, if its "
        "contrast is another one, by the direction of edges of all slices together",
    )


class _CorrectMotionOutputSpec(_MotionOutputSpec):
    mean_file = File(exists=True, desc="mean of the corrected series")


class CorrectMotion(SimpleInterface):
    """Correct the motion of a functional series slice by slice.

    All slices and volumes are estimated together, about the cord, and smooth along it as far as
    the data say.
    """

    input_spec = _CorrectMotionInputSpec
    output_spec = _CorrectMotionOutputSpec

    def _run_interface(self, runtime):
        import numpy as np

        from sctflow.core.motion import estimate_motion

        inputs, out = self.inputs, Path(runtime.cwd)
        img, mask = _load(inputs)
        options = {**_options(inputs, img), "metric": inputs.metric}
        data = np.asanyarray(img.dataobj)
        motion = None if mask is None else estimate_motion(data, img.affine, mask, **options)
        corrected = _correct(img, motion, inputs.interpolation)
        self._results |= _save(img, corrected, motion, inputs, out)
        mean = corrected.mean(axis=-1, dtype=np.float64)
        self._results["mean_file"] = _save_mean(mean, img, out / "mean.nii.gz")
        return runtime


class _CorrectDWIMotionInputSpec(_MotionInputSpec, GradientsInputSpec):
    """A diffusion series, its gradients, and how it is corrected."""


class _CorrectDWIMotionOutputSpec(_MotionOutputSpec):
    bval_file = File(exists=True, desc="b-values in a row")
    bvec_file = File(exists=True, desc="directions, turned as the volumes were")
    dwi_mean_file = File(exists=True, desc="mean of the corrected volumes with weighting")
    b0_mean_file = File(exists=True, desc="mean of the corrected volumes without weighting")


class CorrectDWIMotion(SimpleInterface):
    """Correct the motion of a diffusion-weighted series slice by slice.

    Volumes with and without diffusion weighting are followed apart, each weighted one against
    what the others tell about its direction, and then joined.
    """

    input_spec = _CorrectDWIMotionInputSpec
    output_spec = _CorrectDWIMotionOutputSpec

    def _run_interface(self, runtime):
        import numpy as np

        from sctflow.core.motion import estimate_dwi_motion, rotate_bvecs
        from sctflow.core.motion.unknown import mean_of_known, restore_unknown

        inputs, out = self.inputs, Path(runtime.cwd)
        img, mask = _load(inputs)
        data = np.asanyarray(img.dataobj)
        gradients, warnings = read_gradients(inputs, img, b0_needed=False)
        motion = None
        if mask is not None:
            motion = estimate_dwi_motion(
                data,
                img.affine,
                mask,
                gradients.bvals,
                gradients.bvecs,
                b0_max=inputs.b0_max,
                **_options(inputs, img),
            )
            bvecs = rotate_bvecs(gradients.bvecs, img.affine, motion)
            gradients = gradients._replace(bvecs=bvecs)
        corrected = _correct(img, motion, inputs.interpolation)
        corrected, unknown = restore_unknown(corrected, data, img.affine, motion)
        if unknown:
            warnings.append(f"{unknown} voxels have no numbers in some volume, and so no tensor")
        self._results |= _save(img, corrected, motion, inputs, out)
        self._results["warnings"] = [*warnings, *self._results["warnings"]]
        self._results |= save_like(gradients, inputs, out)
        b0 = gradients.is_b0(inputs.b0_max)
        for name, chosen in (("b0", b0), ("dwi", ~b0)):
            if not chosen.any():
                continue
            mean = mean_of_known(corrected, chosen & np.isfinite(corrected) if unknown else chosen)
            self._results[f"{name}_mean_file"] = _save_mean(mean, img, out / f"{name}_mean.nii.gz")
        return runtime


def _load(inputs):
    """Series, and weights of the mask on its grid; none if it may be empty and is."""
    import numpy as np

    from sctflow.core.image import squeeze
    from sctflow.core.manual import mask_on_grid

    img = load_series(inputs.in_file)
    mask = squeeze(load_image(inputs.mask_file))
    if inputs.skip_empty and not np.any(mask.dataobj):
        return img, None
    return img, mask_on_grid(mask, img.slicer[..., 0], name=inputs.mask_file)


def _load_reference(inputs, img):
    """What is at rest, as `estimate_motion` takes it."""
    from sctflow.core.image import squeeze
    from sctflow.core.same_grid import data_on_grid

    if isdefined(inputs.reference_volume):
        return inputs.reference_volume
    if not hasattr(inputs, "reference_file") or not isdefined(inputs.reference_file):
        return "mean"
    other = squeeze(load_image(inputs.reference_file))
    return data_on_grid(
        other, img, name=inputs.reference_file, reference_name=inputs.in_file
    ).astype("float32")


def _options(inputs, img):
    """Inputs under the names of the core's arguments."""
    return {
        "reference": _load_reference(inputs, img),
        "kind": inputs.kind,
        "groups": inputs.groups,
        "poly": inputs.poly if isdefined(inputs.poly) else None,
        "smooth": inputs.smooth if isdefined(inputs.smooth) else None,
        "rounds": inputs.rounds,
        "slice_axis": _ACQUISITION[inputs.acquisition],
    }


def _correct(img, motion, interpolation):
    import numpy as np

    from sctflow.core.motion import apply_motion

    data = np.asanyarray(img.dataobj)
    if motion is None:
        return data
    return apply_motion(data, img.affine, motion, interpolation=interpolation)


def _save(img, corrected, motion, inputs, out):
    """Write the series and the tables of its motion; returns the results."""
    done = {**inputs.done, "MotionCorrection": "none"}
    if motion is not None:
        done |= {"MotionCorrection": inputs.kind, "Interpolation": inputs.interpolation}
    out_file = str(save_image(series_like(corrected, img), out / "corrected.nii.gz"))
    if motion is None:
        return {"out_file": out_file, "method": done, "warnings": [UNCORRECTED]}
    return {
        "out_file": out_file,
        "method": done,
        "motion_file": str(save_table(motion.per_volume(), out / "motion.tsv")),
        "slice_motion_file": str(save_table(motion.per_slice(), out / "motion_slices.tsv")),
        "warnings": motion.warnings(),
    }


def _save_mean(mean, img, path):
    import numpy as np

    from sctflow.core.image import new_like

    return str(save_image(new_like(mean, img, np.float32), path))
