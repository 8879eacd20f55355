"""Nodes that make magnetisation transfer maps."""

from __future__ import annotations

import json
from pathlib import Path

from nipype.interfaces.base import (
    BaseInterfaceInputSpec,
    File,
    SimpleInterface,
    TraitedSpec,
    isdefined,
    traits,
)

from sctflow.errors import SctflowError
from sctflow.io import load_image, save_image

TR_FIELDS = ("RepetitionTimeExcitation", "RepetitionTime")
"""Metadata that give the repetition time of the excitation; the first counts if both are there."""


class MetadataError(SctflowError):
    """Metadata of an image that are missing or cannot be right."""


class _ComputeMTRInputSpec(BaseInterfaceInputSpec):
    on_file = File(exists=True, mandatory=True, desc="image with MT pulse")
    off_file = File(
        exists=True, mandatory=True, desc="image without MT pulse, registered with the other"
    )


class _ComputeMTROutputSpec(TraitedSpec):
    out_file = File(exists=True, desc="magnetisation transfer ratio, percent")


class ComputeMTR(SimpleInterface):
    """Compute the magnetisation transfer ratio.

    100 (off - on) / off, clipped to -100 and 100; not a number where the image without pulse has
    no signal.
    """

    input_spec = _ComputeMTRInputSpec
    output_spec = _ComputeMTROutputSpec

    def _run_interface(self, runtime):
        import numpy as np

        from sctflow.core.image import new_like
        from sctflow.core.mt import compute_mtr

        img, (on, off) = _load_together((self.inputs.on_file, self.inputs.off_file))
        ratio = new_like(compute_mtr(on, off), img, np.float32)
        path = save_image(ratio, Path(runtime.cwd) / "mtr.nii.gz")
        self._results["out_file"] = str(path)
        return runtime


class _ComputeMtsatInputSpec(BaseInterfaceInputSpec):
    mt_file = File(exists=True, mandatory=True, desc="image with MT pulse")
    pd_file = File(
        exists=True,
        mandatory=True,
        desc="image without MT pulse, weighted by proton density, registered with the first",
    )
    t1_file = File(
        exists=True,
        mandatory=True,
        desc="image without MT pulse, weighted by T1, registered with the first",
    )
    b1_file = File(
        exists=True,
        desc="map of the transmit field relative to the nominal one, 1 where it is right, on "
        "the grid of the first image",
    )
    repetition_times = traits.Tuple(
        traits.Float,
        traits.Float,
        traits.Float,
        units="s",
        desc="repetition times of the three images, MT, PD, T1; by default those in the .json "
        "files beside them",
    )
    flip_angles = traits.Tuple(
        traits.Float,
        traits.Float,
        traits.Float,
        units="degrees",
        desc="flip angles of the three images; by default those in the .json files beside them",
    )


class _ComputeMtsatOutputSpec(TraitedSpec):
    mtsat_file = File(exists=True, desc="magnetisation transfer saturation, percent units")
    t1_file = File(exists=True, desc="T1, s")


class ComputeMtsat(SimpleInterface):
    """Compute magnetisation transfer saturation and T1 from three gradient-echo images.

    By the small-angle approximation of Helms and others (2008). With a map of the transmit
    field, MTsat is corrected as by Weiskopf and others (2013), and T1 for the true flip angles.
    """

    input_spec = _ComputeMtsatInputSpec
    output_spec = _ComputeMtsatOutputSpec

    def _run_interface(self, runtime):
        import numpy as np

        from sctflow.core.image import new_like
        from sctflow.core.mt import Flash, compute_mtsat

        given = self.inputs
        files = [given.mt_file, given.pd_file, given.t1_file]
        times, angles = _protocol(files, given.repetition_times, given.flip_angles)
        fields = [given.b1_file] if isdefined(given.b1_file) else []
        img, arrays = _load_together((*files, *fields))
        scans = (Flash(*one) for one in zip(arrays, times, angles, strict=False))
        try:
            maps = compute_mtsat(*scans, b1=arrays[3] if fields else None)
        except ValueError as error:
            names = ", ".join(Path(path).name for path in files)
            raise MetadataError(f"{names}: {error}") from error
        for name, data in zip(("mtsat", "t1"), maps, strict=True):
            path = Path(runtime.cwd) / f"{name}.nii.gz"
            save_image(new_like(data, img, np.float32), path)
            self._results[f"{name}_file"] = str(path)
        return runtime


def read_flash_protocol(metadata: dict, *, name: str) -> tuple[float, float]:
    """Repetition time (s) and flip angle (degrees) of a spoiled gradient-echo image.

    Parameters
    ----------
    metadata : dict
        Of the image, with everything that it inherits.
    name : str
        What the message calls the image or its sidecar.

    Raises
    ------
    MetadataError
        A field that is missing or no positive number; the message names all of them.
    """
    problems = []
    tr = _first(metadata, TR_FIELDS, problems)
    flip = _first(metadata, ("FlipAngle",), problems)
    if problems:
        raise MetadataError(f"{name}: {'; '.join(problems)}. Add it to the image's .json file.")
    return tr, flip


def _first(metadata, fields, problems):
    """First of some fields that is there, as a number; what is wrong is noted."""
    for field in fields:
        if field not in metadata:
            continue
        value = metadata[field]
        if isinstance(value, int | float) and not isinstance(value, bool) and value > 0:
            return float(value)
        problems.append(f"{field} must be a positive number, not {value!r}")
        return None
    problems.append(f"{' (or '.join(fields)}{')' * (len(fields) - 1)} is missing")
    return None


def _protocol(files, times, angles):
    """Repetition times and flip angles: as given, else as the sidecars have them."""
    if isdefined(times) and isdefined(angles):
        return times, angles
    read, problems = [], []
    for path in files:
        sidecar = Path(path).with_name(Path(path).name.split(".nii")[0] + ".json")
        metadata = _read_sidecar(sidecar)
        # What was given need not be in the files.
        metadata |= {TR_FIELDS[0]: times[len(read)]} if isdefined(times) else {}
        metadata |= {"FlipAngle": angles[len(read)]} if isdefined(angles) else {}
        try:
            read.append(read_flash_protocol(metadata, name=str(sidecar)))
        except MetadataError as error:
            problems.append(str(error))
            read.append((None, None))
    if problems:
        raise MetadataError("\n".join(problems))
    return zip(*read, strict=True)


def _read_sidecar(path):
    try:
        content = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    except (OSError, ValueError) as error:
        raise MetadataError(f"{path}: cannot be read ({error}). Correct the file.") from error
    return content if isinstance(content, dict) else {}


def _load_together(paths):
    """The first image, and the voxels of all on its grid."""
    from sctflow.core.same_grid import data_on_grid

    first, name = load_image(paths[0]), Path(paths[0]).name
    return first, [
        data_on_grid(load_image(path), first, name=Path(path).name, reference_name=name)
        for path in paths
    ]
