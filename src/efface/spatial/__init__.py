"""Geometry: orientation, resampling, placing the atlas, distances."""
