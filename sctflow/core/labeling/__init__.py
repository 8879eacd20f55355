"""Labels found without a person: discs, pontomedullary junction and conus, and their names."""
