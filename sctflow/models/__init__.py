"""Built-in models: description, checksum, loading."""

from sctflow.models.builtin import cord_model, load_cord_nets

__all__ = ["cord_model", "load_cord_nets"]
