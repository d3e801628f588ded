"""Train the network on synthesis, and on scans of your own if you have some; resumable, seeded, on CPU or GPU.

    efface train --work WORK --out RUN --held-out 1 7 13 20 --preset cpu --steps 4000
    efface train --out RUN --export MODEL_DIR        (from the latest checkpoint)

``WORK`` holds what ``targets.py`` wrote. ``RUN`` gets ``log.jsonl`` and the checkpoints; the same command again goes on
from there. Scans are drawn ahead of time in worker processes; draw number n depends on the seed and n alone.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from heads import load_all, texture_tiles
from real_scans import draw_real, load_real
from recipe import COARSE_ODDS
from scoring import Validation
from synthesis import draw
from training_run import PRESETS, Run

COARSE_FIRST, COARSE_UNTIL = 0.5, 0.8
"""Share of coarse scans at first, and the share of the schedule after which only the usual few are drawn."""

EASY_FIRST, EASY_LAST = 0.75, 0.15
"""Share of scans in a usual contrast and without artefacts: borders are learnt from these, the rest must be bridged."""
REAL_ODDS = 0.3
"""Share of the user's own scans, where there are some."""

PIECE = (64, 80, 80)
LARGE = 600_000
"""Voxels from which a scan is cut into pieces, and the odds that it is not."""
WHOLE_ODDS = 0.25


