"""What several nodes have in common."""

from __future__ import annotations

from pathlib import Path

from nipype.interfaces.base import SimpleInterface, isdefined


class StepOrNothing(SimpleInterface):
    """A node that does nothing where what it needs could not be made before it.

    Inputs with the metadata ``needed=True`` decide: in a graph, the outputs stay undefined if one
    of them is, or is an empty list (what a merge of nothing gives: no transform is not the
    identity); the command line asks for all of them.
    """

    def _run_interface(self, runtime):
        given = [getattr(self.inputs, name) for name in self.inputs.traits(needed=True)]
        if all(isdefined(value) and value != [] for value in given):
            self._step(Path(runtime.cwd))
        return runtime

    def _step(self, folder: Path) -> None:
        """Do what the node is for; files go into `folder`, results into ``self._results``."""
        raise NotImplementedError
