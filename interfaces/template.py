"""Nodes that bring a cord to a template, and the template to it."""

from __future__ import annotations

from pathlib import Path

from nipype.interfaces.base import (
    BaseInterfaceInputSpec,
    File,
    SimpleInterface,
    Str,
    TraitedSpec,
    isdefined,
    traits,
)

from sctflow.interfaces.base import StepOrNothing
from sctflow.io import load_image, save_image, save_table

_TEMPLATE = "template: PAM50, SCTPhantom, a folder in TemplateFlow's layout, or a packed file"


class _PrepareTemplateInputSpec(BaseInterfaceInputSpec):
    template = Str(mandatory=True, desc=_TEMPLATE)
    contrast = traits.Enum(
        "T2w",
        "T1w",
        "T2star",
        usedefault=True,
        desc="contrast of the template's image; another one if the template lacks it",
    )
    digest = Str(desc="told apart from another state of the same template by this")


class _PrepareTemplateOutputSpec(TraitedSpec):
    out_file = File(exists=True, desc="the template, packed")
    image_file = File(exists=True, desc="the template's image")
    cord_file = File(exists=True, desc="the template's cord")
    levels_file = File(exists=True, desc="the template's vertebral levels")


class PrepareTemplate(SimpleInterface):
    """Pack a template into one small file, making the built-in one if it is not there yet.

    The other tools do so by themselves, and keep the file in the user's cache.
    """

    input_spec = _PrepareTemplateInputSpec
    output_spec = _PrepareTemplateOutputSpec

    def _run_interface(self, runtime):
        from sctflow.templates.packed import open_template, write_packed

        packed = open_template(self.inputs.template)
        out_file = Path(runtime.cwd) / "template.npz"
        write_packed(packed, out_file)
        self._results["out_file"] = str(out_file)
        _, image = packed.contrast(self.inputs.contrast)
        self._results["image_file"] = str(image)
        for output, name in (("cord_file", "cord"), ("levels_file", "vertebral levels")):
            if name in packed.files:
                self._results[output] = packed.files[name]
        return runtime


class _RegisterToTemplateInputSpec(BaseInterfaceInputSpec):
    mask_file = File(exists=True, mandatory=True, desc="mask of the cord, binary or soft")
    labels_file = File(
        exists=True,
        needed=True,
        desc="label image in the world space of the mask: what tells the levels",
    )
    label_kind = traits.Enum(
        "discs",
        "spinal",
        "rootlets",
        usedefault=True,
        desc="what the labels mark: intervertebral discs (one is enough; 60 is the conus), the "
        "middles of spinal levels, or the rootlets of spinal levels",
    )
    elsewhere = traits.Bool(
        False,
        usedefault=True,
        desc="the labels were placed on another image, which may show more of the spine",
    )
    centerline_file = File(
        exists=True, desc="table of the centreline; made from the mask if not given"
    )
    template = Str("PAM50", usedefault=True, desc=_TEMPLATE)
    reference = traits.Enum(
        "template",
        "subject",
        usedefault=True,
        desc="template: the cord is straightened, sections are perpendicular to it; subject: "
        "sections are the image's own slices, for thick axial slices",
    )
    in_file = File(exists=True, desc="image of the mask, for steps that match images")
    contrast = traits.Enum(
        "T2w",
        "T1w",
        "T2star",
        usedefault=True,
        desc="contrast of the template's image, for steps that match images",
    )
    steps = Str(
        desc="steps that refine the registration, such as step=1,type=im,algo=syn,metric=CC; "
        "within the slices of the reference"
    )


class _RegisterToTemplateOutputSpec(TraitedSpec):
    to_template_file = File(
        exists=True, desc="displacement field that brings the image onto the template's grid"
    )
    from_template_file = File(
        exists=True, desc="displacement field that brings the template onto the image's grid"
    )
    slices_file = File(
        exists=True,
        desc="continuous vertebral level and place in the template of each slice of the cord",
    )
    template_slices_file = File(
        exists=True, desc="continuous vertebral level of each slice of the template"
    )
    method = traits.Dict(desc="how it was registered, for sidecars")
    warnings = traits.List(traits.Str, desc="what the reader of the report should know")


