"""From a TOML file to a study: every mistake is told with its place and a remedy."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from string import Formatter
from typing import Any, TypeVar

from efface.errors import UnreadableImageError, UsageError
from efface.fill import check_fill
from efface.methods import check_parameters, method_class
from efface.study.config import (
    ATTACKS,
    NETWORK,
    ORIGINAL,
    MapEntry,
    MethodEntry,
    Options,
    PipelineEntry,
    StudyConfig,
)
from efface.study.label_tables import load_label_table
from efface.study.scan_lists import scans_of

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
"""Names that can be file names everywhere."""
TOP = {"title", "scans", "methods", "pipelines", "maps", "options"}
PLAIN: Mapping[str, tuple[type, ...]] = {"str": (str,), "bool": (bool,), "int": (int,), "float": (int, float)}
"""Types that values of a field may have, by its annotation."""
Entry = TypeVar("Entry")
PLACEHOLDERS = {"scan", "participant", "session", "contrast"}


def load_config(path: str | Path) -> StudyConfig:
    """Read a study's TOML file; relative paths in it start at its folder.

    Raises
    ------
    UnreadableImageError
        The file, or the table of scans, is not there.
    UsageError
        It does not describe a study; the message says where and what to write.
    """
    path = Path(path)
    try:
        text = path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        message = f"{path}: cannot be read ({error}); give a study's TOML file"
        raise UnreadableImageError(message) from error
    try:
        content = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        message = f"{path}: not TOML: {error}"
        raise UsageError(message) from error
    try:
        return parse_config(content, path.resolve().parent)
    except UsageError as error:
        message = f"{path}: {error}"
        raise UsageError(message) from error


def parse_config(content: Mapping[str, Any], folder: Path) -> StudyConfig:
    """Check what a study's TOML file holds; see `load_config`."""
    _check_keys(content, TOP, "the file")
    if "scans" not in content:
        message = 'no [scans]; write, for example, [scans] and table = "scans.tsv"'
        raise UsageError(message)
    methods = tuple(_method(each, folder) for each in content.get("methods", ()))
    pipelines = tuple(_pipeline(each, folder) for each in content.get("pipelines", ({"name": NETWORK},)))
    if not methods:
        message = 'no [[methods]]; write, for example, [[methods]] and method = "anatomy"'
        raise UsageError(message)
    _check_unique([each.name for each in methods], "methods")
    _check_unique([each.name for each in pipelines], "pipelines")
    return StudyConfig(
        title=str(content.get("title", "Defacing study")),
        scans=scans_of(content["scans"], folder),
        methods=methods,
        pipelines=pipelines,
        maps=tuple(_map(each, folder) for each in content.get("maps", ())),
        options=_options(content.get("options", {}), folder),
    )


def _method(given: Mapping[str, Any], folder: Path) -> MethodEntry:
    entry = _built(MethodEntry, {"name": given.get("method", ""), **given}, "[[methods]]")
    if bool(entry.method) == bool(entry.results):
        name = entry.name or "without a name"
        message = f'method {name}: give either method = "anatomy" (or another) or results = "path/{{scan}}.nii.gz"'
        raise UsageError(message)
    _check_name(entry.name, "[[methods]]")
    if entry.method:
        check_parameters(method_class(entry.method), entry.method, entry.parameters)
        if entry.fill:
            check_fill(entry.fill)
        return entry
    return replace(entry, results=_template(entry.results, folder, PLACEHOLDERS, f"method {entry.name}"))


