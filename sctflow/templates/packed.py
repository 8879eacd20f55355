"""A template in one small file: what registration needs, cut out around the cord.

The published atlas is some forty compressed images that take seconds to read. They are read once,
packed, and kept in the user's cache under a name that changes with the template's files.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import secrets
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from sctflow.core.cord_curve import CordCurve
from sctflow.core.cord_frame import CordFrame
from sctflow.core.cord_levels import CordLevels
from sctflow.core.labels import read_points
from sctflow.core.mask import bounding_box
from sctflow.core.template.shape import CordShape
from sctflow.core.template.space import TemplateSpace, make_template_space
from sctflow.core.template.warp import FULL, TemplateImages
from sctflow.errors import TemplateError
from sctflow.io import load_image
from sctflow.templates.find import find_template
from sctflow.templates.layout import Template

WEIGHTS = ("cord", "gray matter", "white matter", "CSF")
LABELS = ("vertebral levels", "spinal levels", "rootlets")
LANDMARKS = {"spinal": "spinal midpoints", "rootlets": "rootlets"}
"""Kinds of labels that a subject may have instead of discs, and the template's piece for each."""

FORMAT = 6
"""Another one has templates packed again."""

_MARGIN = 2  # voxels around everything that is packed
_WIDE_MM = 25.0  # to the sides of the cord: rootlets and the dural sac lie within


@dataclass(frozen=True)
class PackedTemplate:
    """A template that is ready to be used.

    Attributes
    ----------
    name, version
        Of the template.
    contrasts : tuple of str
        Contrasts of which there is an image, of T2w, T1w and T2star.
    files : dict
        Paths of the template's images by contrast, ``cord`` and ``vertebral levels``.
    affine, shape
        Grid of the template's images.
    images : TemplateImages
        Cut out around the cord.
    space : TemplateSpace
    regions : list of dict
        Index, name and group of each region of the atlas, in the order of `images`.
    combined : list of dict
        Index, name and members (numbers with commas between them) of regions taken together.
    """

    name: str
    version: str | None
    contrasts: tuple[str, ...]
    files: dict[str, str]
    affine: np.ndarray
    shape: tuple[int, int, int]
    images: TemplateImages
    space: TemplateSpace
    regions: list[dict[str, Any]]
    combined: list[dict[str, Any]]

    def contrast(self, *wanted: str) -> tuple[str, Path]:
        """Find the first of some contrasts that the template has, or any.

        Raises
        ------
        TemplateError
            It has no image at all.
        """
        for suffix in (*wanted, *self.contrasts):
            if suffix in self.contrasts:
                return suffix, Path(self.files[suffix])
        raise TemplateError(f"template {self.name} has no image of any contrast")


def open_template(template: str | Path, *, cache: Path | None = None) -> PackedTemplate:
    """Open a template, packing it if it is not yet.

    Parameters
    ----------
    template
        Name, folder (see :func:`sctflow.templates.find_template`) or packed file (``.npz``).
    cache
        Folder to keep the packed file in; the user's cache by default. One that cannot be
        written to is done without.

    Raises
    ------
    TemplateError
        It is not there, or lacks what registration needs.
    """
    if str(template).endswith(".npz"):
        return read_packed(Path(template))
    path = packed_path(template, cache=cache)
    return read_packed(path) if path else pack(find_template(template))


def packed_path(template: str | Path, *, cache: Path | None = None) -> Path | None:
    """Path of the packed file of a template, which is made; None if it cannot be kept."""
    found = find_template(template)
    path = (cache or _cache()) / f"{found.name}-{template_digest(found)}.npz"
    if not path.is_file():
        try:
            write_packed(pack(found), path)
        except OSError:
            return None
    return path


def _cache() -> Path:
    from platformdirs import user_cache_dir

    return Path(user_cache_dir("sctflow")) / "packed"


def template_digest(template: Template) -> str:
    """Eight digits that change when a file of the template does."""
    content = hashlib.sha256(f"{FORMAT} {template.root} {template.version}".encode())
    for path in sorted(template.root.glob("tpl-*")):
        stat = path.stat()
        content.update(f"{path.name} {stat.st_size} {stat.st_mtime_ns}".encode())
    return content.hexdigest()[:8]


def pack(template: Template) -> PackedTemplate:
    """Read all of a template that registration needs."""
    cord, affine = _read(template.cord)
    box = _box(cord, affine)
    corner = affine.copy()
    corner[:3, 3] = affine[:3, :3] @ [side.start for side in box] + affine[:3, 3]

    discs, _ = _read(template.discs)
    points, _ = read_points(discs, affine, name=template.discs.name)
    labels = {name: _same(template, name, cord.shape)[box] for name in _there(template, LABELS)}
    spinal = _same(template, "spinal levels", cord.shape) if "spinal levels" in labels else None
    space = make_template_space(
        cord,
        affine,
        points,
        name=template.name,
        spinal_levels=spinal,
        landmarks={
            kind: _same(template, piece, cord.shape)
            for kind, piece in LANDMARKS.items()
            if template.has_named(piece)
        },
    )
    weights = {
        name: _bytes(_same(template, name, cord.shape)[box]) for name in _there(template, WEIGHTS)
    }
    regions = template.atlas if template.has_atlas else []
    sparse = [_sparse(_bytes(_atlas(region.path, cord.shape)[box])) for region in regions]
    ends = np.cumsum([0, *(len(places) for places, _ in sparse)])
    images = TemplateImages(
        affine=corner,
        shape=tuple(side.stop - side.start for side in box),
        weights=weights,
        labels={name: np.ascontiguousarray(image, np.uint8) for name, image in labels.items()},
        places=np.concatenate([np.empty(0, np.uint32), *(places for places, _ in sparse)]),
        values=np.concatenate([np.empty(0, np.uint8), *(values for _, values in sparse)]),
        ends=ends,
    )
    return PackedTemplate(
        name=template.name,
        version=template.version,
        contrasts=template.contrasts,
        files={
            name: str(template.named(name))
            for name in (*template.contrasts, "cord", "vertebral levels")
            if template.has_named(name)
        },
        affine=affine,
        shape=cord.shape,
        images=images,
        space=space,
        regions=[{"index": r.index, "name": r.name, "group": r.group} for r in regions],
        combined=[
            {"index": r.index, "name": r.name, "members": ",".join(map(str, r.members))}
            for r in (template.combined if regions else [])
        ],
    )


