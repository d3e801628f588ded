"""Figures and HTML pages about what was done; they show, and decide nothing."""