def _pipeline(given: Mapping[str, Any], folder: Path) -> PipelineEntry:
    measures = given.get("measures", ())
    listed = {**given, "measures": (measures,) if isinstance(measures, str) else tuple(measures)}
    entry = _built(PipelineEntry, listed, "[[pipelines]]")
    where = f"pipeline {entry.name}"
    _check_name(entry.name, "[[pipelines]]")
    if entry.name == NETWORK:
        return entry
    if entry.command and entry.results:
        message = f"{where}: give a command or results, not both"
        raise UsageError(message)
    if not (entry.command or entry.results or entry.measures):
        message = (
            f'{where}: give command = "program {{input}} {{output}}", or results = "path/{{version}}/{{scan}}.nii.gz"'
        )
        raise UsageError(message)
    if entry.command:
        _check_command(entry.command, where)
    known = PLACEHOLDERS | {"version"}
    labels = entry.labels if not entry.labels.endswith(".tsv") else str(folder / entry.labels)
    load_label_table(labels)
    return replace(
        entry,
        labels=labels,
        results=_template(entry.results, folder, known, where) if entry.results else "",
        measures=tuple(_template(each, folder, known, where) for each in entry.measures),
    )


def _check_command(command: str, where: str) -> None:
    used = {name for _, name, _, _ in Formatter().parse(command) if name is not None}
    if not {"input", "output"} <= used or used - {"input", "output", "measures"}:
        message = f"{where}: command {command!r} must hold {{input}} and {{output}}, and may hold {{measures}}"
        raise UsageError(message)


def _map(given: Mapping[str, Any], folder: Path) -> MapEntry:
    entry = _built(MapEntry, given, "[[maps]]")
    path = _template(entry.path, folder, PLACEHOLDERS | {"version"}, f"maps {entry.name}")
    return replace(entry, path=path, mask=str(folder / entry.mask) if entry.mask else "")


def _options(given: Mapping[str, Any], folder: Path) -> Options:
    listed = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
    if listed.get("ratings"):
        listed["ratings"] = folder / str(listed["ratings"])
    options = _built(Options, listed, "[options]")
    unknown = set(options.attacks) - set(ATTACKS)
    if unknown:
        message = f"[options]: attacks {sorted(unknown)} are unknown; choose of {', '.join(ATTACKS)}"
        raise UsageError(message)
    if options.workers < 1:
        message = f"[options]: workers = {options.workers}; give at least 1"
        raise UsageError(message)
    return options


def _built(kind: type[Entry], given: Mapping[str, Any], where: str) -> Entry:
    """Make a dataclass of what was given; unknown and missing keys, and values of another type, are told."""
    types = {field.name: field.type for field in fields(kind)}  # type: ignore[arg-type] # a TypeVar cannot say: dataclass
    _check_keys(given, set(types), where)
    for name, value in given.items():
        accepted = PLAIN.get(str(types[name]), (object,))
        if not isinstance(value, accepted) or (isinstance(value, bool) and bool not in (*accepted, object)):
            message = f"{where}: {name} = {value!r} is not {types[name]}"
            raise UsageError(message)
    try:
        return kind(**given)
    except TypeError as error:
        message = f"{where}: {error}; keys are {', '.join(types)}"
        raise UsageError(message) from error


def _template(template: str, folder: Path, known: set[str], where: str) -> str:
    try:
        used = {name for _, name, _, _ in Formatter().parse(template) if name is not None}
    except ValueError as error:
        message = f"{where}: {template!r}: {error}"
        raise UsageError(message) from error
    if used - known or not used & {"scan", "participant"}:
        message = (
            f"{where}: {template!r} must hold {{scan}} or {{participant}}, and may hold {', '.join(sorted(known))}"
        )
        raise UsageError(message)
    return str(folder / template)


def _check_name(name: str, where: str) -> None:
    if not SAFE.fullmatch(name) or name == ORIGINAL:
        message = f"{where}: name {name!r} cannot be used; use letters, digits and . _ + -, and not {ORIGINAL!r}"
        raise UsageError(message)


def _check_keys(given: object, known: set[str], where: str) -> None:
    if not isinstance(given, Mapping):
        message = f"{where} is {type(given).__name__}, not a table"
        raise UsageError(message)
    unknown = sorted(set(given) - known)
    if unknown:
        message = f"{where}: unknown key {', '.join(unknown)}; known are {', '.join(sorted(known))}"
        raise UsageError(message)


def _check_unique(names: list[str], what: str) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        message = f"{what}: the name {', '.join(twice)} is given more than once; give each its own name"
        raise UsageError(message)
