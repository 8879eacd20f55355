"""Labels found without a person: discs, pontomedullary junction and conus, and their names."""

from sctflow.core.labeling.detect import find_landmarks

__all__ = ["find_landmarks"]
