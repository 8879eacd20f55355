"""A magnetisation transfer protocol of the dataset: from its metadata to results."""

from __future__ import annotations

from sctflow.bids import MTInput
from sctflow.core.mt import Flash, check_protocol
from sctflow.errors import DatasetError
from sctflow.interfaces.mt import MetadataError, read_flash_protocol
from sctflow.workflows.cord import init_cord, init_without_mask_wf, workflow_name
from sctflow.workflows.levels import LevelLabels, SessionLabels
from sctflow.workflows.literate import Workflow
from sctflow.workflows.mt import (
    B1_METHOD,
    BROUGHT,
    ROLES,
    figure_names,
    init_mt_wf,
    map_names,
    value_names,
)
from sctflow.workflows.mt_outputs import init_mt_outputs_wf
from sctflow.workflows.options import Options
from sctflow.workflows.resources import count_voxels

CALLED = {"on": "With MT pulse", "off": "Without MT pulse", "t1": "With contrast of T1"}
NO_ATLAS = (
    "none: levels are labelled in no image of the session, so that no atlas can be placed here"
)
NO_TEMPLATE = "none: there is no template"


def init_mt_set_wf(
    *, item: MTInput, options: Options, labels: LevelLabels | SessionLabels | None = None
) -> Workflow:
    """Process one magnetisation transfer protocol and place its results in the output dataset.

    Workflow Graph
        mt_wf (with anat_wf in it) → mt_outputs_wf, cord_outputs_wf, levels_outputs_wf

    Parameters
    ----------
    item : MTInput
        Its images, with their manual labels. A mask drawn on the image with MT pulse is used.
    options : Options
        How the run processes its images.
    labels : LevelLabels or SessionLabels, optional
        The labels that give the levels, see :func:`sctflow.workflows.sessions.plan_labels`.
    """
    image = item.reference
    voxels = count_voxels(image.path)
    cord = init_cord(image=image, labels=labels, options=options, voxels=voxels)
    if cord is None:
        return init_without_mask_wf(image=image, options=options)
    protocol, facts, warnings = read_protocol(item)
    if not cord.registered:
        facts.append(("Values in regions", NO_ATLAS if options.template else NO_TEMPLATE))
    mt_wf = init_mt_wf(
        anat_wf=cord.joined(),
        voxels=voxels,
        third="t1" in item.images,
        protocol=protocol,
        b1=item.b1 is not None,
        registered=cord.registered,
        facts=facts,
        warnings=warnings,
    )
    outputs_wf = init_mt_outputs_wf(
        item=item,
        output_dir=options.output_dir,
        protocol=protocol,
        template=options.template.name if cord.registered else None,
    )
    for role, one in item.images.items():
        setattr(mt_wf.inputs.inputnode, f"{role}_file", str(one.path))
    if item.b1:
        mt_wf.inputs.inputnode.b1_file = str(item.b1.path)
        mt_wf.inputs.inputnode.b1_uri = item.b1.uri
    maps = map_names(protocol)
    brought = [role for role in BROUGHT if role in item.images]
    results = [*brought, *(f"{role}_method" for role in brought)]
    results += [B1_METHOD] if item.b1 and protocol else []
    results += [*maps, *figure_names(maps, registered=cord.registered)]
    results += value_names(maps) if cord.registered else []
    workflow = Workflow(name=workflow_name(image))
    workflow.connect([
        (mt_wf, outputs_wf, [(f"outputnode.{one}", f"inputnode.{one}") for one in results]),
    ])  # fmt: skip
    cord.connect(workflow, mt_wf)
    return workflow


Protocol = list[tuple[float, float]]


def read_protocol(item: MTInput) -> tuple[Protocol | None, list[tuple[str, str]], list[str]]:
    """Read what the maps need to know from the sidecars of the images.

    Returns
    -------
    protocol : list of (float, float) or None
        Repetition time (s) and flip angle (degrees) of the three images; None where there are
        not three, or where it is not known well enough.
    facts : list of (str, str)
        What is known, for the report.
    warnings : list of str
        What is missing or contradicts itself, with the file and the field.
    """
    known, problems = {}, []
    for role in ROLES:
        if role not in item.images:
            continue
        image = item.images[role]
        try:
            known[role] = read_flash_protocol(image.metadata, name=image.path.name)
        except (MetadataError, DatasetError) as error:
            problems.append(str(error))
    facts = [
        (
            CALLED[role],
            f"TR {1000 * tr:g} ms, flip angle {flip:g}° ({item.images[role].path.name})",
        )
        for role, (tr, flip) in known.items()
    ]
    warnings = []
    if "on" in known and "off" in known and known["on"] != known["off"]:
        warnings.append(
            f"{item.images['on'].path.name} and {item.images['off'].path.name} differ in "
            "repetition time or flip angle, so that MTR holds more than magnetisation transfer."
        )
    if item.kind != "MTS":
        return None, facts, warnings
    if not problems:
        try:
            check_protocol(*(Flash(None, *known[role]) for role in ROLES))
        except ValueError as error:
            problems.append(str(error))
    if problems:
        warnings.append("MTsat and T1 are not computed. " + " ".join(problems))
        return None, facts, warnings
    return [known[role] for role in ROLES], facts, warnings