class RegisterToTemplate(StepOrNothing):
    """Register a cord with a template, both ways, by its mask and labelled levels.

    Level by level along the cord, cross-section by cross-section across it. Labels that cannot be
    right give a warning and no transform.
    """

    input_spec = _RegisterToTemplateInputSpec
    output_spec = _RegisterToTemplateOutputSpec

    def _step(self, folder):
        import numpy as np

        from sctflow.core.labels import LabelError
        from sctflow.core.template.register import register_cord
        from sctflow.interfaces.centerline import find_centerline
        from sctflow.templates.packed import open_template

        self._results["warnings"] = []
        mask, labels = load_image(self.inputs.mask_file), load_image(self.inputs.labels_file)
        data = np.asanyarray(mask.dataobj)
        line = find_centerline(self.inputs.centerline_file, data, mask.affine)
        if line is None:
            return
        template = open_template(self.inputs.template)
        name = Path(self.inputs.labels_file).name
        try:
            registration = register_cord(
                data,
                mask.affine,
                line,
                np.asanyarray(labels.dataobj),
                labels.affine,
                template.space,
                name=name,
                kind=self.inputs.label_kind,
                elsewhere=self.inputs.elsewhere,
                reference=self.inputs.reference,
            )
        except LabelError as error:
            self._results["warnings"] = [f"Not registered with the template: {error}"]
            return
        cord_map = registration.cord_map
        self._results["warnings"] = registration.warnings
        to_template, from_template = [cord_map.inverse()], [cord_map]
        if isdefined(self.inputs.steps):
            to_template, from_template = self._refine(cord_map, mask, template)
        self._results["method"] = {
            "Template": {"Name": template.name, "Version": template.version},
            "RegistrationLabels": self.inputs.label_kind,
            "RegistrationReference": self.inputs.reference,
            **({"RegistrationSteps": self.inputs.steps} if isdefined(self.inputs.steps) else {}),
        }
        self._save_fields(to_template, from_template, mask, template, folder)
        tables = (
            ("slices", _slices(cord_map, template)),
            ("template_slices", _template_slices(template)),
        )
        for name, table in tables:
            path = save_table(table, folder / f"{name}.tsv")
            self._results[f"{name}_file"] = str(path)

    def _refine(self, cord_map, mask, template):
        """Improve the map by registration steps: chains to the template's grid and back."""
        import numpy as np

        from sctflow.core.registration import ImageData
        from sctflow.core.template.refine import refine

        image = None
        if isdefined(self.inputs.in_file):
            image = np.asanyarray(load_image(self.inputs.in_file).dataobj)
        subject = ImageData(mask.affine, image=image, seg=np.asanyarray(mask.dataobj))
        _, path = template.contrast(self.inputs.contrast)
        whole = np.asanyarray(load_image(path).dataobj)
        to_template, from_template, warnings = refine(
            cord_map,
            subject,
            template.images,
            ImageData(template.affine, image=whole),
            steps=self.inputs.steps,
            reference=self.inputs.reference,
        )
        self._results["warnings"] += warnings
        return to_template, from_template

    def _save_fields(self, to_template, from_template, mask, template, folder):
        from sctflow.core.transforms import compose, field_grid, rounded
        from sctflow.xfm import save_field

        for name, chain, affine, shape in (
            ("to_template", to_template, template.affine, template.shape),
            ("from_template", from_template, mask.affine, mask.shape[:3]),
        ):
            grid, size = field_grid(affine, shape)
            field = compose(chain, affine=grid, shape=size)
            path = save_field(rounded(field), folder / f"{name}_xfm.nii.gz")
            self._results[f"{name}_file"] = str(path)


def _slices(cord_map, template):
    """Level and place in the template of each slice of the cord."""
    import numpy as np
    import pandas as pd

    frame = cord_map.subject
    s = cord_map.along(frame.slice_s)
    uvs = np.column_stack([np.zeros((len(s), 2)), s])
    place = cord_map.template.to_world(uvs)
    return pd.DataFrame(
        {
            "slice": frame.slices,
            "level": frame.levels.vertebral(frame.slice_s),
            "template_slice": _canonical_slice(place, template),
        }
    )


def _template_slices(template):
    """Level of each slice of the template that holds cord."""
    import pandas as pd

    frame = template.space.frame
    levels = frame.levels.vertebral(frame.slice_s)
    return pd.DataFrame({"slice": frame.slices, "level": levels})


def _canonical_slice(world, template):
    """Slices, not rounded, of places (n, 3) on the template's grid, counted from the bottom."""
    import numpy as np

    from sctflow.core.grid import canonicalize

    _, affine = canonicalize(np.empty(template.shape, bool), template.affine)
    inverse = np.linalg.inv(affine)
    return world @ inverse[2, :3] + inverse[2, 3]


class _WarpTemplateInputSpec(BaseInterfaceInputSpec):
    reference_file = File(exists=True, mandatory=True, desc="image whose grid is wanted")
    transforms = traits.List(
        File(exists=True),
        needed=True,
        desc="transforms that bring the template onto the grid, in the order of "
        "antsApplyTransforms",
    )
    template = Str("PAM50", usedefault=True, desc=_TEMPLATE)
    contrast = traits.Enum(
        "T2w",
        "T1w",
        "T2star",
        usedefault=True,
        desc="contrast of the template's image; another one if the template lacks it",
    )


