"""Training images for the landmark network: what is marked is what is drawn."""

import numpy as np
import pytest
import torch

from sctflow.core.labeling.kinds import KINDS
from sctflow.core.phantom.anatomy import make_anatomy
from sctflow.core.phantom.codes import IS_CORD, Tissue
from sctflow.training.anatomy import CSF, FIRST_BACKGROUND, VOID, WHITE, Anatomy
from sctflow.training.confidence import compare, fit_curve
from sctflow.training.draw import Draw
from sctflow.training.landmarks import loss
from sctflow.training.people import PLANES_MM, phantom_spine, template_spine
from sctflow.training.slabs import COLUMNS, ROWS, make_slabs


@pytest.fixture(scope="module")
def spine():
    return phantom_spine(make_anatomy())


def codes_about(spine, kind, along, forward):
    """Codes of the middle plane in a box of mm about each landmark of a kind."""
    plane = spine.codes[len(PLANES_MM) // 2]
    for _, s, v in spine.marks[spine.marks[:, 0] == KINDS.index(kind)]:
        rows = [round((s + d - spine.along) / spine.pitch) for d in along]
        columns = [round((v + d - spine.forward) / spine.pitch) for d in forward]
        yield plane[slice(*rows), slice(*columns)]


def test_discs_of_the_phantom_begin_at_their_marks(spine):
    """In front of each of the 23 tips is disc, behind it the dural sac."""
    found = list(codes_about(spine, "disc", (-1, 1), (3, 6)))
    assert len(found) == 23
    for box in found:
        assert np.isin(box, [Tissue.ANNULUS, Tissue.NUCLEUS]).mean() > 0.8
    for box in codes_about(spine, "disc", (-1, 1), (-3.5, -2)):
        assert not np.isin(box, [Tissue.ANNULUS, Tissue.NUCLEUS, Tissue.MARROW]).any()


def test_the_cord_ends_at_the_conus_and_the_brainstem_bulges_at_the_junction(spine):
    (above,) = codes_about(spine, "conus", (4, 8), (-0.5, 0.5))
    (below,) = codes_about(spine, "conus", (-8, -4), (-0.5, 0.5))
    assert IS_CORD[above].all()
    assert not IS_CORD[below].any()
    (pons,) = codes_about(spine, "PMJ", (2, 6), (-3, 0))
    assert (pons == Tissue.PONS).mean() > 0.8


def test_a_template_is_cut_along_its_cord():
    """A cord that leans to the back, with a wall 10 mm in front of it."""
    nz, ny, nx = 400, 141, 141
    middle = np.linspace(70, 60, nz)
    y, x = np.mgrid[:ny, :nx]
    classes = np.empty((nz, ny, nx), np.uint8)
    for k, centre in enumerate(middle):
        distance = np.hypot(x - 70, y - centre)
        classes[k] = np.where(distance < 10, WHITE, np.where(distance < 18, CSF, VOID))
        classes[k][(y > centre + 20)] = FIRST_BACKGROUND
    centre = np.stack([np.full(nz, 70.0), middle], 1)
    anatomy = Anatomy(classes, centre, np.full((nz, 2), 10.0))
    spine = template_spine(anatomy, {3: (300, middle[300] + 20), 4: (200, middle[200] + 20)})
    column = round((10.0 - spine.forward) / spine.pitch)
    plane = spine.codes[len(PLANES_MM) // 2]
    assert (plane[:, column + 2] == FIRST_BACKGROUND).all()
    assert (plane[:, column - 2] != FIRST_BACKGROUND).all()
    assert np.allclose(spine.marks[:, 2], 10.0)
    assert set(spine.marks[:, 0]) == {KINDS.index("disc"), KINDS.index("axis")}
    assert not spine.known[KINDS.index("conus")]


def test_the_same_seed_makes_the_same_images(spine):
    one, other = (make_slabs(Draw(4), 2, [spine]) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
    assert not torch.equal(one[0], make_slabs(Draw(5), 2, [spine])[0])


def test_images_and_targets_agree(spine):
    """Within the view everything is normalised; blobs have a height of 1 and lie in it."""
    images, targets, known = make_slabs(Draw(1), 80, [spine])
    assert images.shape == (80, 4, ROWS, COLUMNS)
    assert targets.shape == (80, len(KINDS), ROWS, COLUMNS)
    assert known.min() == 1
    seen = images[:, 3:]
    assert set(seen.unique().tolist()) == {0.0, 1.0}
    assert (images[:, :3][(seen == 0).expand(-1, 3, -1, -1)] == 0).all()
    assert (targets[(seen == 0).expand(-1, len(KINDS), -1, -1)] == 0).all()
    top = targets.amax((2, 3))
    assert ((top == 0) | (top > 0.13)).all()
    assert (top.max(0).values > 0.9).all()
    for image in images:
        values = image[:3][:, image[3] > 0]
        assert abs(float(values.mean())) < 0.01
        assert float(values.std()) == pytest.approx(1, abs=0.01)


def test_what_is_not_known_does_not_count():
    """The loss of a kind whose landmarks are not given is 0 whatever is said."""
    targets, known = torch.zeros(1, 2, 4, 4), torch.tensor([1.0, 0.0]).view(1, 2, 1, 1)
    said = torch.full((1, 2, 4, 4), -9.0)
    wrong = said.clone()
    wrong[:, 1] = 9.0
    assert loss(said, targets, known) == loss(wrong, targets, known)
    wrong[:, 0] = 9.0
    assert loss(wrong, targets, known) > 1


def test_a_confidence_curve_is_found_again():
    """Right and wrong peaks drawn from a known curve; 4000 of them fix it to a few per cent."""
    rng = np.random.default_rng(0)
    height = rng.uniform(0.1, 0.95, 4000)
    right = rng.uniform(size=4000) < 1 / (1 + np.exp(-(height - 0.62) / 0.07))
    half, width = fit_curve(height, right)
    assert half == pytest.approx(0.62, abs=0.01)
    assert width == pytest.approx(0.07, rel=0.1)


def test_a_perfect_network_finds_everything(spine):
    """Peaks of the targets themselves are right, none is missed."""

    class Perfect:
        def __call__(self, images):
            return torch.logit(targets.clamp(1e-4, 1 - 1e-4))

    images, targets, _ = make_slabs(Draw(2), 12, [spine])
    rows = compare(Perfect(), images, targets)
    assert len(rows) > 40
    assert all(right and not missed for _, _, right, missed in rows)
