"""Numerics: arrays, affines and images in, arrays, images and tables out."""
