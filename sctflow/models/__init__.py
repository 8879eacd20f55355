"""Built-in models: description, checksum, loading."""
