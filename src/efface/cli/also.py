"""``efface deface IN OUT --also OTHER OTHER_OUT ...``: the images of a session."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from efface.cli import answers, progress
from efface.cli.logs import LOG
from efface.errors import SessionError, UsageError

if TYPE_CHECKING:
    from efface.deface_plan import DefacePlan
    from efface.outputs import Outputs
    from efface.pipeline import Defaced

OPTION = "--also"
SEVERAL = (
    *(OPTION, "--participant-label", "--participant_label", "--also-modalities", "--carry-modalities"),
    *("--accept", "--reject"),
)
"""Options that take all words up to the next option."""
Pairs = list[tuple[Path, Path]]


def spread(arguments: Sequence[str]) -> list[str]:
    """Give every word after such an option the option of its own: the parser takes one value at a time.

    >>> spread(["deface", "a", "b", "--also", "c", "d", "--json"])
    ['deface', 'a', 'b', '--also', 'c', '--also', 'd', '--json']
    """
    told: list[str] = []
    taking = ""
    for argument in arguments:
        if argument.startswith("-"):
            taking = argument if argument in SEVERAL else ""
            told += [] if taking else [argument]
        else:
            told += [taking, argument] if taking else [argument]
    return told


def pairs(source: Path, output: Path, also: Sequence[Path], mask: Path | None, plan: Path | None) -> Pairs:
    """Return all images of a session with their outputs.

    Raises
    ------
    UsageError
        An image without an output, or a file that was asked for once for several images.
    """
    if len(also) % 2:
        message = f"{OPTION} takes pairs, an image and its output; {also[-1]} has no partner"
        raise UsageError(message)
    for name, path in {"--mask": mask, "--plan": plan}.items():
        if path is not None:
            message = (
                f"{name} {path} names one file for several images; leave it out with {OPTION}, or deface each alone"
            )
            raise UsageError(message)
    return [(source, output), *zip(also[::2], also[1::2], strict=True)]


def run(
    images: Pairs,
    folders: dict[str, Path | None],
    choices: dict[str, Any],
    *,
    as_json: bool,
    dry_run: bool,
    overwrite: bool,
    write_failed: bool,
) -> None:
    """Do a session, or only plan it, and say what came of each image."""
    from efface.outputs import check_session

    try:
        if dry_run:
            outputs = check_session(images, overwrite=overwrite)
            _say_plans(images, _planned(images, outputs, choices), as_json=as_json)
            return
        results = _defaced(images, folders, choices, overwrite=overwrite, write_failed=write_failed)
    except SessionError as error:
        _say_refusals(error, images, write_failed=write_failed)
        raise
    _say_results(images, results, folders, as_json=as_json)


def _defaced(
    images: Pairs, folders: dict[str, Path | None], choices: dict[str, Any], *, overwrite: bool, write_failed: bool
) -> tuple[Defaced, ...]:
    from efface.session import deface_session

    with progress.shown() as show:
        return deface_session(
            images, overwrite=overwrite, write_failed=write_failed, progress=show, **folders, **choices
        )


def _planned(images: Pairs, outputs: list[Outputs], choices: dict[str, Any]) -> list[DefacePlan]:
    from efface.session import plan_session, read_session

    with progress.shown() as show:
        return plan_session(read_session(images, outputs, show), progress=show, **choices)[0]


def _say_refusals(error: SessionError, images: Pairs, *, write_failed: bool) -> None:
    """Say one line for each image that was refused; the session's own line follows at the end."""
    for place, refusal in error.refusals.items():
        LOG.error("%s: %s", images[place][0], refusal)
        if write_failed and refusal.verdict is not None:
            LOG.warning("it was written as *_FAILED, beside where %s would be; do not share it", images[place][1])


def _say_plans(images: Pairs, plans: list[DefacePlan], *, as_json: bool) -> None:
    described = [{"output": output, **answers.describe(plan)} for (_, output), plan in zip(images, plans, strict=True)]
    if as_json:
        answers.say_json(0, None, dry_run=True, images=described)
        return
    for each in described:
        volume = sum(each["removed_ml"].values())
        answers.say(f"plan for {each['output']}: method {each['method']}, fill {each['fill']}; {volume:.1f} ml")
        answers.say(f"  {each['provenance']['session']}")
    answers.say("dry run: nothing was written")


def _say_results(
    images: Pairs, results: tuple[Defaced, ...], folders: dict[str, Path | None], *, as_json: bool
) -> None:
    if as_json:
        described = [_described(output, result) for (_, output), result in zip(images, results, strict=True)]
        more: dict[str, Any] = {"images": described, **folders}
        answers.say_json(0, None, **more)
        return
    for (_, output), result in zip(images, results, strict=True):
        answers.say(f"{output}: {result.verdict.summary()}")
    answers.say_folders(folders)


def _described(output: Path, result: Defaced) -> dict[str, Any]:
    from efface.outputs import Outputs

    sidecar = Outputs(output).sidecar
    return {
        "output": output, "sidecar": sidecar, **answers.describe(result.plan), "verdict": result.verdict.as_dict(),
    }  # fmt: skip
