"""Landmarks that the network finds, in the order of its maps."""

KINDS = ("disc", "atlas", "dens", "axis", "sacrum", "PMJ", "conus")
"""Any disc from C2/C3 to L5/S1; top of C1; C1/C2; C2/C3; L5/S1; pontomedullary junction; tip of
the cord."""

VALUES = {"atlas": 1, "dens": 2, "axis": 3, "sacrum": 25, "PMJ": 50, "conus": 60}
"""Label values of the landmarks that there is one of."""
