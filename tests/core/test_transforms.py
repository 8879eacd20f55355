"""Transforms: where points go, what images become, and the way back."""

from __future__ import annotations

from collections.abc import Callable

import nibabel as nib
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.transform import Rotation

from sctflow.core.transforms import (
    Affine,
    DisplacementField,
    compose,
    fsl_warp,
    invert,
    jacobian_determinant,
    map_points,
    resample_through,
)
from sctflow.errors import ImageError

SHAPE = (24, 20, 30)


def rotation(axis: str, degrees: float) -> np.ndarray:
    return nib.affines.from_matvec(Rotation.from_euler(axis, degrees, degrees=True).as_matrix())


def grid(kind: str, shape=SHAPE) -> np.ndarray:
    """A grid about the origin: how it is stored must not matter to what lies in the world."""
    zooms = {"anisotropic": (0.7, 1.0, 2.5)}.get(kind, (1.0, 1.0, 1.0))
    affine = np.diag([*zooms, 1.0])
    if kind == "LAS":
        affine[0, 0] = -1
    if kind == "PSR":
        affine[:3, :3] = [[0, 0, 1], [-1, 0, 0], [0, 1, 0]]
    if kind == "oblique":
        affine = rotation("x", 20) @ rotation("z", -35) @ np.diag([1, 0.8, 1.5, 1])
    affine[:3, 3] = -affine[:3, :3] @ (np.array(shape) - 1) / 2
    return affine


GRIDS = ("RAS", "LAS", "PSR", "anisotropic", "oblique")


def world(affine: np.ndarray, shape=SHAPE) -> np.ndarray:
    return nib.affines.apply_affine(affine, np.moveaxis(np.indices(shape), 0, -1))


def field_of(mapping: Callable, affine: np.ndarray, shape=SHAPE, dtype=float):
    points = world(affine, shape)
    return DisplacementField((mapping(points) - points).astype(dtype), affine)


def among_voxels(points: np.ndarray, affine: np.ndarray, shape=SHAPE) -> np.ndarray:
    """Where a field is interpolated, and not continued from its outermost voxel centres."""
    indices = nib.affines.apply_affine(np.linalg.inv(affine), points)
    return ((indices >= 0) & (indices <= np.array(shape) - 1)).all(axis=-1)


def random_points(n: int = 500, reach: float = 4.0) -> np.ndarray:
    return np.random.default_rng(1).uniform(-reach, reach, (n, 3))


MATRIX = rotation("z", 20) @ np.diag([1.1, 0.9, 1.05, 1]) @ rotation("x", -8)
MATRIX[:3, 3] = [1.5, -2.0, 0.7]


def shear_wave(points: np.ndarray) -> np.ndarray:
    """A bend whose inverse is known, since it leaves alone the axis that it depends on."""
    x, y, z = np.moveaxis(points, -1, 0)
    return np.stack([x + 2 * np.sin(z / 6), y + 1.5 * np.cos(z / 8), z], axis=-1)


def shear_wave_back(points: np.ndarray) -> np.ndarray:
    x, y, z = np.moveaxis(points, -1, 0)
    return np.stack([x - 2 * np.sin(z / 6), y - 1.5 * np.cos(z / 8), z], axis=-1)


class TestPoints:
    @pytest.mark.parametrize("kind", GRIDS)
    def test_a_field_of_an_affine_moves_points_as_the_affine_does(self, kind):
        affine = Affine(MATRIX)
        field = compose([affine], affine=grid(kind), shape=SHAPE, dtype=float)
        points = random_points()
        assert_allclose(field.map_points(points), affine.map_points(points), atol=1e-9)

    def test_a_chain_goes_from_first_to_last(self):
        move = np.eye(4)
        move[0, 3] = 10
        turn = rotation("z", 90)
        assert_allclose(
            map_points([1, 0, 0], [Affine(move), Affine(turn)]), [0, 11, 0], atol=1e-12
        )
        assert_allclose(
            map_points([1, 0, 0], [Affine(turn), Affine(move)]), [10, 1, 0], atol=1e-12
        )

    def test_an_empty_chain_leaves_points(self):
        assert_array_equal(map_points([[1, 2, 3]], []), [[1, 2, 3]])

    def test_beyond_the_half_voxel_around_the_grid_nothing_moves(self):
        field = DisplacementField(np.full((4, 5, 6, 3), 7.0), np.eye(4))
        points = np.array([[-0.49, 0, 0], [-0.51, 0, 0], [3.49, 4.49, 5.49], [3, 4, 5.51]])
        assert_allclose(field.map_points(points) - points, [[7] * 3, [0] * 3, [7] * 3, [0] * 3])

    def test_what_is_no_transform_is_refused(self):
        with pytest.raises(ImageError, match="4 x 4"):
            Affine(np.eye(3))
        with pytest.raises(ImageError, match="finite"):
            Affine(np.full((4, 4), np.nan))
        with pytest.raises(ImageError, match=r"\(x, y, z, 3\)"):
            DisplacementField(np.zeros((4, 4, 4)), np.eye(4))


