"""The network: a U-Net, narrow at its input's resolution and wide from half of it on.

Two CPU cores afford a 3-D network at 4 mm, not at 2 mm. So a strided stem takes the 2 mm image straight to features at
4 mm, where most of the work is done; a narrow level at 2 mm then sees the image once more and draws the borders. Skips
are added, not concatenated, and nearest-neighbour doubling is written as concatenation: both are what onnxruntime does
fastest.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn

CHANNELS = (32, 64, 128, 160)
"""Features at 4, 8, 16 and 32 mm; multiples of 16, for which CPUs have bf16 tiles."""
FINE = 16
"""Features at 2 mm."""
WIDE = 48
"""Features from which classes are told apart: more than there are classes."""
SLABS = 16
"""Slabs in which a look is answered, one after the other, so that no array of all classes and voxels ever exists."""


class Block(nn.Sequential):
    """Convolution, instance norm, ReLU."""

    def __init__(self, inside: int, outside: int, stride: int = 1) -> None:
        super().__init__(
            nn.Conv3d(inside, outside, 3, stride=stride, padding=1, bias=False),
            nn.InstanceNorm3d(outside, affine=True),
            nn.ReLU(inplace=True),
        )


class AnatomyNet(nn.Module):
    """Image (1, 1, X, Y, Z) to a score for every class and voxel; sides are multiples of 16."""

    def __init__(self, classes: int, channels: Sequence[int] = CHANNELS) -> None:
        super().__init__()
        first = channels[0]
        self.stem = nn.Sequential(
            nn.Conv3d(1, first, 4, stride=2, padding=1, bias=False),
            nn.InstanceNorm3d(first, affine=True),
            nn.ReLU(inplace=True),
        )
        pairs = list(pairwise(channels))
        self.down = nn.ModuleList(nn.Sequential(Block(a, b, 2), Block(b, b)) for a, b in pairs)
        self.reduce = nn.ModuleList(nn.Conv3d(b, a, 1) for a, b in reversed(pairs))
        self.up = nn.ModuleList(nn.Sequential(Block(a, a), Block(a, a)) for a, _ in reversed(pairs))
        self.fine = Block(1, FINE)
        self.meet = nn.Conv3d(first, FINE, 1)
        self.draw = Block(FINE, FINE)
        self.head = nn.Sequential(nn.Conv3d(FINE, WIDE, 1), nn.ReLU(inplace=True), nn.Conv3d(WIDE, classes, 1))

    def features(self, image: torch.Tensor) -> torch.Tensor:
        """Return (1, FINE, X, Y, Z) features, from which the head tells the classes of every voxel."""
        skips = [self.stem(image)]
        for step in self.down:
            skips.append(step(skips[-1]))
        x = skips.pop()
        for reduce, step in zip(self.reduce, self.up, strict=True):
            x = step(doubled(reduce(x)) + skips.pop())
        return self.draw(doubled(self.meet(x)) + self.fine(image))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return (1, classes, X, Y, Z) scores."""
        return self.head(self.features(image))

    def scores_at(self, image: torch.Tensor, pick: int) -> torch.Tensor:
        """Return (1, classes, X/2, Y/2, Z/2) scores: a loss need not look at all voxels. ``pick`` is 0 to 7."""
        return self.head(picked(self.features(image), pick))


def picked(volume: torch.Tensor, pick: int) -> torch.Tensor:
    """Return every second voxel along each axis of (1, C, X, Y, Z); ``pick`` says which."""
    return volume[:, :, pick >> 2 :: 2, pick >> 1 & 1 :: 2, pick & 1 :: 2]


class Labeller(nn.Module):
    """What is exported: image in, labels and the probability of being inside the skull out.

    The probability is that of the likeliest class inside against the likeliest outside: a soft-max over all would take
    far longer.
    """

    def __init__(self, net: AnatomyNet, inside: Sequence[int]) -> None:
        super().__init__()
        self.net = net
        self.first, self.last = min(inside), max(inside) + 1

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return (1, X, Y, Z) uint8 labels and float32 probabilities."""
        features = self.net.features(image)
        thick = features.shape[2] // SLABS
        slabs = [self.answer(features[:, :, i * thick : (i + 1) * thick]) for i in range(SLABS)]
        labels, probabilities = zip(*slabs, strict=True)
        return torch.cat(labels, dim=1), torch.cat(probabilities, dim=1)

    def answer(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return labels and probabilities of one slab."""
        scores = self.net.head(features)
        within = scores[:, self.first : self.last].amax(dim=1)
        without = torch.maximum(scores[:, : self.first].amax(dim=1), scores[:, self.last :].amax(dim=1))
        return scores.argmax(dim=1).to(torch.uint8), (within - without).float().sigmoid()


def doubled(x: torch.Tensor) -> torch.Tensor:
    """Repeat every voxel twice along each axis."""
    b, c, d, h, w = x.shape
    x = torch.stack([x, x], dim=-1).reshape(b, c, d, h, 2 * w)
    x = torch.cat([x, x], dim=-1).reshape(b, c, d, 4 * h * w)
    return torch.cat([x, x], dim=-1).reshape(b, c, 2 * d, 2 * h, 2 * w)
