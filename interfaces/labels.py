"""Nodes that place labelled points and check them."""

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

from sctflow.errors import SegmentationError
from sctflow.io import load_image, save_image, save_table

_VALUES = (
    "disc v lies above vertebra v (3 is C2/C3, 8 is C7/T1, 21 is L1/L2); 1 is the top of C1, 50 "
    "the pontomedullary junction, 60 the conus"
)


class LabelsInputSpec(BaseInterfaceInputSpec):
    """What every node takes that works on labelled points."""

    labels_file = File(exists=True, mandatory=True, desc="image of labelled points")


class LabelsOutputSpec(TraitedSpec):
    """What every node gives that makes labelled points."""

    out_file = File(exists=True, desc="image of labelled points")
    warnings = traits.List(traits.Str, desc="what the reader of the report should know")


class _CreateLabelsInputSpec(BaseInterfaceInputSpec):
    reference_file = File(exists=True, mandatory=True, desc="image that the points are placed on")
    points = traits.List(
        traits.Str, mandatory=True, minlen=1, desc=f"points as x,y,z,value; {_VALUES}"
    )
    space = traits.Enum(
        "voxel",
        "world",
        usedefault=True,
        desc="what x, y and z are: indices of voxels of the image as it is stored, from 0, or "
        "millimetres to the right, to the front and upwards (RAS)",
    )
    add = traits.Bool(
        False,
        usedefault=True,
        desc="the reference is an image of labelled points, which are kept; a value that is given "
        "again moves",
    )


class CreateLabels(SimpleInterface):
    """Place labelled points at given coordinates."""

    input_spec = _CreateLabelsInputSpec
    output_spec = LabelsOutputSpec

    def _run_interface(self, runtime):
        from sctflow.core.label_edits import add_points, parse_points
        from sctflow.core.labels import make_points, points_at

        img = load_image(self.inputs.reference_file)
        values, coordinates = parse_points(self.inputs.points)
        make = make_points if self.inputs.space == "voxel" else points_at
        points, warnings = make(values, coordinates, img.affine), []
        if self.inputs.add:
            old, warnings = read_labels(self.inputs.reference_file, img)
            points = add_points(old, points, img.affine)
        return _finish(self, runtime, points, img, "the given points", warnings)


class _LabelCordInputSpec(BaseInterfaceInputSpec):
    mask_file = File(exists=True, mandatory=True, desc="mask of the cord, binary or soft")
    middle = traits.Range(
        low=1,
        value=1,
        mandatory=True,
        xor=["places"],
        desc="value for the point half-way between the lowest and the highest slice of the image; "
        f"{_VALUES}",
    )
    places = traits.List(
        traits.Str,
        mandatory=True,
        minlen=1,
        xor=["middle"],
        desc="points as slice,value; slices are counted upwards from the lowest, 0",
    )


class LabelCord(SimpleInterface):
    """Place labelled points on the centreline of the cord, in the middle or in given slices."""

    input_spec = _LabelCordInputSpec
    output_spec = LabelsOutputSpec

    def _run_interface(self, runtime):
        from sctflow.core.label_edits import parse_places, points_on_slices
        from sctflow.core.labels import middle_point

        img, line = _line(self.inputs.mask_file)
        if isdefined(self.inputs.middle):
            points = middle_point(line, img.shape[:3], img.affine, value=self.inputs.middle)
        else:
            values, slices = parse_places(self.inputs.places)
            points = points_on_slices(line, values, slices, img.affine)
        return _finish(self, runtime, points, img, "the given places", [])


class _ProjectLabelsInputSpec(LabelsInputSpec):
    mask_file = File(
        exists=True,
        mandatory=True,
        desc="mask of the cord, binary or soft, of any image in the same world space",
    )


class ProjectLabels(SimpleInterface):
    """Move labelled points to the nearest places on the centreline of the cord."""

    input_spec = _ProjectLabelsInputSpec
    output_spec = LabelsOutputSpec

    def _run_interface(self, runtime):
        from sctflow.core.cord_frame import make_frame, project_points

        img = load_image(self.inputs.labels_file)
        points, warnings = read_labels(self.inputs.labels_file, img)
        frame = make_frame(_line(self.inputs.mask_file)[1])
        points = project_points(frame, points, img.affine)
        name = Path(self.inputs.labels_file).name
        return _finish(self, runtime, points, img, name, warnings)


