"""A training run: weights, their running average, the optimiser, and all of it on disk."""

from __future__ import annotations

import copy
import json
import math
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from monai.losses import DiceLoss

from classes import CLASSES, INTRACRANIAL, VALUE
from network import AnatomyNet, picked
from real_scans import INSIDE

INTRACRANIAL_VALUES = [VALUE[name] for name in INTRACRANIAL]


@dataclass(frozen=True)
class Preset:
    """What differs between machines."""

    device: str
    threads: int
    """Threads of the network; with as many workers beside it as cores are left, no core waits for another."""
    workers: int
    learning_rate: float = 1.2e-3
    weight_decay: float = 1e-2
    warm_up: int = 150
    balance: float = 0.2
    """Cross-entropy weighs a class by its volume to minus this power, at first; all alike in the end."""
    clip: float = 3.0
    average: float = 0.998
    """Decay of the running average of weights, which is what is exported."""


PRESETS = {
    "cpu": Preset("cpu", threads=1, workers=1),
    "gpu": Preset("cuda", threads=2, workers=12),
}


class Run:
    """A training run and its state on disk.

    Parameters
    ----------
    out : folder of the run
    steps : length of the schedule
    minutes : length of the schedule in training time, in place of steps
    """

    def __init__(self, out: Path, preset: Preset, steps: int, minutes: float | None = None) -> None:
        torch.manual_seed(0)
        torch.set_num_threads(preset.threads)
        self.out, self.preset, self.steps, self.minutes = out, preset, steps, minutes
        self.step, self.seconds = 0, 0.0
        out.mkdir(parents=True, exist_ok=True)
        self.net = AnatomyNet(len(CLASSES)).to(preset.device, memory_format=torch.channels_last_3d)  # a fifth faster
        self.average = copy.deepcopy(self.net).eval()
        self.optimiser = torch.optim.AdamW(
            self.net.parameters(), preset.learning_rate, betas=(0.9, 0.99), weight_decay=preset.weight_decay
        )
        self.dice = DiceLoss(softmax=True, to_onehot_y=True, batch=True, include_background=False)

    def save(self) -> None:
        """Write ``checkpoint.pt``, and ``light.pt``: weights in half precision, small enough to be kept elsewhere."""
        net, average = self.net.state_dict(), self.average.state_dict()
        place = {"step": self.step, "seconds": self.seconds}
        self._write("checkpoint.pt", net=net, average=average, optimiser=self.optimiser.state_dict(), **place)
        half = {name: value.half() for name, value in net.items()}
        self._write("light.pt", net=half, average={name: value.half() for name, value in average.items()}, **place)

    def _write(self, name: str, **state: object) -> None:
        """Write a file whole or not at all."""
        torch.save(state, self.out / f"{name}.part")
        (self.out / f"{name}.part").replace(self.out / name)

    def resume(self) -> None:
        """Go on from ``checkpoint.pt``, or without the optimiser's memory from ``light.pt``, if one is there."""
        for name in ("checkpoint.pt", "light.pt"):
            if (self.out / name).exists():
                state = self.load_weights(self.out / name)
                self.step, self.seconds = state["step"], state["seconds"]
                if "optimiser" in state:
                    self.optimiser.load_state_dict(state["optimiser"])
                return

    def load_weights(self, path: Path) -> dict[str, object]:
        """Take the weights of a checkpoint; return all that is in it."""
        state = torch.load(path, map_location=self.preset.device, weights_only=True)
        self.net.load_state_dict(state["net"])
        self.average.load_state_dict(state["average"])
        return state

    def take_weights(self, weights: dict[str, torch.Tensor]) -> None:
        """Start from weights by name, such as an exported model's."""
        self.net.load_state_dict(weights)
        self.average.load_state_dict(weights)

    def log(self, **values: object) -> None:
        """Append one line to the log."""
        line = json.dumps({"step": self.step, "time": round(time.time(), 1), **values})
        with (self.out / "log.jsonl").open("a") as file:
            file.write(line + "\n")
        print(line[:400], flush=True)

    def progress(self) -> float:
        """Return how much of the run is done, 0 to 1, by steps or, where minutes were given, by time spent."""
        share = self.step / self.steps if self.minutes is None else self.seconds / (60 * self.minutes)
        return min(1.0, share)

    def rate(self) -> float:
        """Return the learning rate: a short warm-up, then half a cosine down to zero."""
        warm = min(1.0, (self.step + 1) / self.preset.warm_up)
        return self.preset.learning_rate * warm * 0.5 * (1 + math.cos(math.pi * self.progress()))

    def train_on(self, image: torch.Tensor, classes: torch.Tensor) -> float:
        """Take one step on one scan, (1, 1, X, Y, Z) each; return the loss."""
        for group in self.optimiser.param_groups:
            group["lr"] = self.rate()
        loss = self._loss_of(image.to(self.preset.device), classes.to(self.preset.device))
        self.optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), self.preset.clip)
        self.optimiser.step()
        self._update_average()
        self.step += 1
        return float(loss.detach())

    def _loss_of(self, image: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
        """Return the loss at one voxel in eight, which ones depending on the step alone."""
        pick = int(np.random.default_rng([11, self.step]).integers(8))
        with torch.autocast(self.preset.device, torch.bfloat16):
            scores = self.net.scores_at(image, pick)
        scores, target = scores.float(), picked(classes, pick).long()
        if int(target.max()) >= len(CLASSES):
            return partial_loss(scores, target[:, 0])
        counts = torch.bincount(target.flatten(), minlength=len(CLASSES)).clamp(min=1)
        weight = counts.float() ** (-self.preset.balance * (1 - self.progress()))
        return self.dice(scores, target) + torch.nn.functional.cross_entropy(scores, target[:, 0], weight)

    @torch.no_grad()
    def _update_average(self) -> None:
        """Move the average a little towards the weights, faster at first."""
        decay = min(self.preset.average, (self.step + 1) / (self.step + 10))
        for kept, new in zip(self.average.parameters(), self.net.parameters(), strict=True):
            kept.lerp_(new, 1 - decay)


def partial_loss(scores: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Return the cross-entropy where not every voxel's class is known.

    Parameters
    ----------
    scores : (N, classes, X, Y, Z) tensor
    target : (N, X, Y, Z) tensor of classes, ``real_scans.INSIDE`` for any class inside the skull, or ``UNKNOWN``
    """
    total = scores.logsumexp(dim=1)
    known, inside = target < len(CLASSES), target == INSIDE
    of_class = scores.gather(1, torch.where(known, target, 0)[:, None])[:, 0]
    of_any = scores[:, INTRACRANIAL_VALUES].logsumexp(dim=1)
    loss = torch.where(inside, total - of_any, total - of_class)
    told = known | inside
    return loss[told].sum() / told.sum().clamp(min=1)
