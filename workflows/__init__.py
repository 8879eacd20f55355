"""Nipype graphs, one module per modality."""
