"""Who sees what, in which order: blinded, drawn by lot from a seed, some of it twice."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from efface.rating.folder import Folder, Item
from efface.rating.form import Form

APART = 5
"""So many others at least lie between a scan and its repeat, where there are so many."""


@dataclass(frozen=True)
class Shown:
    """One scan, shown once to one rater."""

    rating_id: str
    """What the rater's browser knows of it: neither scan nor method can be told from it."""
    scan: str
    """Which scan."""
    method: str
    """By which method."""
    cohort: str
    """Of which group."""
    repeat: int
    """0, or 1 where it is shown again."""
    block: int
    """0, or 1 after the break."""


def order(folder: Folder, form: Form, rater: str, seed: str) -> tuple[Shown, ...]:
    """Draw what a rater sees, in order.

    Parameters
    ----------
    folder : what there is
    form : which says how much is shown twice, and whether originals follow
    rater : each has an order of their own
    seed : the same seed gives the same order

    Returns
    -------
    shown : every item once, repeats after all of the first half; originals, if they are rated, after a break. Where
        the form draws by lot, it draws of originals as of every method
    """
    lot = random.Random(_digest(seed, rater, form.name))
    first = shuffled(_drawn(folder.items, form, lot), form.repeats, lot)
    blocks = [first]
    if form.originals_after:
        blocks.append(shuffled(_drawn(folder.originals(), form, lot), 0.0, lot))
    return tuple(
        Shown(_digest(seed, rater, form.name, item.scan, item.method, str(repeat))[:12], item.scan, item.method,
              item.cohort, repeat, block)
        for block, items in enumerate(blocks) for item, repeat in items
    )  # fmt: skip


def shuffled(items: Sequence[Item], repeats: float, lot: random.Random) -> list[tuple[Item, int]]:
    """Shuffle, and put the repeats of some into the second half.

    Parameters
    ----------
    items : what is shown
    repeats : share of them that is shown twice
    lot : what draws

    Returns
    -------
    shown : item and 0, or 1 for its repeat; with at least `APART` others between both, or half of all
    """
    mixed = lot.sample(list(items), len(items))
    half = (len(mixed) + 1) // 2
    again = lot.sample(range(half), min(half, round(repeats * len(mixed))))
    gap = min(APART, len(mixed) // 2)
    placed = [(float(place), item, 0) for place, item in enumerate(mixed)]
    for place in again:
        placed.append((lot.uniform(max(half - 1, place + gap), len(mixed) - 1) + 0.5, mixed[place], 1))
    return [(item, repeat) for _, item, repeat in sorted(placed, key=lambda each: each[0])]


def _drawn(items: Sequence[Item], form: Form, lot: random.Random) -> list[Item]:
    """Draw so many scans of each person and method as the form asks for."""
    if form.per_person is None:
        return list(items)
    groups: dict[tuple[str, str], list[Item]] = {}
    for item in items:
        groups.setdefault((item.person, item.method), []).append(item)
    return [item for group in groups.values() for item in lot.sample(group, min(form.per_person, len(group)))]


def _digest(*parts: str) -> str:
    return sha256("\0".join(parts).encode()).hexdigest()