class _WarpTemplateOutputSpec(TraitedSpec):
    cord_file = File(exists=True, desc="the template's cord, weights from 0 to 1")
    gray_matter_file = File(exists=True, desc="its gray matter, weights from 0 to 1")
    white_matter_file = File(exists=True, desc="its white matter, weights from 0 to 1")
    csf_file = File(exists=True, desc="its cerebrospinal fluid, weights from 0 to 1")
    vertebrae_file = File(exists=True, desc="its vertebral levels")
    spinal_file = File(exists=True, desc="its spinal levels")
    rootlets_file = File(exists=True, desc="its rootlets, by spinal level")
    atlas_file = File(exists=True, desc="regions of its atlas, one volume each")
    atlas_table = File(exists=True, desc="names of the atlas's regions")
    combined_table = File(exists=True, desc="regions that are taken together")
    image_file = File(exists=True, desc="its image")
    contrast = Str(desc="contrast of that image")


class WarpTemplate(StepOrNothing):
    """Bring a template's image, tissues, levels and atlas onto an image's grid, in one step each.

    Weights are means over each voxel; labels are elected among the neighbours of its centre.
    """

    input_spec = _WarpTemplateInputSpec
    output_spec = _WarpTemplateOutputSpec

    def _step(self, folder):
        import numpy as np
        import pandas as pd

        from sctflow.core.image import new_like
        from sctflow.core.template.warp import FULL, warp_template
        from sctflow.core.transforms import resample_through
        from sctflow.io import save_scaled
        from sctflow.templates.packed import open_template
        from sctflow.xfm import load_transform

        template = open_template(self.inputs.template)
        reference = load_image(self.inputs.reference_file)
        chain = [one for path in self.inputs.transforms for one in load_transform(path)]
        grid = {"to_affine": reference.affine, "to_shape": reference.shape[:3]}
        warped = warp_template(template.images, chain, **grid)
        for name, output in _WEIGHTS.items():
            if name in warped.weights:
                img = new_like(warped.weights[name], reference, np.float32)
                self._results[output] = str(save_image(img, folder / f"{output}.nii.gz"))
        for name, output in _LABELS.items():
            if name in warped.labels:
                img = new_like(warped.labels[name], reference, np.uint8)
                self._results[output] = str(save_image(img, folder / f"{output}.nii.gz"))
        if template.regions:
            path = save_scaled(
                warped.atlas, reference.affine, folder / "atlas.nii.gz", scale=1 / FULL
            )
            table = save_table(pd.DataFrame(template.regions), folder / "atlas.tsv")
            self._results |= {"atlas_file": str(path), "atlas_table": str(table)}
            if template.combined:
                table = save_table(pd.DataFrame(template.combined), folder / "combined.tsv")
                self._results["combined_table"] = str(table)
        if template.contrasts:
            contrast, path = template.contrast(self.inputs.contrast)
            source = load_image(path)
            data = resample_through(np.asanyarray(source.dataobj), source.affine, chain, **grid)
            img = new_like(data, reference, np.float32)
            self._results["image_file"] = str(save_image(img, folder / "template.nii.gz"))
            self._results["contrast"] = contrast


_WEIGHTS = {
    "cord": "cord_file",
    "gray matter": "gray_matter_file",
    "white matter": "white_matter_file",
    "CSF": "csf_file",
}
_LABELS = {
    "vertebral levels": "vertebrae_file",
    "spinal levels": "spinal_file",
    "rootlets": "rootlets_file",
}


class _ImageToTemplateInputSpec(BaseInterfaceInputSpec):
    in_file = File(exists=True, mandatory=True, desc="image to bring to the template")
    transforms = traits.List(
        File(exists=True),
        needed=True,
        desc="transforms that bring the image onto the template's grid, in the order of "
        "antsApplyTransforms",
    )
    template = Str("PAM50", usedefault=True, desc=_TEMPLATE)
    interpolation = traits.Enum(
        "linear", "spline", "nearest", "label", usedefault=True, desc="how voxels are read"
    )


class _ImageToTemplateOutputSpec(TraitedSpec):
    out_file = File(exists=True, desc="the image on the template's grid, 0 where it shows nothing")


class ImageToTemplate(StepOrNothing):
    """Bring an image onto the grid of a template, interpolated once."""

    input_spec = _ImageToTemplateInputSpec
    output_spec = _ImageToTemplateOutputSpec

    def _step(self, folder):
        import nibabel as nib
        import numpy as np

        from sctflow.core.template.warp import resample_covered
        from sctflow.templates.packed import open_template
        from sctflow.xfm import load_transform

        template = open_template(self.inputs.template)
        img = load_image(self.inputs.in_file)
        data = resample_covered(
            np.asanyarray(img.dataobj),
            img.affine,
            [one for path in self.inputs.transforms for one in load_transform(path)],
            to_affine=template.affine,
            to_shape=template.shape,
            interpolation=self.inputs.interpolation,
        )
        out = nib.Nifti1Image(data, template.affine)
        out.header.set_xyzt_units("mm", "sec")
        out.set_qform(template.affine, 1)
        out.set_sform(template.affine, 1)
        self._results["out_file"] = str(save_image(out, folder / "in_template.nii.gz"))
