"""The statistics of the published comparisons: by scipy and statsmodels, and by hand only what neither has."""
