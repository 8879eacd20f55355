"""Small files that ship in the wheel."""
