"""sctflow: processing of spinal-cord MRI, from BIDS dataset to measures and reports."""

__version__ = "0.1.0"
