"""From a TOML file to a study: every mistake is told with its place and a remedy."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from string import Formatter
from types import NoneType
from typing import Any, TypeVar, get_args, get_type_hints

from efface.errors import UnreadableImageError, UsageError
from efface.methods import check_parameters, method_class
from efface.methods.base import DefaceMethod
from efface.planning import fill_of
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
PLAIN: Mapping[str, tuple[type, ...]] = {
    "str": (str,), "bool": (bool,), "int": (int,), "float": (int, float), "tuple[str, ...]": (tuple,),
    "Mapping[str, Any]": (Mapping,),
}  # fmt: skip
"""Types that values of a field may have, by its annotation."""
WORDS = {"tuple[str, ...]": "a list of words", "Mapping[str, Any]": "a table"}
"""What types are called that a TOML file calls otherwise."""
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
    methods = tuple(_method(each, folder) for each in _tables(content, "methods"))
    pipelines = tuple(_pipeline(each, folder) for each in _tables(content, "pipelines", ({"name": NETWORK},)))
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
        maps=tuple(_map(each, folder) for each in _tables(content, "maps")),
        options=_options(content.get("options", {}), folder),
    )


def _tables(
    content: Mapping[str, Any], key: str, default: Sequence[Mapping[str, Any]] = ()
) -> Sequence[Mapping[str, Any]]:
    """Return an array of tables."""
    given = content.get(key, default)
    if (
        isinstance(given, str)
        or not isinstance(given, Sequence)
        or not all(isinstance(each, Mapping) for each in given)
    ):
        message = f"{key} is no list of tables; write [[{key}]], with two brackets, above each"
        raise UsageError(message)
    return given


def _method(given: Mapping[str, Any], folder: Path) -> MethodEntry:
    entry = _built(MethodEntry, {"name": given.get("method", ""), **given}, "[[methods]]")
    if bool(entry.method) == bool(entry.results):
        name = entry.name or "without a name"
        message = f'method {name}: give either method = "anatomy" (or another) or results = "path/{{scan}}.nii.gz"'
        raise UsageError(message)
    _check_name(entry.name, "[[methods]]")
    if entry.method:
        entry = replace(entry, parameters=_parameters(entry, folder))
        fill_of(_made(entry), entry.fill or None)
        return entry
    return replace(entry, results=_template(entry.results, folder, PLACEHOLDERS, f"method {entry.name}"))


def _parameters(entry: MethodEntry, folder: Path) -> dict[str, Any]:
    """Return a method's parameters as its fields want them: paths start at the study's folder."""
    chosen = method_class(entry.method)
    check_parameters(chosen, entry.method, entry.parameters)
    types = get_type_hints(chosen)
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in entry.parameters.items()}
    return {
        name: folder / value if isinstance(value, str) and Path in (types[name], *get_args(types[name])) else value
        for name, value in values.items()
    }


def _made(entry: MethodEntry) -> DefaceMethod:
    """Make a method, so that values that it cannot take are told now and not of every scan."""
    try:
        return method_class(entry.method)(**entry.parameters)
    except (TypeError, ValueError) as error:
        message = f"method {entry.name}: its parameters cannot be used: {error}"
        raise UsageError(message) from error


def _pipeline(given: Mapping[str, Any], folder: Path) -> PipelineEntry:
    measures = given.get("measures", ())
    listed = {**given, "measures": (measures,) if isinstance(measures, str) else measures}
    entry = _built(PipelineEntry, listed, "[[pipelines]]")
    where = f"pipeline {entry.name}"
    _check_name(entry.name, "[[pipelines]]")
    if entry.name == NETWORK:
        if entry != PipelineEntry(NETWORK):
            message = f"{where}: this is the name of the built-in pipeline; give yours another name"
            raise UsageError(message)
        return entry
    if entry.timeout_s <= 0:
        message = f"{where}: timeout_s = {entry.timeout_s}; give more than 0 seconds"
        raise UsageError(message)
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
    try:
        words = shlex.split(command)
    except ValueError as error:
        message = f"{where}: command {command!r}: {error}"
        raise UsageError(message) from error
    used = set().union(*(_names(word, where) for word in words))
    if not {"input", "output"} <= used or used - {"input", "output", "measures"}:
        message = f"{where}: command {command!r} must hold {{input}} and {{output}}, and may hold {{measures}}"
        raise UsageError(message)


def _names(template: str, where: str) -> set[str]:
    """Return the names in braces."""
    try:
        return {name for _, name, _, _ in Formatter().parse(template) if name is not None}
    except ValueError as error:
        message = f"{where}: {template!r}: {error}"
        raise UsageError(message) from error


def _map(given: Mapping[str, Any], folder: Path) -> MapEntry:
    entry = _built(MapEntry, given, "[[maps]]")
    path = _template(entry.path, folder, PLACEHOLDERS | {"version"}, f"maps {entry.name}")
    return replace(entry, path=path, mask=str(folder / entry.mask) if entry.mask else "")


def _options(given: Any, folder: Path) -> Options:
    _check_keys(given, {field.name for field in fields(Options)}, "[options]")
    listed = dict(given)
    if isinstance(listed.get("ratings"), str):
        listed["ratings"] = folder / listed["ratings"]
    options = _built(Options, listed, "[options]")
    unknown = set(options.attacks) - set(ATTACKS)
    limits = (
        (unknown, f"attacks {sorted(unknown)} are unknown; choose of {', '.join(ATTACKS)}"),
        (not isinstance(options.ratings, (Path, NoneType)), f"ratings = {options.ratings!r} is no path"),
        (options.workers < 1, f"workers = {options.workers}; give at least 1"),
        (options.permutations < 1, f"permutations = {options.permutations}; give at least 1"),
        (options.brain_tolerance_ml < 0, f"brain_tolerance_ml = {options.brain_tolerance_ml}; give 0 or more"),
        (not 0 <= options.untouched_below <= 1, f"untouched_below = {options.untouched_below}; give 0 to 1"),
    )
    for wrong, told in limits:
        if wrong:
            message = f"[options]: {told}"
            raise UsageError(message)
    return options


def _built(kind: type[Entry], given: Mapping[str, Any], where: str) -> Entry:
    """Make a dataclass of what was given; unknown and missing keys, and values of another type, are told."""
    types = {field.name: str(field.type) for field in fields(kind)}  # type: ignore[arg-type] # a TypeVar cannot say: dataclass
    _check_keys(given, set(types), where)
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
    for name, value in values.items():
        accepted = PLAIN.get(types[name], (object,))
        wrong = not isinstance(value, accepted) or (isinstance(value, bool) and bool not in (*accepted, object))
        if wrong or (isinstance(value, tuple) and not all(isinstance(each, str) for each in value)):
            message = f"{where}: {name} = {given[name]!r} is not {WORDS.get(types[name], types[name])}"
            raise UsageError(message)
    try:
        return kind(**values)
    except TypeError as error:
        message = f"{where}: {error}; keys are {', '.join(types)}"
        raise UsageError(message) from error


def _template(template: str, folder: Path, known: set[str], where: str) -> str:
    used = _names(template, where)
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