class TestCompose:
    @pytest.mark.parametrize("kind", GRIDS)
    def test_the_joined_field_is_the_chain_at_every_voxel_centre(self, kind):
        big = tuple(2 * n for n in SHAPE)
        chain = [
            Affine(MATRIX),
            field_of(shear_wave, grid("oblique", big), big),
            field_of(shear_wave, grid("LAS", big), big),
            Affine(rotation("y", 5)),
        ]
        joined = compose(chain, affine=grid(kind), shape=SHAPE)
        points = world(grid(kind))
        # float32 of displacements of some mm
        assert_allclose(joined.map_points(points), map_points(points, chain), atol=1e-5)

    @pytest.mark.parametrize("off", [0.0, 0.002, 0.3])
    def test_a_grid_that_is_almost_the_fields_own_is_not_taken_for_it(self, off):
        field = compose([Affine(MATRIX)], affine=grid("RAS"), shape=SHAPE, dtype=float)
        turned = grid("RAS") @ rotation("z", off)
        turned[:3, 3] += off
        joined = compose([field], affine=turned, shape=SHAPE, dtype=float)
        points = world(turned)
        known = among_voxels(points, grid("RAS"))
        expected = Affine(MATRIX).map_points(points[known])
        assert_allclose(points[known] + joined.vectors[known], expected, atol=1e-9)

    def test_slabs_leave_no_seams(self, monkeypatch):
        chain = [field_of(shear_wave, grid("RAS")), Affine(MATRIX)]
        whole = compose(chain, affine=grid("RAS"), shape=SHAPE).vectors
        monkeypatch.setattr("sctflow.core.transforms.field.SLAB_POINTS", 1300)
        assert_array_equal(compose(chain, affine=grid("RAS"), shape=SHAPE).vectors, whole)


