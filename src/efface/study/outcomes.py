"""Success or failure, automatically: the classes of Gao et al. 2022 and the two criteria of Theyers et al. 2021."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from efface.study.config import Options

FEATURES = ("left_eye", "right_eye", "nose", "mouth", "left_ear", "right_ear")
"""What raters look at, in the order of Familiar et al. 2025."""
PARTS: Mapping[str, tuple[str, ...]] = {"eyes": ("left_eye", "right_eye"), "nose": ("nose",), "mouth": ("mouth",)}
"""The features of Theyers et al. 2021."""
GONE = 0.95
"""Covered share of a feature's visible skin from which it counts as gone; verification asks for as much."""


class Outcome(str, Enum):
    """How defacing went."""

    success = "success"
    """It did its duty and no brain was damaged; some face may remain."""
    untouched = "failure I"
    """It did not run, or left the face as it was."""
    damaged = "failure II"
    """Brain was removed."""


@dataclass(frozen=True)
class Judgement:
    """What was decided of one defaced scan."""

    outcome: Outcome
    """Class of Gao et al. 2022."""
    face_covered: float | None
    """Mean covered share of eyes, nose and mouth in view; None if none is."""
    visible: int
    """Of eyes, nose and mouth: left standing, less than half covered."""
    partial: int
    """The same: partly left."""
    two_criteria: bool
    """At most one feature partly left, none standing, and no brain removed (Theyers et al. 2021)."""
    strict: bool
    """No feature left at all, and no brain removed: their first version."""


def judge(coverage: Mapping[str, float | None], brain_ml: float, options: Options) -> Judgement:
    """Decide from what was covered and what brain was changed.

    Parameters
    ----------
    coverage : covered share of each feature's visible skin; None where it is not in view
    brain_ml : changed brain tissue
    options : the limits
    """
    shares = {part: _mean([coverage.get(name) for name in names]) for part, names in PARTS.items()}
    seen = [share for share in shares.values() if share is not None]
    covered = _mean(seen)
    visible = sum(share < options.untouched_below for share in seen)
    partial = sum(options.untouched_below <= share < GONE for share in seen)
    hurt = brain_ml > options.brain_tolerance_ml
    untouched = covered is not None and covered < options.untouched_below
    outcome = Outcome.damaged if hurt else Outcome.untouched if untouched else Outcome.success
    return Judgement(
        outcome=outcome,
        face_covered=covered,
        visible=visible,
        partial=partial,
        two_criteria=visible == 0 and partial <= 1 and not hurt,
        strict=visible == 0 and partial == 0 and not hurt,
    )


NOT_RUN = Judgement(Outcome.untouched, None, 0, 0, two_criteria=False, strict=False)
"""Of a scan for which a method gave nothing."""


def _mean(shares: Sequence[float | None]) -> float | None:
    known = [share for share in shares if share is not None]
    return sum(known) / len(known) if known else None
