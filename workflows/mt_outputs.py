"""Sinks of what is made from a magnetisation transfer protocol."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nipype.interfaces import utility as niu
from nipype.pipeline import engine as pe

from sctflow.bids import MTInput
from sctflow.workflows.literate import Workflow
from sctflow.workflows.mt import (
    B1_METHOD,
    BROUGHT,
    CORRECTED,
    METHODS,
    ROLES,
    figure_names,
    map_names,
    value_names,
)
from sctflow.workflows.outputs import add_figure_sinks
from sctflow.workflows.sinks import name_of, sink, space_of, uri_of
from sctflow.workflows.values import describe_values

WHAT = {
    "MTRmap": ("Magnetisation transfer ratio", ("on", "off"), None),
    "MTsat": (
        "Magnetisation transfer saturation",
        ("on", "off", "t1"),
        "Helms et al. 2008, doi:10.1002/mrm.21732",
    ),
    "T1map": (
        "Longitudinal relaxation time",
        ("off", "t1"),
        "Helms et al. 2008, doi:10.1002/mrm.21732",
    ),
}
"""What each map shows, the images it is made from, and where its formula is from."""

UNITS = {"MTRmap": "percent", "MTsat": "percent", "T1map": "s"}


def init_mt_outputs_wf(
    *,
    item: MTInput,
    output_dir: Path,
    protocol: Sequence[tuple[float, float]] | None = None,
    template: str | None = None,
    name: str = "mt_outputs_wf",
) -> Workflow:
    """Place what was made from one magnetisation transfer protocol in the output dataset.

    The cord in its image with MT pulse is placed by
    :func:`sctflow.workflows.outputs.init_cord_outputs_wf`.

    Workflow Graph
        one sink for every result

    Parameters
    ----------
    item : MTInput
        The protocol.
    output_dir : pathlib.Path
        Root of the output dataset.
    protocol : sequence of three (float, float), optional
        Repetition times (s) and flip angles (degrees), see
        :func:`sctflow.workflows.mt.init_mt_wf`.
    template : str, optional
        Name of the template that the image with MT pulse was registered with, if it was.
    name : str
        Name of the workflow.

    Inputs
    ------
    off, t1, MTRmap, …
        See :func:`sctflow.workflows.mt.init_mt_wf`.
    """
    maps, image = map_names(protocol), item.reference
    figures = figure_names(maps, registered=bool(template))
    workflow = Workflow(name=name)
    inputnode = pe.Node(
        niu.IdentityInterface(
            fields=[*BROUGHT, *METHODS, B1_METHOD, *maps, *value_names(maps), *figures]
        ),
        name="inputnode",
    )
    placed = _brought(item)
    placed |= {one: _map(item, one, protocol) for one in maps}
    if template:
        placed |= {f"{one}_values": _values(item, one, template) for one in maps}
    for result, (path, sidecar, columns) in placed.items():
        node = sink(f"ds_{result}", output_dir, path, sidecar, columns)
        workflow.connect(inputnode, result, node, "in_file")
        if result in BROUGHT:
            workflow.connect(inputnode, f"{result}_method", node, "method")
        if result in CORRECTED and item.b1:
            workflow.connect(inputnode, B1_METHOD, node, "method")
    add_figure_sinks(workflow, image, output_dir, figures)
    return workflow


def _brought(item):
    """Images on the grid of the one with MT pulse: name, sidecar, columns."""
    on = item.reference
    found = {}
    for role in BROUGHT:
        if role in item.images:
            image = item.images[role]
            name = name_of(
                image,
                suffix=image.entities["suffix"],
                space=space_of(on),
                desc="preproc",
                extension=".nii.gz",
            )
            sidecar = {
                "Description": "The image on the grid of the one with MT pulse, brought there "
                "around the cord, interpolated once",
                "SkullStripped": False,
                "SpatialReference": on.uri,
                "Sources": [image.uri, on.uri],
            }
            found[role] = (name, sidecar, {})
    return found


def _map_name(item, one, template=None):
    return name_of(
        item.reference,
        suffix=one,
        space=space_of(item.reference),
        seg=template,
        extension=".tsv" if template else ".nii.gz",
    )


def _map(item, one, protocol):
    what, roles, algorithm = WHAT[one]
    sidecar = {
        "Description": what,
        "Units": UNITS[one],
        "SkullStripped": False,
        "SpatialReference": item.reference.uri,
        "Sources": [item.images[role].uri for role in roles],
    }
    if algorithm:
        sidecar["EstimationReference"] = algorithm
        known = dict(zip(ROLES, protocol, strict=True))
        sidecar["Protocol"] = {
            item.images[role].uri: {"RepetitionTimeExcitation": tr, "FlipAngle": flip}
            for role, (tr, flip) in known.items()
            if role in roles
        }
    return _map_name(item, one), sidecar, {}


def _values(item, one, template):
    atlas = name_of(
        item.reference,
        suffix="probseg",
        space=space_of(item.reference),
        seg=template,
        extension=".nii.gz",
    )
    told = describe_values(
        what=WHAT[one][0],
        template=template,
        sources=[uri_of(_map_name(item, one)), uri_of(atlas)],
        unit=UNITS[one],
    )
    return _map_name(item, one, template), *told
