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
    found = [path for path in sys.path if path]
    done = subprocess.run(
        [sys.executable, "-m", "efface.io.dicom.decoding"],
        input="\0".join(str(path.resolve()) for path in paths).encode(errors="surrogateescape"),
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(found)},
    )
    arrays = _arrays(done.stdout)
    if len(arrays) == len(paths):
        return arrays
    said = (done.stderr.decode(errors="replace").strip().splitlines() or ["the decoder ended"])[-1]
    if done.returncode == NO_DECODER:
        message = f"{paths[len(arrays)]}: cannot be decoded here ({said}); pip install 'efface[dicom]'"
        raise UnsupportedImageError(message)
    message = f"{paths[len(arrays)]}: the compressed pixels are broken ({said}); copy or export the series again"
    raise UnreadableImageError(message)


def _arrays(data: bytes) -> list[NDArray[Any]]:
    """Return the arrays that were written whole before the process ended."""
    stream, arrays = BytesIO(data), []
    while stream.tell() < len(data):
        try:
            arrays.append(np.lib.format.read_array(stream, allow_pickle=False))
        except (ValueError, EOFError):
            break
    return arrays


def _main() -> int:
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


if __name__ == "__main__":
    sys.exit(_main())
