"""BIDS datasets: what is in them, what of it may be shared, and a defaced copy that is a dataset again.

dataset -> which files show a head -> jobs -> batch -> everything else that belongs to what was written
"""
