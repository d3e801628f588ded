"""Deflated DICOM files are unpacked whole when they are read; whether that is much is looked at first."""

from __future__ import annotations

import zlib
from pathlib import Path

DEFLATED = b"1.2.840.10008.1.2.1.99"
"""The transfer syntax whose headers and pixels are one deflated stream."""
LENGTH_AT, META_AT = 140, 144
"""Where a file says how long its own header is, and where that begins."""
LEAST, RATIO = 2**26, 200
"""A file may hold so many bytes, or so many times its own: images give at most some twenty."""
CHUNK = 2**20


def check_inflated(path: Path) -> None:
    """Raise `ValueError` where a file is deflated and holds far more than images do."""
    with path.open("rb") as file:
        start = file.read(META_AT)
        meta = file.read(min(CHUNK, int.from_bytes(start[LENGTH_AT:META_AT], "little")))
        if DEFLATED not in meta:
            return
        most = max(LEAST, RATIO * path.stat().st_size)
        unpacking, held = zlib.decompressobj(-zlib.MAX_WBITS), 0
        while chunk := file.read(CHUNK // RATIO):
            while chunk and held <= most:
                held += len(unpacking.decompress(chunk, CHUNK))
                chunk = unpacking.unconsumed_tail
            if held > most:
                message = f"its deflated part holds more than {most} bytes, as no image does"
                raise ValueError(message)