class TestResampleThrough:
    @pytest.mark.parametrize("kind", GRIDS)
    @pytest.mark.parametrize("interpolation", ["linear", "spline"])
    def test_a_ramp_is_moved_exactly(self, kind, interpolation):
        def ramp(points):
            return points @ [2.0, -1.0, 0.5] + 3

        shape = (60, 60, 60)
        image_affine = grid("oblique", shape)
        chain = [field_of(shear_wave, grid(kind)), Affine(MATRIX)]
        result = resample_through(
            ramp(world(image_affine, shape)),
            image_affine,
            chain,
            to_affine=grid(kind),
            to_shape=SHAPE,
            interpolation=interpolation,
            cval=np.nan,
        )
        expected = ramp(map_points(world(grid(kind)), chain))
        seen = np.isfinite(result)
        assert seen.mean() > 0.6
        # A spline is mirrored at the image's edge, and a ramp is not.
        far = np.abs(world(grid(kind))).max(axis=-1) < 10
        assert seen[far].all()
        assert_allclose(
            result[far], expected[far], atol=1e-9 if interpolation == "linear" else 1e-3
        )

    @pytest.mark.parametrize("interpolation", ["nearest", "label", "linear", "spline"])
    def test_without_a_transform_the_same_grid_gives_the_image_back(self, interpolation):
        data = np.random.default_rng(0).integers(0, 9, SHAPE).astype(np.float64)
        result = resample_through(
            data,
            grid("oblique"),
            [],
            to_affine=grid("oblique"),
            to_shape=SHAPE,
            interpolation=interpolation,
        )
        assert_allclose(result, data, atol=1e-9)

    def test_volumes_go_the_same_way_as_the_image_alone(self):
        data = np.random.default_rng(0).random((*SHAPE, 3)).astype(np.float32)
        chain = [field_of(shear_wave, grid("RAS"))]
        target = {"to_affine": grid("PSR"), "to_shape": SHAPE}
        together = resample_through(data, grid("RAS"), chain, **target)
        alone = [resample_through(data[..., n], grid("RAS"), chain, **target) for n in range(3)]
        assert_array_equal(together, np.stack(alone, axis=-1))

    @pytest.mark.parametrize("interpolation", ["nearest", "label"])
    def test_labels_stay_labels_of_their_type(self, interpolation):
        labels = np.random.default_rng(0).choice([0, 3, 250], SHAPE).astype(np.uint8)
        result = resample_through(
            labels,
            grid("RAS"),
            [Affine(MATRIX)],
            to_affine=grid("RAS"),
            to_shape=SHAPE,
            interpolation=interpolation,
        )
        assert result.dtype == np.uint8
        assert set(np.unique(result)) == {0, 3, 250}

    def test_a_label_is_elected_by_its_share_and_not_by_its_value(self):
        labels = np.array([[[9, 9], [1, 1]], [[1, 5], [5, 1]]], dtype=np.int16)
        quarter = np.eye(4)
        quarter[:3, 3] = 0.25  # the corner (0, 0, 0), a 9, weighs 27/64, and all 9s 36/64
        target = {"to_affine": quarter, "to_shape": (1, 1, 1), "interpolation": "label"}
        assert resample_through(labels, np.eye(4), [], **target).item() == 9
        centre = quarter.copy()
        centre[:3, 3] = 0.5  # 1 has four corners of eight
        target["to_affine"] = centre
        assert resample_through(labels, np.eye(4), [], **target).item() == 1

    def test_election_agrees_with_the_largest_of_the_labels_interpolated_one_by_one(self):
        rng = np.random.default_rng(2)
        labels = rng.choice([0, 2, 7, 11], (8, 9, 10)).astype(np.uint8)
        target = {"to_affine": Affine(MATRIX).matrix @ np.diag([0.4, 0.4, 0.4, 1])}
        target["to_shape"] = (15, 15, 15)
        values = np.unique(labels)
        shares = np.stack(
            [
                resample_through((labels == v).astype(float), np.eye(4), [], **target, cval=-1)
                for v in values
            ]
        )
        result = resample_through(labels, np.eye(4), [], **target, interpolation="label", cval=99)
        inside = shares[0] >= 0
        second, first = np.sort(shares, axis=0)[-2:]
        clear = inside & (first - second > 1e-6)
        assert clear.sum() > 500
        assert_array_equal(result[clear], values[shares.argmax(axis=0)][clear])
        assert (result[~inside] == 99).all()

    def test_an_elected_tie_does_not_depend_on_how_the_image_is_stored(self):
        labels = np.random.default_rng(3).integers(0, 4, (6, 6, 6)).astype(np.uint8)
        half = np.eye(4)
        half[:3, 3] = 0.5
        flipped = np.diag([-1.0, 1, 1, 1])
        flipped[0, 3] = 5
        target = {"to_affine": half, "to_shape": (5, 5, 5), "interpolation": "label"}
        assert_array_equal(
            resample_through(labels, np.eye(4), [], **target),
            resample_through(labels[::-1], flipped, [], **target),
        )

    def test_wrong_requests_are_refused(self):
        target = {"to_affine": np.eye(4), "to_shape": (2, 2, 2)}
        with pytest.raises(ImageError, match="interpolation 'cubic'"):
            resample_through(np.zeros((2, 2, 2)), np.eye(4), [], **target, interpolation="cubic")
        with pytest.raises(ImageError, match="2-D"):
            resample_through(np.zeros((2, 2)), np.eye(4), [], **target)


