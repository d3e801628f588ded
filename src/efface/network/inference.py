"""Label a head with a trained network, through onnxruntime; no torch, no GPU, the same answer every time."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from efface.errors import DefaceError
from efface.grid import Grid
from efface.network.preparing import SPACING_MM, Prepared
from efface.threads import threads

if TYPE_CHECKING:
    import onnxruntime

THREADS = 4
"""More threads than this gain nothing on a volume this small."""


@dataclass(frozen=True, eq=False)
class Look:
    """What the network sees, on its own grid, padding taken off."""

    labels: NDArray[np.uint8] = field(repr=False)
    """(X, Y, Z) class of every voxel."""
    inside: NDArray[np.float32] = field(repr=False)
    """(X, Y, Z) probability of lying inside the skull."""
    grid: Grid
    """Where the voxels lie; isotropic, RAS+."""


@dataclass(frozen=True)
class Network:
    """A model folder, loaded."""

    session: onnxruntime.InferenceSession = field(repr=False)
    """Runs the weights."""
    classes: tuple[str, ...]
    """Class name by value."""
    trust: tuple[float, ...]
    """What `efface.network.confidence` weighs its evidence with."""
    sha256: str
    """Of the weights."""

    def look(self, prepared: Prepared) -> Look:
        """Label a prepared image."""
        labels, inside = self.session.run(None, {"image": prepared.image[None, None]})
        return Look(labels[0][prepared.view], inside[0][prepared.view], prepared.grid.part(prepared.view))


@lru_cache(maxsize=2)
def load_network(folder: Path) -> Network:
    """Read a model folder, hash-checked; cached.

    Parameters
    ----------
    folder : holds ``model.onnx`` and ``labels.json``, as ``training/train.py --export`` writes them

    Raises
    ------
    DefaceError
        There is no network, its weights are damaged, or it was made for another version of efface.
    """
    import onnxruntime

    try:
        described: dict[str, Any] = json.loads((folder / "labels.json").read_text("utf-8"))
        weights = (folder / "model.onnx").read_bytes()
    except OSError as error:
        message = f"{folder} holds no network ({error.strerror}); give a folder that efface train --export wrote"
        raise DefaceError(message) from error
    found = hashlib.sha256(weights).hexdigest()
    if found != described["sha256"]["model.onnx"]:
        message = f"network weights in {folder.name} are damaged (sha256 {found[:12]}...); export them again"
        raise DefaceError(message)
    if described["input"]["spacing_mm"] != SPACING_MM:
        message = (
            f"the network in {folder.name} works at {described['input']['spacing_mm']} mm, efface at {SPACING_MM} mm"
        )
        raise DefaceError(message)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads(THREADS)
    options.enable_mem_pattern = False  # the input's shape differs from scan to scan
    options.enable_cpu_mem_arena = False  # memory goes back when a look is done
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(weights, options, providers=["CPUExecutionProvider"])
    classes = tuple(entry["name"] for entry in described["classes"])
    return Network(session, classes, tuple(described["confidence"]["weights"]), found)
