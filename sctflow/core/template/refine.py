"""Improve the map between a cord and a template by registration steps on the images themselves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sctflow.core.registration import ImageData, Step, register
from sctflow.core.template.cord_map import CordMap
from sctflow.core.template.warp import FULL, TemplateImages, covered_box
from sctflow.core.transforms import Chain, resample_through
from sctflow.core.transforms.field import to_world


def refine(
    cord_map: CordMap,
    subject: ImageData,
    images: TemplateImages,
    template: ImageData,
    *,
    steps: str | Sequence[Step],
    reference: str = "template",
) -> tuple[Chain, Chain, list[str]]:
    """Refine a map by steps that stay within the slices of the reference.

    Parameters
    ----------
    cord_map : CordMap
        From the subject to the template.
    subject : ImageData
        The subject's image and its mask (``seg``).
    images : TemplateImages
        The template's cord is what masks are matched with.
    template : ImageData
        The template's image.
    steps : str or sequence of Step
        See :func:`sctflow.core.registration.parse_steps`.
    reference : {"template", "subject"}
        Whose slices.

    Returns
    -------
    to_template, from_template : chains of transforms
        From points of the template's grid to the subject, and the other way.
    warnings : list of str

    Raises
    ------
    RegistrationError
        Steps that need an image where there is none, or cannot be run.
    """
    there = cord_map.inverse()
    if reference == "subject":
        found = register(
            subject,
            _with_cord(template, images),
            steps=steps,
            initial=[cord_map],
            initial_inverse=[there],
        )
        return found.backward, found.forward, found.warnings
    box = covered_box(
        subject.affine, subject.shape, [there], to_affine=template.affine, to_shape=template.shape
    )
    if box is None:
        return [there], [cord_map], ["No part of the image lies in the template: not refined"]
    corner = np.array(template.affine, dtype=float)
    corner[:3, 3] = to_world(np.array([side.start for side in box]), template.affine)
    part = ImageData(corner, image=template.image[box])
    found = register(
        _with_cord(part, images), subject, steps=steps, initial=[there], initial_inverse=[cord_map]
    )
    return found.forward, found.backward, found.warnings


def _with_cord(template: ImageData, images: TemplateImages) -> ImageData:
    """Add the template's cord, on the grid of its image."""
    cord = resample_through(
        images.weights["cord"],
        images.affine,
        [],
        to_affine=template.affine,
        to_shape=template.shape,
    )
    return ImageData(template.affine, image=template.image, seg=cord / FULL)
