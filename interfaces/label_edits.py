"""Nodes that list, select, renumber and redraw the labels of an image."""

from __future__ import annotations

from pathlib import Path

from nipype.interfaces.base import File, SimpleInterface, TraitedSpec, isdefined, traits

from sctflow.interfaces.labels import LabelsInputSpec, LabelsOutputSpec, read_labels, save_labels
from sctflow.io import load_image, save_table


class _TableOutputSpec(TraitedSpec):
    out_table = File(exists=True, desc="one row per label")


class ListLabels(SimpleInterface):
    """List what is labelled in an image: value, name, voxels, and centre in voxels and mm."""

    input_spec = LabelsInputSpec
    output_spec = _TableOutputSpec

    def _run_interface(self, runtime):
        import numpy as np

        from sctflow.core.label_edits import list_labels

        img = load_image(self.inputs.labels_file)
        table = list_labels(np.asanyarray(img.dataobj), img.affine)
        self._results["out_table"] = str(save_table(table, Path(runtime.cwd) / "labels.tsv"))
        return runtime


class _SelectLabelsInputSpec(LabelsInputSpec):
    keep = traits.List(
        traits.Range(low=1, value=1),
        mandatory=True,
        minlen=1,
        xor=["remove", "like_file"],
        desc="values to keep",
    )
    remove = traits.List(
        traits.Range(low=1, value=1),
        mandatory=True,
        minlen=1,
        xor=["keep", "like_file"],
        desc="values to remove",
    )
    like_file = File(
        exists=True,
        mandatory=True,
        xor=["keep", "remove"],
        desc="another image of labelled points: values that it has, too, are kept",
    )


class _ImageOutputSpec(TraitedSpec):
    out_file = File(exists=True, desc="label image")


class SelectLabels(SimpleInterface):
    """Keep or remove labels by their value, in any label image."""

    input_spec = _SelectLabelsInputSpec
    output_spec = _ImageOutputSpec

    def _run_interface(self, runtime):
        import numpy as np

        from sctflow.core.label_edits import common_values
        from sctflow.core.labels import keep_values, remove_values

        img = load_image(self.inputs.labels_file)
        image = np.asanyarray(img.dataobj)
        if isdefined(self.inputs.remove):
            image = remove_values(image, self.inputs.remove)
        elif isdefined(self.inputs.keep):
            image = keep_values(image, self.inputs.keep)
        else:
            other = np.asanyarray(load_image(self.inputs.like_file).dataobj)
            image = keep_values(image, common_values(image, other))
        self._results["out_file"] = save_labels(image, img, runtime, "selected")
        return runtime


class _RenumberLabelsInputSpec(LabelsInputSpec):
    by = traits.Int(mandatory=True, desc="added to each value, such as -1")


class RenumberLabels(SimpleInterface):
    """Add a number to all labels, for instance where discs were counted one too high."""

    input_spec = _RenumberLabelsInputSpec
    output_spec = _ImageOutputSpec

    def _run_interface(self, runtime):
        import numpy as np

        from sctflow.core.label_edits import renumber

        img = load_image(self.inputs.labels_file)
        image = renumber(np.asanyarray(img.dataobj), by=self.inputs.by)
        self._results["out_file"] = save_labels(image, img, runtime, "renumbered")
        return runtime


class _ResizeLabelsInputSpec(LabelsInputSpec):
    radius_mm = traits.Range(
        low=0.0,
        value=0.0,
        usedefault=True,
        units="mm",
        desc="radius of a ball around each point; 0: one voxel, at the centre of those that have "
        "the value",
    )


class ResizeLabels(SimpleInterface):
    """Draw each labelled point as one voxel, or as a ball that is easier to see."""

    input_spec = _ResizeLabelsInputSpec
    output_spec = LabelsOutputSpec

    def _run_interface(self, runtime):
        from sctflow.core.label_edits import draw_balls

        img = load_image(self.inputs.labels_file)
        points, warnings = read_labels(self.inputs.labels_file, img)
        image = draw_balls(
            points,
            img.shape[:3],
            img.affine,
            radius_mm=self.inputs.radius_mm,
            name=Path(self.inputs.labels_file).name,
        )
        self._results["out_file"] = save_labels(image, img, runtime, "resized")
        self._results["warnings"] = warnings
        return runtime
