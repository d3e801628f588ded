"""The raters' page: people judge defaced scans, blinded, in their own browser; nothing leaves the machine."""
