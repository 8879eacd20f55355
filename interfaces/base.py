"""What several nodes have in common."""

from __future__ import annotations

from pathlib import Path

from nipype.interfaces.base import SimpleInterface, isdefined


class StepOrNothing(SimpleInterface):
    """A node that does nothing where what it needs could not be made before it.

    Inputs with the metadata ``needed=True`` decide: in a graph, the outputs stay undefined if one
    of them is; the command line asks for all of them.
    """

    def _run_interface(self, runtime):
        traits = self.inputs.traits(needed=True)
        if all(isdefined(getattr(self.inputs, name)) for name in traits):
            self._step(Path(runtime.cwd))
        return runtime

    def _step(self, folder: Path) -> None:
        """Do what the node is for; files go into `folder`, results into ``self._results``."""
        raise NotImplementedError