class TestInvert:
    @pytest.mark.parametrize("kind", GRIDS)
    def test_an_affine_is_turned_round_exactly(self, kind):
        field = compose([Affine(MATRIX)], affine=grid(kind), shape=SHAPE, dtype=float)
        back = invert(field, affine=grid("RAS"), shape=SHAPE, tolerance_mm=1e-6)
        expected = Affine(MATRIX).inverse().map_points(world(grid("RAS")))
        known = among_voxels(expected, grid(kind))
        assert known.sum() > 3000
        assert back.found[known].all()
        found = world(grid("RAS")) + back.field.vectors
        assert_allclose(found[known], expected[known], atol=1e-5)
        assert back.residual[known].max() < 1e-6

    @pytest.mark.parametrize(
        "matrix", [rotation("z", 90), rotation("y", 180), np.diag([0.4, 2.0, 1.0, 1.0])]
    )
    def test_large_turns_and_scales_are_found(self, matrix):
        # Where a plain fixed-point iteration runs away.
        far = matrix.copy()
        far[:3, 3] = [200, -300, 400]
        there = grid("RAS")
        # Between the places where voxels land, or there would be nothing to search.
        there[:3, 3] += far[:3, 3] + [0.3, 0.4, -0.2]
        field = compose([Affine(far)], affine=grid("RAS"), shape=SHAPE, dtype=float)
        back = invert(field, affine=there, shape=SHAPE)
        expected = Affine(far).inverse().map_points(world(there))
        known = among_voxels(expected, grid("RAS"))
        assert known.mean() > 0.3
        assert back.found[known].all()
        found = world(there) + back.field.vectors
        assert_allclose(found[known], expected[known], atol=3e-3)

    @pytest.mark.parametrize("kind", GRIDS)
    def test_a_bend_with_a_known_inverse_is_found(self, kind):
        field = field_of(shear_wave, grid(kind))
        back = invert(field, affine=grid("oblique"), shape=SHAPE)
        expected = shear_wave_back(world(grid("oblique")))
        found = world(grid("oblique")) + back.field.vectors
        known = among_voxels(expected, grid(kind))
        assert known.mean() > 0.3
        assert back.found[known].all()
        # Interpolating between voxels loses h²/8 of the curvature: 2/36 per mm, voxels to 2.5 mm.
        zoom = np.linalg.norm(grid(kind)[:3, :3], axis=0).max()
        bound = zoom**2 / 8 * 2 / 36 * 1.5 + 2e-3
        assert np.abs(found - expected)[known].max() < bound
        # Outside too, the way there and back closes, over the edge's continued displacement.
        assert back.residual.max() < 1e-3

    def test_there_and_back_is_within_the_tolerance_wherever_it_says_so(self):
        bumps = np.random.default_rng(4).normal(size=(6, 5, 7, 3))
        coarse = DisplacementField(1.5 * bumps, np.diag([6.0, 6, 6, 1]))
        field = compose([coarse], affine=np.eye(4), shape=(31, 25, 37))
        back = invert(field, affine=np.eye(4), shape=(31, 25, 37))
        assert_allclose(
            np.linalg.norm(
                map_points(world(np.eye(4), (31, 25, 37)), [back.field, field])
                - world(np.eye(4), (31, 25, 37)),
                axis=-1,
            )[back.found],
            back.residual[back.found],
            atol=1e-4,
        )
        assert back.found.mean() > 0.7

    def test_outside_the_image_of_the_field_the_edge_is_continued(self):
        field = DisplacementField(np.full((5, 5, 5, 3), [100.0, 0, 0]), np.eye(4))
        back = invert(field, affine=np.eye(4), shape=(5, 5, 5))
        assert not back.found.any()
        assert_allclose(back.field.vectors[..., 0], -100, atol=1e-4)

    def test_a_gap_is_not_passed_off_as_an_inverse(self):
        # Everything lands on the plane x = 2: no other point has anything to come from.
        field = field_of(lambda p: p * [0, 1, 1] + [2, 0, 0], np.eye(4), (6, 6, 6))
        back = invert(field, affine=np.eye(4), shape=(6, 6, 6))
        distance = np.abs(np.arange(6) - 2.0)[:, None, None]
        assert (back.residual >= distance - 1e-3)[
            np.broadcast_to(distance > 3, back.residual.shape)
        ].all()
        assert np.isfinite(back.field.vectors).all()

    def test_voxels_marked_as_having_no_displacement_spoil_nothing_around_them(self):
        field = field_of(shear_wave, grid("RAS"))
        marked = field.vectors.copy()
        marked[10:12, 9, 14] = 3e38
        whole = invert(field, affine=grid("RAS"), shape=SHAPE)
        back = invert(DisplacementField(marked, field.affine), affine=grid("RAS"), shape=SHAPE)
        assert np.abs(back.field.vectors).max() < 10
        lost = whole.found & ~back.found
        assert 1 <= lost.sum() <= 8
        moved = np.linalg.norm(back.field.vectors - whole.field.vectors, axis=-1)
        # Two voxels and their neighbours have a neighbour's displacement, 0.3 mm off at most.
        assert (moved > 2e-3).sum() < 60
        assert moved.max() < 0.5
        assert np.isnan(jacobian_determinant(DisplacementField(marked, field.affine))).sum() == 12

    def test_a_single_slice_can_be_turned_round(self):
        field = DisplacementField(np.full((6, 6, 1, 3), [1.0, -1, 0]), np.eye(4))
        back = invert(field, affine=np.eye(4), shape=(6, 6, 1))
        assert_allclose(back.field.vectors, -field.vectors, atol=1e-3)