class LabelVertebralBodies(SimpleInterface):
    """Place a point in each vertebral body, half-way between the discs above and below."""

    input_spec = LabelsInputSpec
    output_spec = LabelsOutputSpec

    def _run_interface(self, runtime):
        from sctflow.core.labels import LabelError, bodies_from_discs

        img = load_image(self.inputs.labels_file)
        points, warnings = read_labels(self.inputs.labels_file, img)
        name = Path(self.inputs.labels_file).name
        bodies = bodies_from_discs(points)
        if not len(bodies):
            raise LabelError(
                f"{name}: no vertebra has a labelled disc above and below. Label discs that "
                "follow each other."
            )
        return _finish(self, runtime, bodies, img, name, warnings)


class _CheckLabelsInputSpec(_ProjectLabelsInputSpec):
    elsewhere = traits.Bool(
        False,
        usedefault=True,
        desc="the points were labelled on another image, which may show more of the spine",
    )


class _CheckLabelsOutputSpec(TraitedSpec):
    out_table = File(
        exists=True,
        desc="place of each point: mm to the right and in front of the centreline, and along it",
    )
    warnings = traits.List(traits.Str, desc="what is unusual about the labels")


class CheckLabels(SimpleInterface):
    """Compare labelled discs with the cord and with each other.

    Labels that cannot be right are refused: two places with one value, values of no disc, an order
    along the cord that is not that of the values, points far from the cord.
    """

    input_spec = _CheckLabelsInputSpec
    output_spec = _CheckLabelsOutputSpec

    def _run_interface(self, runtime):
        from sctflow.core.cord_frame import frame_from_discs
        from sctflow.core.label_edits import locate_points

        img = load_image(self.inputs.labels_file)
        points, warnings = read_labels(self.inputs.labels_file, img)
        line = _line(self.inputs.mask_file)[1]
        name = Path(self.inputs.labels_file).name
        frame, noticed = frame_from_discs(line, points, name=name, elsewhere=self.inputs.elsewhere)
        table = save_table(locate_points(points, frame), Path(runtime.cwd) / "places.tsv")
        self._results["out_table"] = str(table)
        self._results["warnings"] = [*warnings, *noticed]
        return runtime


def read_labels(path, img):
    """Read the points of a label image.

    Parameters
    ----------
    path : str
        Its file; messages have its name.
    img : nibabel image
        What is in it.

    Returns
    -------
    points : sctflow.core.labels.LabelPoints
    warnings : list of str
    """
    import numpy as np

    from sctflow.core.labels import read_points

    return read_points(np.asanyarray(img.dataobj), img.affine, name=Path(path).name)


def _line(path):
    """Read a mask and fit its centreline."""
    import numpy as np

    from sctflow.core.centerline import fit_centerline

    img = load_image(path)
    mask = np.asanyarray(img.dataobj)
    if not mask.any():
        raise SegmentationError(f"{path}: the mask is empty. Segment the cord first.")
    return img, fit_centerline(mask, img.affine)


def _finish(node, runtime, points, img, name, warnings):
    """Draw points on the grid of an image and give them out."""
    from sctflow.core.labels import draw_points

    image = draw_points(points, img.shape[:3], img.affine, name=name)
    node._results["out_file"] = save_labels(image, img, runtime, "labels")
    node._results["warnings"] = warnings
    return runtime


def save_labels(image, img, runtime, stem):
    """Write a label image on the grid of another into the working folder.

    Parameters
    ----------
    image : (i, j, k) array
    img : nibabel image
        Whose grid it is on.
    runtime : nipype runtime
    stem : str
        Of the file's name.

    Returns
    -------
    str
        The file.
    """
    from sctflow.core.image import new_like

    return str(save_image(new_like(image, img, image.dtype), Path(runtime.cwd) / f"{stem}.nii.gz"))
