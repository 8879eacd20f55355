"""Nodes that find the discs of the spine, and name them."""

from __future__ import annotations

from pathlib import Path

from nipype.interfaces.base import (
    BaseInterfaceInputSpec,
    File,
    SimpleInterface,
    Str,
    TraitedSpec,
    Undefined,
    isdefined,
    traits,
)

from sctflow.core.labeling.naming import THRESHOLD
from sctflow.errors import SctflowError
from sctflow.interfaces.base import StepOrNothing
from sctflow.interfaces.centerline import find_centerline, read_centerline
from sctflow.interfaces.labels import read_labels
from sctflow.io import load_image, load_table, save_table
from sctflow.label_init import FIRST, LAST

_MODEL = traits.Dict(
    graph_only=True,
    desc="name, version and checksum of the network, where it must be this: other weights make "
    "another result",
)
VALUES = "disc v lies above vertebra v (3 is C2/C3, 8 is C7/T1, 21 is L1/L2)"


class _FindLandmarksInputSpec(BaseInterfaceInputSpec):
    in_file = File(exists=True, needed=True, desc="image in which to find discs")
    centerline_file = File(exists=True, needed=True, desc="table of the centreline of its cord")
    name = Str(graph_only=True, desc="what messages call the image, instead of its file name")
    model = _MODEL


class _FindLandmarksOutputSpec(TraitedSpec):
    out_table = File(exists=True, desc="landmarks of the spine, from the top to the bottom")
    name = traits.Str(desc="what messages call the image")
    middle = traits.Float(desc="place of the image's middle slice along the cord", units="mm")


class FindLandmarks(StepOrNothing):
    """Find discs and other landmarks of the spine with the built-in network.

    They have no names yet. An image without a cord has no landmarks.
    """

    input_spec = _FindLandmarksInputSpec
    output_spec = _FindLandmarksOutputSpec

    def _step(self, folder):
        img = load_image(self.inputs.in_file)
        line = find_centerline(self.inputs.centerline_file, None, img.affine)
        table, middle = landmarks_of(img, line, model=self.inputs.model)
        self._results["out_table"] = str(save_table(table, folder / "landmarks.tsv"))
        name = Path(self.inputs.in_file).name
        self._results["name"] = self.inputs.name if isdefined(self.inputs.name) else name
        self._results["middle"] = middle


class _NameLevelsInputSpec(BaseInterfaceInputSpec):
    landmark_files = traits.List(
        File(exists=True), desc="landmarks of each image that shows the spine of one person"
    )
    centerline_files = traits.List(File(exists=True), desc="centrelines of their cords")
    morph_files = traits.List(File(exists=True), desc="per-slice morphometry of their cords")
    names = traits.List(traits.Str, desc="what messages call the images")
    middles = traits.List(
        traits.Float, desc="places of their middle slices along the cord", units="mm"
    )
    discs_files = traits.List(
        File(exists=True), desc="label images of discs that are known, the most wanted first"
    )
    vertebrae_files = traits.List(
        File(exists=True), desc="label images of the middles of vertebrae that are known"
    )
    junction_files = traits.List(
        File(exists=True), desc="label images of the pontomedullary junction (value 50)"
    )
    init_value = traits.Range(
        low=FIRST, high=LAST, desc=f"value of the disc in the middle of one image: {VALUES}"
    )
    init_slice = traits.Int(
        desc="slice that has this disc instead, counted upwards from the lowest, 0"
    )
    init_name = traits.Str(desc="name of that image; the first one without it")
    threshold = traits.Range(
        low=0.0,
        high=1.0,
        value=THRESHOLD,
        usedefault=True,
        desc="probability that a naming needs to be used",
    )
    model = _MODEL


class _NameLevelsOutputSpec(TraitedSpec):
    out_table = File(exists=True, desc="discs with their values, 0 where they have no name")
    probabilities_table = File(exists=True, desc="probability of each naming")
    named = traits.Bool(desc="whether discs have names")
    reason = traits.Str(desc="how discs were named, or why not and what would help")
    method = traits.Dict(desc="how discs were named, in the terms of the JSON sidecar")
    warnings = traits.List(traits.Str, desc="what the reader of the report should know")