class TestJacobian:
    @pytest.mark.parametrize("kind", GRIDS)
    def test_of_an_affine_it_is_the_determinant(self, kind):
        field = compose([Affine(MATRIX)], affine=grid(kind), shape=SHAPE, dtype=float)
        expected = np.linalg.det(MATRIX[:3, :3])
        assert_allclose(jacobian_determinant(field), expected, rtol=1e-5)

    @pytest.mark.parametrize("kind", GRIDS)
    def test_a_swelling_that_varies_is_seen_where_it_is(self, kind):
        field = field_of(lambda p: p + 0.01 * p[..., :1] ** 2 * [1, 0, 0], grid(kind))
        inner = (slice(1, -1),) * 3
        expected = 1 + 0.02 * world(grid(kind))[..., 0]
        assert_allclose(jacobian_determinant(field)[inner], expected[inner], atol=1e-5)

    def test_a_fold_is_negative(self):
        field = field_of(lambda p: p * [-1, 1, 1], grid("RAS"))
        assert_allclose(jacobian_determinant(field), -1, atol=1e-6)

    def test_slabs_leave_no_seams(self, monkeypatch):
        field = field_of(shear_wave, grid("oblique"))
        whole = jacobian_determinant(field)
        monkeypatch.setattr("sctflow.core.transforms.field.SLAB_POINTS", 700)
        assert_array_equal(jacobian_determinant(field), whole)


class TestFsl:
    @staticmethod
    def sample_as_fsl(data, affine, warp, ref_affine):
        """FSL's rule: mm are index times size, the first axis reversed if right-handed."""

        def reverses(a):
            return np.linalg.det(a[:3, :3]) > 0

        ref_sizes = np.linalg.norm(ref_affine[:3, :3], axis=0)
        sizes = np.linalg.norm(affine[:3, :3], axis=0)
        index = np.moveaxis(np.indices(warp.shape[:3]), 0, -1).astype(float)
        if reverses(ref_affine):
            index[..., 0] = warp.shape[0] - 1 - index[..., 0]
        place = (index * ref_sizes + warp) / sizes
        if reverses(affine):
            place[..., 0] = data.shape[0] - 1 - place[..., 0]
        return place

    @pytest.mark.parametrize("fixed", GRIDS)
    @pytest.mark.parametrize("moving", GRIDS)
    def test_fsl_finds_the_same_voxel_as_the_chain(self, fixed, moving):
        chain = [field_of(shear_wave, grid(fixed)), Affine(MATRIX)]
        size = (17, 31, 12)
        warp = fsl_warp(
            chain,
            affine=grid(fixed),
            shape=SHAPE,
            moving_affine=grid(moving, size),
            moving_shape=size,
        )
        place = self.sample_as_fsl(np.empty(size), grid(moving, size), warp, grid(fixed))
        expected = nib.affines.apply_affine(
            np.linalg.inv(grid(moving, size)), map_points(world(grid(fixed)), chain)
        )
        assert_allclose(place, expected, atol=2e-5)
