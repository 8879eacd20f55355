"""Workflows that tell what they do."""

from __future__ import annotations

from niworkflows.engine.workflows import LiterateWorkflow


class Workflow(LiterateWorkflow):
    """Workflow whose methods text says each thing once, however many images were processed."""

    def visit_desc(self) -> str:
        """Gather the paragraphs of this workflow and those inside it, in the order of the data.

        Returns
        -------
        str
            Paragraphs in Markdown with citation keys, separated by empty lines.
        """
        inside = [
            node.visit_desc() for node in _in_order(self) if isinstance(node, LiterateWorkflow)
        ]
        texts = [self.__desc__ or "", *inside, self.__postdesc__ or ""]
        paragraphs = [p.strip() for text in texts for p in text.split("\n\n") if p.strip()]
        return "\n\n".join(dict.fromkeys(paragraphs)) + "\n" * bool(paragraphs)


def _in_order(workflow):
    from nipype.pipeline.engine.utils import topological_sort

    return topological_sort(workflow._graph)[0]
