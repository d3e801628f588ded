"""``efface train``: train or export a network of one's own."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import typer

import efface
from efface.errors import UsageError

PASS_ON: dict[str, Any] = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}
"""The options are the script's own; it explains them too."""
NEEDED = ("torch", "monai", "onnx")


def run(context: typer.Context) -> int:
    """Train the network on synthesis from label maps, or export it (needs the extra: train).

    \b
    efface train --work WORK --out RUN --held-out 1 7 13 20 --preset cpu --minutes 120
    efface train --out RUN --export MODEL_DIR
    efface train --help
    """  # noqa: D301 - \b keeps typer from joining the examples' lines
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        message = f"training needs {', '.join(missing)}; install efface with the extra train"
        raise UsageError(message)
    return subprocess.run([sys.executable, _script(), *context.args], check=False).returncode


def _script() -> Path:
    """Return the training script: in the package where it was installed, beside ``src`` in a checkout."""
    package = Path(efface.__file__).parent
    folder = package / "training"
    return (folder if folder.is_dir() else package.parents[1] / "training") / "train.py"
