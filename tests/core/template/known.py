"""A straight template, subjects made from it by maps that are known, and how far off we are."""

import numpy as np

from sctflow.core.centerline import fit_centerline
from sctflow.core.cord_curve import STEP, CordCurve
from sctflow.core.cord_frame import frame_from_discs
from sctflow.core.labels import points_at
from sctflow.core.template.cord_map import map_cords
from sctflow.core.template.shape import measure_shape
from sctflow.core.template.space import make_template_space
from sctflow.core.transforms import resample_through

HEIGHTS = {1: 0.0, 2: 23.0, 3: 38.5, 4: 56.0, 5: 73.0, 6: 89.5, 7: 105.5, 8: 123.0}
TOP = 125.0  # mm, of the disc with value 1 above the template's lowest voxel
LENGTH = 135.0


def template_mask(spacing=0.5):
    """A cord that is wider in the middle, flattened in front, as a soft mask."""
    n = int(50 / spacing)
    k = int(LENGTH / spacing)
    affine = np.diag([spacing, spacing, spacing, 1.0])
    affine[:2, 3] = -25 + spacing / 2
    x, y = np.meshgrid(*[affine[0, 3] + spacing * np.arange(n)] * 2, indexing="ij")
    z = spacing * np.arange(k)
    swell = np.exp(-(((z - 55) / 25) ** 2))
    angle, r = np.arctan2(y, x)[..., None], np.hypot(x, y)[..., None]
    a, b = 5.5 + 1.2 * swell, 4.0 + 0.2 * swell
    rho = 1 / np.sqrt((np.cos(angle) / a) ** 2 + (np.sin(angle) / b) ** 2)
    rho = rho * (1 + 0.04 * np.cos(2 * angle) - 0.05 * np.cos(3 * angle - np.pi / 2))
    return np.clip((rho - r) / spacing + 0.5, 0, 1).astype(np.float32), affine


def template_space(spacing=0.5):
    mask, affine = template_mask(spacing)
    values = np.array(list(HEIGHTS))
    world = np.column_stack([0 * values, 0 * values, TOP - np.array(list(HEIGHTS.values()))])
    discs = points_at(values, world, affine)
    return make_template_space(mask, affine, discs, name="straight"), mask, affine


class Known:
    """World points of a made-up subject to the template's, and back."""

    def __init__(self, *, bend=0.0, tilt=0.0, turn=0.0, squeeze=0.0, inner=0.0, size=1.0):
        s = np.arange(-60.0, 200.0, STEP)
        # Bent forwards and backwards with a radius of 1/bend mm, leaning by `tilt` degrees.
        lean = np.radians(tilt) + 60 * bend * np.sin((s - 70) / 60)
        side = 0.4 * lean
        t = np.column_stack(
            [np.sin(side), np.cos(side) * np.sin(lean), np.cos(side) * np.cos(lean)]
        )
        points = np.cumsum(STEP * t, axis=0)
        points -= points[int(60 / STEP)]
        self.curve = CordCurve(-60.0, points, t)
        self.turn, self.squeeze, self.inner, self.size = np.radians(turn), squeeze, inner, size

    def along(self, s):
        """Mm above the template's lowest voxel: vertebrae up to 8 % higher or lower."""
        s = np.asarray(s, float)
        return (s + 2.0 * np.sin(s / 25)) / self.size

    def back_along(self, z):
        s = np.asarray(z, float) * self.size
        for _ in range(30):
            s = s - (self.along(s) - z) * self.size
        return s

    def _narrow(self, s):
        return 1 - self.squeeze * np.exp(-(((s - 70) / 6) ** 2))

    def map_points(self, points):
        uvs = self.curve.from_world(points)[0]
        c, sn = np.cos(self.turn), np.sin(self.turn)
        u = c * uvs[..., 0] + sn * uvs[..., 1]
        v = -sn * uvs[..., 0] + c * uvs[..., 1]
        narrow = self._narrow(uvs[..., 2])
        u, v = u * np.sqrt(narrow), v / narrow
        return np.stack([*self._inside(u, v), self.along(uvs[..., 2])], -1)

    def _inside(self, u, v):
        """Stir what lies inside the cord, and what lies around it a little."""
        r2 = (u**2 + v**2) / 36
        push = self.inner * np.exp(-r2)
        return u + push * np.cos(v / 2.5), v + push * np.sin(u / 2.5)


def subject(known, mask, affine, spacing=(1.0, 1.0, 1.0)):
    """The template's cord as a binary mask of the subject, and its discs."""
    spacing = np.array(spacing)
    points, _ = known.curve.at(np.array([8.0, 60.0, 125.0]))
    margin = np.array([12, 12, 0])
    low, high = points.min(axis=0) - margin, points.max(axis=0) + margin
    shape = np.ceil((high - low) / spacing).astype(int) + 1
    to_affine = np.diag([*spacing, 1.0])
    to_affine[:3, 3] = low
    soft = resample_through(mask, affine, [known], to_affine=to_affine, to_shape=shape)
    values = np.array(list(HEIGHTS))
    s = known.back_along(TOP - np.array(list(HEIGHTS.values())))
    discs = points_at(values, known.curve.at(s)[0], to_affine)
    return (soft >= 0.5).astype(np.uint8), to_affine, discs


def errors(known, space, mask, affine, discs, values=None):
    """Root mean square of the error across and along, mm, in the cord between the end discs."""
    if values:
        discs = discs.select(np.isin(discs.values, values))
    frame, _ = frame_from_discs(fit_centerline(mask, affine), discs, name="discs")
    found = map_cords(frame, measure_shape(frame, mask, affine), space.frame, space.shape)
    voxels = np.argwhere(mask)
    points = voxels @ affine[:3, :3].T + affine[:3, 3]
    truth = known.map_points(points)
    used = sorted(discs.values)
    low, high = TOP - HEIGHTS[used[-1]], TOP - HEIGHTS[used[0]]
    inside = (truth[:, 2] > max(low, 12)) & (truth[:, 2] < min(high, 118))
    away = (found.map_points(points) - truth)[inside]
    return (
        float(np.sqrt((away[:, :2] ** 2).sum(axis=1).mean())),
        float(np.sqrt((away[:, 2] ** 2).mean())),
        found,
    )
