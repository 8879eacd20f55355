"""Nipype nodes: load files, call one core function, save files."""
