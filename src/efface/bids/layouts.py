"""A dataset as jobs: the images of a session together, under names of the layout that was asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import groupby
from math import ceil
from pathlib import Path
from typing import Any

from efface.batch.attempts import TOGETHER
from efface.batch.defacing import deface_job
from efface.batch.jobs import Image, Job, Options
from efface.bids.dataset import MASK, Dataset, Entry, Fate
from efface.bids.looking import look_job
from efface.bids.names import Name, read_name
from efface.bids.sidecars import Sidecars, applicable, fields_of, naming, sidecars_of
from efface.errors import UsageError
from efface.io import announced_voxels
from efface.methods import DEFAULT, method_class
from efface.methods.base import traits_of


class Layout(str, Enum):
    """How the output looks."""

    RAW = "raw"
    DERIVATIVES = "derivatives"


@dataclass(frozen=True)
class Wish:
    """What was asked for."""

    output: Path
    """Folder of the new dataset."""
    work: Path
    """Folder beside it for what is not shared."""
    options: Options
    """Method, fill and the method's own parameters."""
    layout: Layout = Layout.RAW
    """Names of the new dataset."""
    masks: bool = False
    """Whether face masks are written, too."""
    overwrite: bool = False
    """Whether files of an unknown origin are replaced."""

    def __post_init__(self) -> None:
        method = self.options.get("method", DEFAULT)
        if self.masks and traits_of(method_class(method)).follows_face:
            message = f"the mask of {method} may follow the face and is not shared; leave --masks out"
            raise UsageError(message)


def jobs_of(dataset: Dataset, wish: Wish) -> list[Job]:
    """Return the jobs of a dataset: one for the images of a session, one for each other image that is looked at."""
    jobs: list[Job] = []
    sidecars = sidecars_of(dataset)
    defaced = dataset.of(Fate.DEFACE)
    for (subject, _), entries in groupby(sorted(defaced, key=_session), key=_session):
        images = [_image(entry, entry.known, sidecars, wish) for entry in entries if entry.known]
        groups = _groups(images)
        facts = {"groups": len(groups)} if len(groups) > 1 else {}
        alternatives = alternatives_to(wish.options)
        for group in groups:
            jobs.append(
                Job(
                    tuple(group),
                    wish.options,
                    f"sub-{subject}",
                    deface_job,
                    alternatives,
                    look=wish.work / "review",
                    facts={"what": "defaced", **facts},
                    overwrite=wish.overwrite,
                )
            )
    if wish.layout is Layout.RAW:
        jobs += [_look(entry, entry.known, wish) for entry in dataset.of(Fate.LOOK) if entry.known]
    return jobs


def alternatives_to(options: Options) -> tuple[tuple[str, Options], ...]:
    """Return what is tried where the options that were asked for are refused; never less than was asked for."""
    tried: list[tuple[str, Options]] = []
    if options.get("method") == "anatomy" and options.get("extent", "face") == "face":
        tried.append(("extent full", {**options, "extent": "full"}))
    if options.get("method") != "template-mask" and not options.get("keep"):
        tried.append(("template-mask", {"method": "template-mask", "fill": options.get("fill", "zero")}))
    return tuple(tried)


def output_name(known: Name, layout: Layout) -> str:
    """Return an image's name in the new dataset."""
    if layout is Layout.RAW:
        return known.path
    return known.sibling(str(known.suffix), desc="defaced")


def _session(entry: Entry) -> tuple[str, str]:
    known = entry.known
    return (known.subject or "", known.session or "") if known else ("", "")


def _image(entry: Entry, known: Name, sidecars: Sidecars, wish: Wish) -> Image:
    raw = wish.layout is Layout.RAW
    fields: Mapping[str, Any] = fields_of(applicable(known, sidecars, beside=raw))
    name = output_name(known, wish.layout)
    if not raw:
        fields = {**fields, "SkullStripped": False}
    mask = wish.output / _mask_name(known) if wish.masks and _mask_name(known) else None
    of_mask = {} if raw else {"SkullStripped": False, "Type": "Face"}
    notes = tuple(f"sidecar field {field} may name a person, place or time" for field in naming(fields))
    return Image(entry.path, wish.output / name, entry.name, name, mask, fields, notes, of_mask)


def _mask_name(known: Name) -> str:
    """Return the name of an image's face mask; empty if the standard has none, as for one echo of several."""
    name = known.sibling(MASK, ".nii.gz", mod=str(known.suffix))
    return name if read_name(name) else ""


def _look(entry: Entry, known: Name, wish: Wish) -> Job:
    image = Image(entry.path, wish.output / entry.name, entry.name, entry.name)
    scope = f"sub-{known.subject}"
    return Job((image,), {}, scope, look_job, facts={"what": "looked at"}, overwrite=wish.overwrite)


def _groups(images: Sequence[Image]) -> list[list[Image]]:
    """Return the images of a session in as few groups as memory allows, alike in size, neighbours by name together."""
    sizes = [announced_voxels(image.source) for image in images]
    share = max(1.0, sum(sizes) / max(1, ceil(sum(sizes) / TOGETHER)))
    middles = [sum(sizes[:place]) + size / 2 for place, size in enumerate(sizes)]
    placed = groupby(zip(middles, images, strict=True), key=lambda each: each[0] // share)
    return [[image for _, image in group] for _, group in placed]
