"""Compressed pixels, decoded in a process of their own: at some damaged streams the decoders' C++ code aborts."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.pixels.utils import pixel_array

from efface.errors import UnreadableImageError, UnsupportedImageError
from efface.io.dicom.series import BROKEN, leniently, why

NO_DECODER = 3
"""What the process ends with where no installed package decodes the syntax."""
PROGRAM = (
    "import sys; sys.path[:] = [path for path in sys.path if path]; "
    "from efface.io.dicom.decoding import main; sys.exit(main())"
)
"""The current folder is no place to take code from: it may have come with the scans."""
LONGEST_S = 600.0
"""A series of hundreds of slices takes some seconds."""


def decoded(paths: Sequence[Path]) -> list[NDArray[Any]]:
    """Decode the pixels of DICOM files.

    Parameters
    ----------
    paths : files with compressed pixels

    Returns
    -------
    arrays : what each file holds

    Raises
    ------
    UnreadableImageError
        The pixels of a file are damaged.
    UnsupportedImageError
        No decoder is installed.
    """
    if not paths:
        return []
    status, out, said = _run("\0".join(str(path.resolve()) for path in paths).encode(errors="surrogateescape"))
    arrays = _arrays(out)
    if len(arrays) == len(paths):
        return arrays
    if status == NO_DECODER:
        message = f"{paths[len(arrays)]}: cannot be decoded here ({said}); pip install 'efface[dicom]'"
        raise UnsupportedImageError(message)
    message = f"{paths[len(arrays)]}: the compressed pixels are broken ({said}); copy or export the series again"
    raise UnreadableImageError(message)


def _run(names: bytes) -> tuple[int | None, bytes, str]:
    """Start the process; return its status, what it wrote, and the last line that it said."""
    found = os.pathsep.join(path for path in sys.path if path)
    try:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            input=names,
            capture_output=True,
            check=False,
            env={**os.environ, "PYTHONPATH": found},
            timeout=LONGEST_S,
        )
    except subprocess.TimeoutExpired as error:
        return None, error.stdout or b"", f"decoding never ended, given up after {LONGEST_S:g} s"
    lines = done.stderr.decode(errors="replace").strip().splitlines() or ["the decoder ended"]
    return done.returncode, done.stdout, lines[-1]


def _arrays(data: bytes) -> list[NDArray[Any]]:
    """Return the arrays that were written whole before the process ended."""
    stream, arrays = BytesIO(data), []
    while stream.tell() < len(data):
        try:
            arrays.append(np.lib.format.read_array(stream, allow_pickle=False))
        except (ValueError, EOFError):
            break
    return arrays


def main() -> int:
    """Write the pixels of the files that are named on stdin to stdout, one numpy array after the other."""
    for name in sys.stdin.buffer.read().decode(errors="surrogateescape").split("\0"):
        try:
            with leniently():
                array = pixel_array(dcmread(name), raw=True)
        except RuntimeError as error:
            sys.stderr.write(f"{why(error)}\n")
            return NO_DECODER
        except (*BROKEN, MemoryError) as error:
            sys.stderr.write(f"{why(error)}\n")
            return 1
        np.lib.format.write_array(sys.stdout.buffer, np.ascontiguousarray(array), allow_pickle=False)
        sys.stdout.buffer.flush()
    return 0
