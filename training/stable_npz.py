"""Files whose bytes depend on nothing but the arrays in them."""

from __future__ import annotations

import zipfile
from io import BytesIO

import numpy as np


def npz_bytes(**arrays: np.ndarray) -> bytes:
    """Serialise arrays to a compressed npz; it holds no time of writing."""
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_LZMA) as archive:
        for name, array in arrays.items():
            member = BytesIO()
            np.lib.format.write_array(member, np.ascontiguousarray(array), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), member.getvalue(), compress_type=zipfile.ZIP_LZMA)
    return buffer.getvalue()
