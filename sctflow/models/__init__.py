"""Built-in models: description, checksum, loading."""

from sctflow.models.builtin import load_cord_nets

__all__ = ["load_cord_nets"]