class NameLevels(SimpleInterface):
    """Tell which disc is which, from all images of a session and the labels that are given.

    Labels that a person gave decide. Without any, what is usual in people is weighed, and no disc
    is named unless one naming is likely enough. Labels that cannot be right give no names.
    """

    input_spec = _NameLevelsInputSpec
    output_spec = _NameLevelsOutputSpec

    def _run_interface(self, runtime):
        from sctflow.core.labels import LabelError

        warnings: list[str] = []
        try:
            views = self._views()
            given, warnings = self._given(views)
            naming = name_views(views, given, threshold=self.inputs.threshold)
        except LabelError as error:
            naming = _nothing(f"Discs were not named: {error}")
        folder = Path(runtime.cwd)
        table = save_table(naming.discs, folder / "discs.tsv")
        self._results["out_table"] = str(table)
        table = save_table(naming.probabilities, folder / "probabilities.tsv")
        self._results["probabilities_table"] = str(table)
        self._results["named"] = naming.named
        self._results["reason"] = naming.reason
        self._results["method"] = describe_naming(naming, self.inputs.model)
        self._results["warnings"] = [*warnings, *naming.warnings]
        return runtime

    def _views(self):
        from sctflow.core.labeling.naming import View

        given = self.inputs
        columns = [given.names, given.landmark_files, given.morph_files, given.centerline_files]
        rows = zip(*(column if isdefined(column) else [] for column in columns), strict=True)
        views = [
            View(name, load_table(marks), load_table(shape), read_centerline(line))
            for name, marks, shape, line in rows
        ]
        return [view for view in views if len(view.centerline)]

    def _given(self, views):
        from sctflow.core.labeling.points import given_by_hand

        labels, warnings = [], []
        for name, kind in (("discs", "disc"), ("vertebrae", "vertebra"), ("junction", "junction")):
            paths = getattr(self.inputs, f"{name}_files")
            found, noticed = _read_by_hand(paths if isdefined(paths) else [], kind)
            labels, warnings = labels + found, warnings + noticed
        given, noticed = given_by_hand(labels)
        warnings += noticed
        if isdefined(self.inputs.init_value):
            initial, noticed = self._initial(views)
            known = {one.value for one in given if one.kind == "disc"}
            given += [one for one in initial if one.value not in known]
            warnings += noticed
        return given, warnings

    def _initial(self, views):
        """The disc that a value was given to without a label image."""
        from sctflow.core.labeling.points import given_by_value

        inputs = self.inputs
        name = inputs.init_name if isdefined(inputs.init_name) else None
        view = next((view for view in views if name in (None, view.name)), None)
        if view is None:
            return [], [
                f"The value {inputs.init_value} was given to a disc of "
                f"{name or 'the first image'}, in which no cord was found."
            ]
        middle = dict(zip(inputs.names, inputs.middles, strict=True))[view.name]
        number = inputs.init_slice if isdefined(inputs.init_slice) else None
        return [given_by_value(view, inputs.init_value, middle=middle, number=number)], []


def describe_naming(naming, model):
    """Say how discs were named in the terms of the JSON sidecar.

    Parameters
    ----------
    naming : sctflow.core.labeling.naming.Naming
    model : dict or Undefined
        The network that found discs: ``name``, ``version``, ``checksum``.

    Returns
    -------
    dict
        ``Named``, ``LabelMethod``, ``LabelModel``, ``LevelProbability``, ``LevelNaming``.
    """
    by_hand = naming.discs["manual"].astype(bool)
    kinds = [word for word, some in (("automatic", ~by_hand), ("manual", by_hand)) if some.any()]
    told = {"Named": naming.named, "LabelMethod": " and ".join(kinds) or "automatic"}
    if "manual" not in kinds and len(naming.probabilities):
        told["LevelProbability"] = round(float(naming.probabilities["probability"].max()), 3)
    if "automatic" in kinds and isdefined(model):
        told["LabelModel"] = {key.capitalize(): value for key, value in model.items()}
    return {**told, "LevelNaming": naming.reason}


def landmarks_of(img, line, *, model=Undefined):
    """Find the landmarks of an image, and the place of its middle along the cord.

    Parameters
    ----------
    img : nibabel image
    line : sctflow.core.centerline.Centerline or None
        None where there is no cord.
    model : dict or Undefined
        The network that it must be.

    Returns
    -------
    table : pandas.DataFrame
        See :func:`sctflow.core.labeling.find_landmarks`; no rows without a cord.
    middle : float
        Mm along the cord.
    """
    import numpy as np
    import pandas as pd

    from sctflow.core.labeling.detect import COLUMNS, find_landmarks
    from sctflow.core.labeling.points import middle_of_view
    from sctflow.models import load_landmark_net

    if line is None:
        return pd.DataFrame(columns=list(COLUMNS)), 0.0
    net, info = load_landmark_net()
    if isdefined(model) and info != model:
        raise SctflowError(
            "The network was changed while the program was running: start it again."
        )
    table = find_landmarks(np.asanyarray(img.dataobj), img.affine, line, net=net)
    return table, middle_of_view(line, img.shape, img.affine)


def name_views(views, given, *, threshold):
    """Name the discs of a session, also where no cord was found or nothing but labels is there.

    Parameters
    ----------
    views : list of sctflow.core.labeling.naming.View
    given : list of sctflow.core.labeling.naming.Given
    threshold : float

    Returns
    -------
    sctflow.core.labeling.naming.Naming
    """
    from sctflow.core.labeling.naming import name_discs
    from sctflow.core.labeling.points import discs_given

    if views:
        return name_discs(views, given=given, threshold=threshold)
    discs = discs_given(given)
    if len(discs):
        return _naming(discs, "Discs have the names that labels give them.")
    return _naming(discs, "There are no levels: no cord was found in the images that show discs.")


def _naming(discs, reason):
    """A naming that nothing was weighed for."""
    import pandas as pd

    from sctflow.core.labeling.naming import Naming

    none = pd.DataFrame(columns=["value", "probability"])
    return Naming(discs, none, named=bool(len(discs)), reason=reason)


def _nothing(reason):
    from sctflow.core.labeling.points import discs_given

    return _naming(discs_given([]), reason)


def _read_by_hand(paths, kind):
    """Labels of one kind from their images, and what was noticed."""
    from sctflow.core.labeling.points import ByHand

    labels, warnings = [], []
    for path in paths:
        points, noticed = read_labels(path, load_image(path))
        labels.append(ByHand(Path(path).name, points, kind))
        warnings += noticed
    return labels, warnings
