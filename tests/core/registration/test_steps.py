"""The grammar of steps: what is read, and what is refused with every reason at once."""

import pytest

from sctflow.core.registration import ALGORITHMS, Step, format_steps, parse_steps
from sctflow.errors import RegistrationError


def test_steps_are_read_with_their_defaults():
    first, second = parse_steps(
        "step=1,type=seg,algo=centermassrot:step=2,type=im,algo=syn,metric=CC,iter=3,slicewise=1"
    )
    assert first == Step("seg", "centermassrot", slicewise=True, rot_method="pca", filter_size=3.0)
    assert second == Step(
        "im", "syn", slicewise=True, metric="CC", iter=(3,), shrink=(1,), smooth=(1.0,),
        grad_step=0.2,
    )  # fmt: skip


def test_no_step_is_a_registration_too():
    assert parse_steps("") == ()


def test_labels_may_come_first_as_step_0():
    steps = parse_steps("step=0,type=label,dof=Tz_Sz_Tx : step=1,type=seg,algo=centermass")
    assert steps[0] == Step("label", dof=("Tx", "Tz", "Sz"))


@pytest.mark.parametrize(
    ("settings", "levels"),
    [
        ("iter=5", ((5,), (1,), (0.5,))),
        ("iter=5x4x3x2", ((5, 4, 3, 2), (2, 2, 1, 1), (4.0, 4.0, 2.0, 0.5))),
        ("smooth=3x2,iter=9", ((9, 9), (1, 1), (3.0, 2.0))),
    ],
)
def test_levels_follow_the_longest_list_that_is_given(settings, levels):
    (step,) = parse_steps(f"step=1,type=im,algo=rigid,{settings}")
    assert (step.iter, step.shrink, step.smooth) == levels


@pytest.mark.parametrize("algo", ALGORITHMS)
def test_what_is_written_is_read_as_the_same(algo):
    for kind in ALGORITHMS[algo].types:
        more = ",rot_method=hog" if (algo, kind) == ("centermassrot", "imseg") else ""
        steps = parse_steps(f"step=1,type={kind},algo={algo}{more}:step=2,type=label,dof=Tx_Rz")
        assert parse_steps(format_steps(steps)) == steps


def test_everything_that_is_wrong_is_said_at_once():
    with pytest.raises(RegistrationError) as caught:
        parse_steps(
            "step=2,type=seg,algo=centermass,iter=3,foo=1:"
            "type=im,algo=columnwise,smoothWarpXY=-1,x:"
            "step=3,type=img,algo=syn:"
            "step=4,type=im,algo=demons:"
            "step=5,type=im,algo=syn,iter=3x2,shrink=4x2x1,metric=LNCC,metric=MI"
        )
    message = str(caught.value)
    for part in (
        "step=1, 2, 3, 4, 5; not 2, none, 3, 4, 5",
        "Step 1: algo=centermass has no use for iter",
        "Step 1: there is no key 'foo'",
        "Step 2: 'x' is not of the form key=value",
        "Step 2: algo=columnwise takes type=seg, not im",
        "Step 2: smoothWarpXY must be a length in mm, not -1",
        "Step 3: type must be one of label, seg, im, imseg, not img",
        "Step 4: algo must be one of",
        "Step 5: 'metric' is given twice",
        "Step 5: metric must be one of MeanSquares, CC, MI, not LNCC",
        "Step 5: iter has 2 levels, not 1 or 3",
    ):
        assert part in message


@pytest.mark.parametrize(
    ("steps", "reason"),
    [
        ("step=1,type=seg,algo=centermassrot,rot_method=hog", "takes type=imseg"),
        ("step=1,type=imseg,algo=centermassrot", "takes type=seg"),
        ("step=1,type=label,algo=rigid", "takes no algo"),
        ("step=1,type=label,dof=Tx_Qz", "dof must be some of"),
        ("step=1,type=im,algo=syn,gradStep=0", "above 0"),
        ("step=1,type=im,algo=slicereg,slicewise=1", "no use for slicewise"),
        ("step=1,type=im,algo=rigid,smooth=infx1", "lengths in mm"),
        ("step=1,type=seg,algo=columnwise:", "key=value"),
    ],
)
def test_what_an_algorithm_cannot_do_is_refused(steps, reason):
    with pytest.raises(RegistrationError, match=reason):
        parse_steps(steps)
