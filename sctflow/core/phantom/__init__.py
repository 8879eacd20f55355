"""A parametric spine and cord with known truth, from published measurements."""
