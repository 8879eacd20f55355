"""Nodes that draw discs as label images."""

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

from sctflow.core.labeling.naming import THRESHOLD
from sctflow.errors import SctflowError
from sctflow.interfaces.base import StepOrNothing
from sctflow.interfaces.labeling import VALUES, landmarks_of, name_views
from sctflow.interfaces.labels import read_labels
from sctflow.io import load_image, load_table, save_image, save_table
from sctflow.label_init import FIRST, LAST

LABELS = "discs_of_the_session.nii.gz"
"""Name of the label image that holds all discs of a session; messages about them begin with it."""

OUTPUTS = {"discs_file": "out_file", "discs_table": "out_table", "unnamed_file": "unnamed_file"}


class _DrawLabelsInputSpec(BaseInterfaceInputSpec):
    in_file = File(exists=True, mandatory=True, desc="image to draw the discs on")
    named_table = File(
        exists=True, needed=True, desc="discs with their values, 0 where they have no name"
    )
    own_file = File(
        exists=True, desc="label image of discs placed on this image by hand, which stay"
    )


class _DrawLabelsOutputSpec(TraitedSpec):
    discs_file = File(exists=True, desc="named discs on the image's grid, one voxel each")
    discs_table = File(exists=True, desc="their names and how sure they are")
    unnamed_file = File(
        exists=True, desc="discs without names on the image's grid, numbered from 101 downwards"
    )
    unnamed_table = File(exists=True, desc="how sure these are")
    labels_file = File(
        exists=True,
        desc="discs that tell levels, on a grid of their own that holds all of the session",
    )


class DrawLabels(StepOrNothing):
    """Draw discs as label images, to be edited or to tell levels from.

    What lies outside the image is on the grid of its own only. Where nothing is named there is no
    label image of named discs.
    """

    input_spec = _DrawLabelsInputSpec
    output_spec = _DrawLabelsOutputSpec

    def _step(self, folder):
        from sctflow.core.labeling.points import fine_grid, level_points
        from sctflow.core.labels import draw_points

        img, discs = load_image(self.inputs.in_file), load_table(self.inputs.named_table)
        own = None
        if isdefined(self.inputs.own_file):
            own, _ = read_labels(self.inputs.own_file, load_image(self.inputs.own_file))
        self._results |= _draw(discs, own, img, folder)
        points = level_points(discs, own, img.affine)
        if len(points):
            shape, affine = fine_grid(points.world, img.affine)
            image = draw_points(points, shape, affine, name=LABELS)
            path = save_image(_on_grid(image, affine), folder / LABELS)
            self._results["labels_file"] = str(path)


class _LabelDiscsInputSpec(BaseInterfaceInputSpec):
    in_file = File(exists=True, mandatory=True, desc="image in which to label the discs")
    mask_file = File(
        exists=True, desc="mask of its cord, binary or soft; the networks look for it without"
    )
    init = traits.Range(
        low=FIRST,
        high=LAST,
        desc=f"value of the disc nearest to the middle of the image: {VALUES}; without it discs "
        "are named only if that is sure",
    )
    init_slice = traits.Int(
        requires=["init"],
        desc="slice that has this disc instead, counted upwards from the lowest, 0",
    )
    threshold = traits.Range(
        low=0.0,
        high=1.0,
        value=THRESHOLD,
        usedefault=True,
        desc="probability that a naming needs to be used",
    )


class _LabelDiscsOutputSpec(TraitedSpec):
    out_file = File(exists=True, desc="label image of the named discs, to be edited")
    out_table = File(exists=True, desc="their names and how sure they are")
    unnamed_file = File(exists=True, desc="discs without names, numbered from 101 downwards")
    probabilities_table = File(exists=True, desc="probability of each naming")
    named = traits.Bool(desc="whether discs have names")
    reason = traits.Str(desc="how discs were named, or why not and what would help")
    warnings = traits.List(traits.Str, desc="what is unusual")


class LabelDiscs(SimpleInterface):
    """Label the discs of one image: find them, name them, and draw them.

    The label image may be corrected in a viewer. Put into ``derivatives/labels`` under the name
    ``<image>_label-discs_dlabel.nii.gz`` it decides in the next run.
    """

    input_spec = _LabelDiscsInputSpec
    output_spec = _LabelDiscsOutputSpec

    def _run_interface(self, runtime):
        img, folder = load_image(self.inputs.in_file), Path(runtime.cwd)
        naming = self._name(img)
        drawn = _draw(naming.discs, None, img, folder)
        for made, output in OUTPUTS.items():
            if made in drawn:
                self._results[output] = drawn[made]
        table = save_table(naming.probabilities, folder / "probabilities.tsv")
        self._results["probabilities_table"] = str(table)
        self._results["named"], self._results["reason"] = naming.named, naming.reason
        self._results["warnings"] = naming.warnings
        return runtime

    def _name(self, img):
        """Find the discs of the image and their names."""
        from sctflow.core.centerline import fit_centerline
        from sctflow.core.labeling.naming import View
        from sctflow.core.labeling.points import given_by_value
        from sctflow.core.morphometry import measure_slices

        name, mask = Path(self.inputs.in_file).name, _mask(img, self.inputs.mask_file)
        if not mask.any():
            raise SctflowError(f"{name}: no cord was found in it, and so no disc.")
        line = fit_centerline(mask, img.affine)
        table, middle = landmarks_of(img, line)
        view = View(name, table, measure_slices(mask, img.affine, centerline=line), line)
        given = []
        if isdefined(self.inputs.init):
            number = self.inputs.init_slice if isdefined(self.inputs.init_slice) else None
            given = [given_by_value(view, self.inputs.init, middle=middle, number=number)]
        return name_views([view], given, threshold=self.inputs.threshold)


def _mask(img, path):
    """Mask of the cord on the grid of an image: as given, or from the networks."""
    import numpy as np

    from sctflow.core.image import squeeze
    from sctflow.core.manual import mask_on_grid
    from sctflow.core.segmentation import segment_cord
    from sctflow.models import load_cord_nets

    if isdefined(path):
        return mask_on_grid(squeeze(load_image(path)), img, name=path)
    nets, _ = load_cord_nets()
    return segment_cord(np.asanyarray(img.dataobj), img.affine, nets=nets).mask


def _on_grid(image, affine):
    """Image on a grid that no other image has."""
    import nibabel as nib

    img = nib.Nifti1Image(image, affine)
    img.set_sform(affine, 1)
    return img


def _draw(discs, own, img, folder):
    """Draw the discs that lie in an image, with a table beside each label image."""
    from sctflow.core.image import new_like
    from sctflow.core.labeling.points import (
        named_points,
        points_inside,
        tabulate_points,
        unnamed_points,
    )
    from sctflow.core.labels import draw_points

    made = {}
    for stem, points in (
        ("discs", named_points(discs, own, img.affine)),
        ("unnamed", unnamed_points(discs, img.affine)),
    ):
        inside = points_inside(points, img.shape)
        if not len(inside):
            continue
        image = draw_points(inside, img.shape[:3], img.affine, name=stem)
        path = save_image(new_like(image, img, image.dtype), folder / f"{stem}.nii.gz")
        made[f"{stem}_file"] = str(path)
        table = save_table(tabulate_points(inside, discs), folder / f"{stem}.tsv")
        made[f"{stem}_table"] = str(table)
    return made
