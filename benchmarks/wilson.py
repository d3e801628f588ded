"""The 95 % interval of a share (Wilson 1927, J Am Stat Assoc 22:209)."""

from __future__ import annotations

import math


def wilson(count: int, total: int) -> tuple[float, float]:
    """Return both ends of the interval of ``count`` in ``total``; 0 and 1 where nothing was counted."""
    if total == 0:
        return 0.0, 1.0
    z, share = 1.96, count / total
    middle, reach = share + z * z / (2 * total), z * math.sqrt(share * (1 - share) / total + (z / (2 * total)) ** 2)
    scale = 1 + z * z / total
    return max(0.0, (middle - reach) / scale), min(1.0, (middle + reach) / scale)
