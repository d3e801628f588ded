"""Geometry: orientation, resampling, registration, distances."""
