from sctflow.workflows.literate import Workflow


def _workflow(name, text):
    workflow = Workflow(name=name)
    workflow.__desc__ = text
    return workflow


def test_methods_say_each_thing_once_for_two_images_of_a_kind():
    whole = _workflow("whole", "We looked at images.\n")
    whole.add_nodes([_workflow("one", "We segmented.\n"), _workflow("two", "We segmented.\n")])
    assert whole.visit_desc() == "We looked at images.\n\nWe segmented.\n"


def test_methods_keep_what_differs_between_images():
    whole = _workflow("whole", None)
    whole.add_nodes([_workflow("one", "By hand.\n\nMeasured.\n"), _workflow("two", "Measured.")])
    assert set(whole.visit_desc().split("\n\n")) == {"By hand.", "Measured.\n"}


def test_methods_of_a_workflow_that_says_nothing_are_empty():
    assert Workflow(name="silent").visit_desc() == ""
