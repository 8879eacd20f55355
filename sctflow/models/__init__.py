"""Built-in models: description, checksum, loading."""

from sctflow.models.builtin import (
    cord_model,
    landmark_model,
    load_cord_nets,
    load_landmark_net,
)

__all__ = ["cord_model", "landmark_model", "load_cord_nets", "load_landmark_net"]
