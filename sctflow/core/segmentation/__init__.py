"""Segmentation of the spinal cord."""

from sctflow.core.segmentation.cord import CordNets, CordSegmentation, segment_cord

__all__ = ["CordNets", "CordSegmentation", "segment_cord"]
