"""The network: a U-Net that works at half its input's resolution and answers at full resolution.

A strided stem takes the 2 mm image to features at 4 mm, where a 3-D network is affordable on two CPU cores; the head
answers for the eight 2 mm voxels of each 4 mm cell at once. Skips are added, not concatenated, and nearest-neighbour
doubling is written as concatenation: both are what onnxruntime does fastest.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn

CHANNELS = (32, 64, 128, 160)
"""Features at 4, 8, 16 and 32 mm; multiples of 16, for which CPUs have bf16 tiles."""
WIDE = 64
"""Features from which a cell's eight voxels are told apart: more than there are classes."""
OFFSETS = tuple((x, y, z) for x in (0, 1) for y in (0, 1) for z in (0, 1))
"""The eight voxels of a cell, in the order of the head's outputs."""


class Block(nn.Sequential):
    """Convolution, instance norm, ReLU."""

    def __init__(self, inside: int, outside: int, stride: int = 1) -> None:
        super().__init__(
            nn.Conv3d(inside, outside, 3, stride=stride, padding=1, bias=False),
            nn.InstanceNorm3d(outside, affine=True),
            nn.ReLU(inplace=True),
        )


class AnatomyNet(nn.Module):
    """Image (1, 1, X, Y, Z) to the features of every 4 mm cell, and from these to class scores."""

    def __init__(self, classes: int, channels: Sequence[int] = CHANNELS) -> None:
        super().__init__()
        first = channels[0]
        self.classes = classes
        self.stem = nn.Sequential(
            nn.Conv3d(1, first, 4, stride=2, padding=1, bias=False),
            nn.InstanceNorm3d(first, affine=True),
            nn.ReLU(inplace=True),
        )
        pairs = list(pairwise(channels))
        self.down = nn.ModuleList(nn.Sequential(Block(a, b, 2), Block(b, b)) for a, b in pairs)
        self.reduce = nn.ModuleList(nn.Conv3d(b, a, 1) for a, b in reversed(pairs))
        self.up = nn.ModuleList(nn.Sequential(Block(a, a), Block(a, a)) for a, _ in reversed(pairs))
        self.widen = nn.Sequential(nn.Conv3d(first, WIDE, 1), nn.ReLU(inplace=True))
        self.head = nn.Conv3d(WIDE, 8 * classes, 1)

    def features(self, image: torch.Tensor) -> torch.Tensor:
        """Return (1, WIDE, X/2, Y/2, Z/2) features."""
        skips = [self.stem(image)]
        for step in self.down:
            skips.append(step(skips[-1]))
        x = skips.pop()
        for reduce, step in zip(self.reduce, self.up, strict=True):
            x = step(doubled(reduce(x)) + skips.pop())
        return self.widen(x)

    def scores(self, features: torch.Tensor, offset: int) -> torch.Tensor:
        """Return (1, classes, X/2, Y/2, Z/2) scores of one voxel of every cell."""
        part = slice(offset * self.classes, (offset + 1) * self.classes)
        return nn.functional.conv3d(features, self.head.weight[part], self.head.bias[part])

    def forward(self, image: torch.Tensor, pick: int) -> torch.Tensor:
        """Return (8, classes, X/4, Y/4, Z/4) scores: each voxel of a cell in every second cell along each axis.

        A loss need not look at all voxels, but every part of the head should learn in every step; ``pick``, 0 to 7,
        says which cells go with which voxel. See ``picked`` for the right answers.
        """
        features = self.features(image)
        return torch.cat([
            self.scores(features[:, :, x::2, y::2, z::2], offset)
            for offset in range(8)
            for x, y, z in [OFFSETS[offset ^ pick]]
        ])  # fmt: skip


def picked(classes: torch.Tensor, pick: int) -> torch.Tensor:
    """Return the classes, of (1, 1, X, Y, Z), that the scores of `AnatomyNet.forward` stand for: (8, 1, X/4, ...)."""
    parts = []
    for offset in range(8):
        x, y, z = (2 * cell + voxel for cell, voxel in zip(OFFSETS[offset ^ pick], OFFSETS[offset], strict=True))
        parts.append(classes[:, :, x::4, y::4, z::4])
    return torch.cat(parts)


class Labeller(nn.Module):
    """What is exported: image in, labels and the probability of being inside the skull out.

    One voxel of every cell is answered at a time, so that no array of all classes at 2 mm ever exists. The probability
    is that of the likeliest class inside against the likeliest outside: a soft-max over all would take far longer.
    """

    def __init__(self, net: AnatomyNet, inside: Sequence[int]) -> None:
        super().__init__()
        self.net = net
        self.first, self.last = min(inside), max(inside) + 1

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return (1, X, Y, Z) uint8 labels and float32 probabilities."""
        features = self.net.features(image)
        both = interleaved([self.answer(self.net.scores(features, offset)) for offset in range(8)])
        return both[0:1].to(torch.uint8), both[1:2].sigmoid()

    def answer(self, scores: torch.Tensor) -> torch.Tensor:
        """Return (2, X, Y, Z): label, and log-odds of being inside. One tensor, so that the scores can be let go."""
        within = scores[:, self.first : self.last].amax(dim=1)
        without = torch.maximum(scores[:, : self.first].amax(dim=1), scores[:, self.last :].amax(dim=1))
        return torch.cat([scores.argmax(dim=1).to(scores.dtype), within - without])


def doubled(x: torch.Tensor) -> torch.Tensor:
    """Repeat every voxel twice along each axis."""
    b, c, d, h, w = x.shape
    x = torch.stack([x, x], dim=-1).reshape(b, c, d, h, 2 * w)
    x = torch.cat([x, x], dim=-1).reshape(b, c, d, 4 * h * w)
    return torch.cat([x, x], dim=-1).reshape(b, c, 2 * d, 2 * h, 2 * w)


def interleaved(parts: list[torch.Tensor]) -> torch.Tensor:
    """Put the eight voxels of every cell, each (N, X, Y, Z), in their places: (N, 2X, 2Y, 2Z)."""
    b, d, h, w = parts[0].shape
    rows = [torch.stack([parts[i], parts[i + 1]], dim=-1).reshape(b, d, h, 2 * w) for i in range(0, 8, 2)]
    planes = [torch.stack([rows[i], rows[i + 1]], dim=3).reshape(b, d, 2 * h, 2 * w) for i in (0, 2)]
    return torch.stack(planes, dim=2).reshape(b, 2 * d, 2 * h, 2 * w)
