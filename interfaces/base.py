"""What several nodes have in common."""

from __future__ import annotations

from pathlib import Path

from nipype.interfaces.base import SimpleInterface, Str, isdefined, traits

from sctflow.errors import SctflowError


def forgive_trait():
    """Input by which a node hands on what it refuses, see :class:`StepOrNothing`."""
    return traits.Bool(
        False, usedefault=True, graph_only=True, desc="hand on a refusal instead of failing"
    )


def refusal_trait():
    """Output that says why a node refused what it was given."""
    return Str(graph_only=True, desc="why nothing was made")


class StepOrNothing(SimpleInterface):
    """A node that does nothing where what it needs could not be made before it.

    Inputs with the metadata ``needed=True`` decide: in a graph, the outputs stay undefined if one
    of them is, or is an empty list (what a merge of nothing gives: no transform is not the
    identity); the command line asks for all of them.

    A node with the input ``forgive`` and the output ``refusal`` can hand on why it refuses what it
    was given, instead of failing: steps that bring several images together then go on with the
    others.
    """

    def _run_interface(self, runtime):
        given = [getattr(self.inputs, name) for name in self.inputs.traits(needed=True)]
        if all(isdefined(value) and value != [] for value in given):
            try:
                self._step(Path(runtime.cwd))
            except SctflowError as error:
                if not getattr(self.inputs, "forgive", False):
                    raise
                self._results = {"refusal": str(error)}
        return runtime

    def _step(self, folder: Path) -> None:
        """Do what the node is for; files go into `folder`, results into ``self._results``."""
        raise NotImplementedError
