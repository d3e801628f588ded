"""The network: the anatomy of any head scan, from one small model."""
