"""Programs that are not known beforehand: any in a container, and any by its command line."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from efface.errors import UsageError
from efface.methods.external import BRAIN, IN, OUT, External
from efface.methods.running import check_words, find_program


@dataclass(frozen=True)
class Container(External):
    """Any program in a container, without network: docker, podman or apptainer."""

    image: str = ""
    """The image, such as poldracklab/pydeface or deface.sif; it must be given."""
    command_line: str = "{in} {out}"
    """What the container is told; {in}, {out}, {brain} and {folder} are its own names of the files."""
    runtime: Literal["docker", "podman", "apptainer", "singularity"] | None = None
    """What runs it; by default the first of these that is here."""

    key: ClassVar[str] = "external-container"
    citation: ClassVar[str] = "the program in the container"
    needs: ClassVar[str] = "docker, podman or apptainer, and an image"
    programs: ClassVar[tuple[str, ...]] = ("docker", "podman", "apptainer", "singularity")
    remedy: ClassVar[str] = "install one of them"
    lines: ClassVar[dict[str, str]] = {
        "docker": "--rm --name {name} --network none --user {user} --volume {folder}:/data {image}",
        "podman": "--rm --name {name} --network none --userns keep-id --volume {folder}:/data {image}",
        "apptainer": "--containall --net --network none --bind {folder}:/data {image}",
        "singularity": "--containall --net --network none --bind {folder}:/data {image}",
    }
    sample: ClassVar[str] = (
        "efface deface T1w.nii.gz T1w_defaced.nii.gz --method external-container --param image=poldracklab/pydeface "
        '--param command_line="pydeface {in} --outfile {out}"'
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.image:
            message = "method external-container: no image; give one with --param image=NAME"
            raise UsageError(message)
        _check_command(self.command_line)

    def parts(self) -> Sequence[str]:
        """Return the pieces of the command line; file names in ``command_line`` are the container's."""
        runtime = self._runtime()
        inside = {"{in}": f"/data/{IN}", "{out}": f"/data/{OUT}", "{brain}": f"/data/{BRAIN}", "{folder}": "/data"}
        told = self.command_line
        for name, path in inside.items():
            told = told.replace(name, path)
        return _with_options(f"{runtime} run {self.lines[runtime]} {told}")

    def stop(self, folder: Path) -> list[str]:
        """Return how a container is ended: its daemon goes on when the program that asked for it is killed."""
        runtime = self._runtime()
        return [runtime, "rm", "--force", folder.name] if runtime in ("docker", "podman") else []

    def wants_brain(self) -> bool:
        """Return whether the container is told of a brain mask."""
        return "{brain}" in self.command_line

    def given(self, folder: Path) -> dict[str, Any]:
        """Return what stands for the names in the command line; files are written as the user that runs efface."""
        user = f"{os.getuid()}:{os.getgid()}" if hasattr(os, "getuid") else "0:0"
        return super().given(folder) | {"user": user, "name": folder.name}

    def _runtime(self) -> str:
        return self.runtime or Path(find_program(*self.programs) or self.programs[0]).name


@dataclass(frozen=True)
class AnyProgram(External):
    """Any program that reads a scan and writes one without a face, by its command line."""

    command_line: str = ""
    """Such as "prog {in} {out}"; {brain} is a brain mask, {folder} a folder for the program; it must be given."""

    key: ClassVar[str] = "external"
    citation: ClassVar[str] = "the program that is named"
    needs: ClassVar[str] = "the program that is named"
    sample: ClassVar[str] = (
        'efface deface T1w.nii.gz T1w_defaced.nii.gz --method external --param command_line="prog {in} {out}"'
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_command(self.command_line)
        name = shlex.split(self.command_line)[0]
        if find_program(name) is None:
            message = f"command_line = {self.command_line}: {name} is not on the PATH; install it, or give its path"
            raise UsageError(message)

    def parts(self) -> Sequence[str]:
        """Return the pieces of the command line."""
        return _with_options(self.command_line)

    def command(self, folder: Path) -> list[str]:
        """Return the command line, as words; the program's name as a whole path, as it runs in another folder."""
        program, *words = super().command(folder)
        return [find_program(program) or program, *words]


def _with_options(line: str) -> tuple[str, ...]:
    """Return the pieces of a command line: ``options`` come last, unless it says where."""
    return (line,) if "{options}" in line else (line, "{options}")


def _check_command(text: str) -> None:
    """Raise `UsageError` unless a command line names what it reads and what it writes."""
    check_words("command_line", text)
    missing = [word for word in ("{in}", "{out}") if word not in text]
    if missing:
        message = f'command_line = {text!r}: it names no {" and no ".join(missing)}; give it as "prog {{in}} {{out}}"'
        raise UsageError(message)