class Draws(IterableDataset):
    """Synthetic scans number ``start``, ``start`` + 1, ... shared out among the workers.

    Most are coarse at first, and so cheap that the network sees several times as many.
    """

    def __init__(self, work: Path, people: list[int], real: Path | None, seed: int, start: int, steps: int) -> None:
        self.work, self.people, self.real, self.seed, self.start, self.steps = work, people, real, seed, start, steps

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Draw for ever."""
        torch.set_num_threads(1)
        heads, tiles = load_all(self.work, self.people), texture_tiles()
        real = load_real(self.real) if self.real else []
        info = get_worker_info()
        number, stride = self.start + (info.id if info else 0), info.num_workers if info else 1
        while True:
            early = 1 - min(1.0, number / (COARSE_UNTIL * self.steps))
            coarse_odds = COARSE_ODDS + early * (COARSE_FIRST - COARSE_ODDS)
            rng = np.random.default_rng([self.seed, number, 1])
            if real and rng.random() < REAL_ODDS:
                image, classes = draw_real(real, rng, coarse_odds)
            else:
                condition = "easy" if rng.random() < EASY_LAST + early * (EASY_FIRST - EASY_LAST) else "any"
                scan = draw(heads, tiles, (self.seed, number), condition, coarse_odds)
                image, classes = scan.image, scan.classes
            for part in pieces(image.shape, rng):
                shown = torch.from_numpy(np.ascontiguousarray(image[part]))[None, None].to(torch.bfloat16)
                yield shown, torch.from_numpy(np.ascontiguousarray(classes[part]))[None, None]
            number += stride


def pieces(shape: tuple[int, ...], rng: np.random.Generator) -> list[tuple[slice, ...]]:
    """Return what to learn from one scan: a large scan mostly in two random pieces, which cost a third each."""
    if np.prod(shape) < LARGE or rng.random() < WHOLE_ODDS:
        return [(slice(None),) * 3]
    return [_piece(shape, rng), _piece(shape, rng)]


def _piece(shape: tuple[int, ...], rng: np.random.Generator) -> tuple[slice, ...]:
    """Return a box of `PIECE` voxels, rather over the middle of the scan than at its edge."""
    room = [n - size for n, size in zip(shape, PIECE, strict=True)]
    start = [round(left * float(rng.beta(1.4, 1.4))) for left in room]
    return tuple(slice(first, first + size) for first, size in zip(start, PIECE, strict=True))


class Meter:
    """Mean loss, and where the time went, since the last report."""

    def __init__(self) -> None:
        self.losses: list[float] = []
        self.began, self.waited = time.perf_counter(), 0.0

    def report(self) -> dict[str, float]:
        """Return the means and start again."""
        count = len(self.losses)
        values = {
            "loss": round(float(np.mean(self.losses)), 4),
            "s_per_step": round((time.perf_counter() - self.began) / count, 3),
            "waited": round(self.waited / count, 3),
        }
        self.__init__()
        return values


def train(run: Run, arguments: argparse.Namespace) -> None:
    """Train to the end, saving and validating on the way."""
    held_out = arguments.held_out
    people = [number for number in people_of(arguments.work) if number not in held_out]
    run.log(event="start", people=people, held_out=held_out, seed=arguments.seed, steps=run.steps, minutes=run.minutes,
            preset=asdict(run.preset))  # fmt: skip
    draws = Draws(arguments.work, people, arguments.real, arguments.seed, run.step, run.steps)
    loader = DataLoader(draws, batch_size=None, num_workers=run.preset.workers, prefetch_factor=8)
    validation, meter, asked = None, Meter(), time.perf_counter()
    for image, classes in loader:
        meter.waited += time.perf_counter() - asked
        meter.losses.append(run.train_on(image.float(), classes))
        run.seconds += time.perf_counter() - asked
        done = run.progress() >= 1
        if run.step % 50 == 0:
            run.log(**meter.report(), progress=round(run.progress(), 4))
        if run.step % arguments.save_every == 0 or done:
            run.save()
        if held_out and (run.step % arguments.validate_every == 0 or done):
            validation = validation or make_validation(arguments)
            run.log(dice=validation.score(run.average, run.preset.device))
            meter = Meter()
        if done:
            break
        asked = time.perf_counter()


def people_of(work: Path) -> list[int]:
    """Return the numbers of all heads that ``targets.py`` wrote."""
    return sorted(int(path.stem.removeprefix("head_")) for path in work.glob("head_*.npz"))


def make_validation(arguments: argparse.Namespace) -> Validation:
    """Draw the fixed scans of the people held out."""
    return Validation(load_all(arguments.work, arguments.held_out), texture_tiles(), arguments.per_condition)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="efface train", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, help="what targets.py wrote")
    parser.add_argument("--real", type=Path, help="your own scans with labels, see real_scans.py")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run")
    parser.add_argument("--preset", choices=list(PRESETS), default="cpu")
    parser.add_argument("--held-out", type=int, nargs="*", default=[1, 7, 13, 20], help="people never trained on")
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--minutes", type=float, help="end after this much training time instead")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--save-every", type=int, default=250, help="steps")
    parser.add_argument("--validate-every", type=int, default=1000, help="steps")
    parser.add_argument("--per-condition", type=int, default=2, help="validation scans")
    parser.add_argument(
        "--start-from", type=Path, help="checkpoint or model folder whose weights a new run starts with"
    )
    parser.add_argument("--export", type=Path, help="only write the model folder, from the latest checkpoint")
    parser.add_argument("--score", action="store_true", help="only validate the latest checkpoint")
    arguments = parser.parse_args()
    run = Run(arguments.out, PRESETS[arguments.preset], arguments.steps, arguments.minutes)
    if arguments.start_from:
        if arguments.start_from.is_dir():
            from export import weights_of

            run.take_weights(weights_of(arguments.start_from))
        else:
            run.load_weights(arguments.start_from)
    run.resume()
    if run.step == 0 and not arguments.start_from and (arguments.export or arguments.score):
        parser.error(f"{arguments.out} holds no checkpoint; give the folder of a run that was trained")
    if arguments.work:
        there = people_of(arguments.work)
        arguments.held_out = [number for number in arguments.held_out if number in there]
    if arguments.export:
        from export import export

        export(run.average, arguments.export, {"steps": run.step, "held_out": arguments.held_out})
    elif arguments.score:
        run.log(dice=make_validation(arguments).score(run.average, run.preset.device))
    else:
        train(run, arguments)


if __name__ == "__main__":
    main()