def _there(template: Template, names: tuple[str, ...]) -> list[str]:
    return [name for name in names if template.has_named(name)]


def _read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    img = load_image(path)
    return np.asanyarray(img.dataobj), img.affine


def _same(template: Template, name: str, shape: tuple[int, ...]) -> np.ndarray:
    return _atlas(template.named(name), shape)


def _atlas(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    data, _ = _read(path)
    if data.shape != shape:
        raise TemplateError(
            f"{path}: its grid of {' x '.join(map(str, data.shape))} voxels is not that of the "
            f"template's cord, {' x '.join(map(str, shape))}"
        )
    return data


def _box(cord: np.ndarray, affine: np.ndarray) -> tuple[slice, ...]:
    box = bounding_box(cord)
    if box is None:
        raise TemplateError("the template's cord mask is empty")
    sides = np.linalg.norm(affine[:3, :3], axis=0)
    up = int(np.argmax(np.abs(affine[2, :3]) / sides))
    margin = [_MARGIN if a == up else int(_WIDE_MM / sides[a]) // 2 for a in range(3)]
    return tuple(
        slice(max(side.start - more, 0), min(side.stop + more, n))
        for side, more, n in zip(box, margin, cord.shape, strict=True)
    )


def _bytes(weights: np.ndarray) -> np.ndarray:
    return np.rint(np.clip(weights.astype(np.float32), 0, 1) * FULL).astype(np.uint8)


def _sparse(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    places = np.flatnonzero(image)
    return places.astype(np.uint32), image.ravel()[places]


def write_packed(packed: PackedTemplate, path: Path) -> Path:
    """Write a packed template, in full or not at all."""
    images, space = packed.images, packed.space
    arrays = {
        "affine": packed.affine,
        "images_affine": images.affine,
        "places": images.places,
        "values": images.values,
        "ends": images.ends,
        **{f"weights {name}": image for name, image in images.weights.items()},
        **{f"labels {name}": image for name, image in images.labels.items()},
        **_arrays("shape", space.shape),
        **_arrays("levels", space.frame.levels),
        "line_points": space.frame.curve.points,
        "line_tangents": space.frame.curve.tangents,
        **{f"frame {name}": getattr(space.frame, name) for name in _FRAME},
    }
    meta = {
        "name": packed.name,
        "version": packed.version,
        "contrasts": packed.contrasts,
        "files": packed.files,
        "shape": [int(n) for n in packed.shape],
        "regions": packed.regions,
        "combined": packed.combined,
        "start": float(space.frame.curve.start),
        "noise": space.shape.noise,
        "conus": space.frame.conus,
        "junction": space.frame.junction,
        "conus_level": space.conus_level,
        "landmarks": space.landmarks,
    }
    stream = io.BytesIO()
    np.savez_compressed(stream, meta=np.array(json.dumps(meta)), **arrays)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        beside.write_bytes(stream.getvalue())
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)
    return path


_FRAME = ("rotation", "slices", "slice_s", "measured")


def _arrays(prefix: str, what: object) -> dict[str, np.ndarray]:
    """Arrays among the attributes of a dataclass."""
    found = {one.name: getattr(what, one.name) for one in fields(what)}
    return {f"{prefix} {key}": a for key, a in found.items() if isinstance(a, np.ndarray)}


def read_packed(path: Path) -> PackedTemplate:
    """Read what `write_packed` wrote."""
    if not path.is_file():
        raise TemplateError(f"{path}: there is no such packed template")
    with np.load(path, allow_pickle=False) as content:
        meta = json.loads(str(content["meta"]))

        def group(prefix: str) -> dict[str, np.ndarray]:
            names = [name for name in content.files if name.startswith(prefix + " ")]
            return {name.removeprefix(prefix + " "): content[name] for name in names}

        frame = CordFrame(
            curve=CordCurve(meta["start"], content["line_points"], content["line_tangents"]),
            **group("frame"),
            levels=CordLevels(**group("levels")),
            junction=meta["junction"],
            conus=meta["conus"],
        )
        weights, labels = group("weights"), group("labels")
        images = TemplateImages(
            affine=content["images_affine"],
            shape=next(iter({**weights, **labels}.values())).shape,
            weights=weights,
            labels=labels,
            places=content["places"],
            values=content["values"],
            ends=content["ends"],
        )
        landmarks = {
            kind: {int(value): level for value, level in known.items()}
            for kind, known in meta["landmarks"].items()
        }
        return PackedTemplate(
            name=meta["name"],
            version=meta["version"],
            contrasts=tuple(meta["contrasts"]),
            files=meta["files"],
            affine=content["affine"],
            shape=tuple(meta["shape"]),
            images=images,
            space=TemplateSpace(
                frame=frame,
                shape=CordShape(**group("shape"), noise=meta["noise"]),
                conus_level=meta["conus_level"],
                landmarks=landmarks,
            ),
            regions=meta["regions"],
            combined=meta["combined"],
        )
