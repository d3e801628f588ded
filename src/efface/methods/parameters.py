"""A method's parameters as text, ``name=value``, read as the types of the method's fields."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from efface.errors import UsageError
from efface.methods import check_parameters
from efface.methods.base import DefaceMethod

TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def read_parameters(method: type[DefaceMethod], key: str, texts: Sequence[str]) -> dict[str, Any]:
    """Read parameters as they are given on a command line.

    Parameters
    ----------
    method, key : the method's class, and its name in messages
    texts : such as ``["step_mm=4", "keep=ears,eyes"]``

    Returns
    -------
    parameters : name -> value of its field's type

    Raises
    ------
    UsageError
        No such parameter, one is given twice, or a value is not of its type.
    """
    pairs = [_split(text) for text in texts]
    names = [name for name, _ in pairs]
    check_parameters(method, key, names)
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        message = f"--param {', '.join(twice)} is given more than once; give each parameter once"
        raise UsageError(message)
    types = get_type_hints(method)
    return {name: _read(types[name], name, value) for name, value in pairs}


def _split(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        message = f"--param {text}: give it as name=value, such as step_mm=4"
        raise UsageError(message)
    return name.strip().replace("-", "_"), value.strip()


def _read(kind: Any, name: str, text: str) -> Any:
    try:
        return _value(kind, text)
    except (ValueError, KeyError) as error:
        message = f"--param {name}={text}: not {_described(kind)}"
        raise UsageError(message) from error


def _value(kind: Any, text: str) -> Any:
    """Return text as a value of a type: number, truth, word, path, or several of one of these."""
    if get_origin(kind) in (Union, UnionType):
        return _one_of(get_args(kind), text)
    if get_origin(kind) is tuple:
        return _several(get_args(kind), text)
    if get_origin(kind) is Literal:
        return {str(choice): choice for choice in get_args(kind)}[text]
    return READERS[kind](text) if kind in READERS else text


def _one_of(kinds: Sequence[Any], text: str) -> Any:
    if NoneType in kinds and text.lower() == "none":
        return None
    rest = [kind for kind in kinds if kind is not NoneType]
    for kind in rest[:-1]:
        try:
            return _value(kind, text)
        except (ValueError, KeyError):
            continue
    return _value(rest[-1], text)


def _several(kinds: Sequence[Any], text: str) -> tuple[Any, ...]:
    parts = [part.strip() for part in text.split(",")] if text else []
    if kinds[-1] is Ellipsis:
        return tuple(_value(kinds[0], part) for part in parts)
    return tuple(_value(kind, part) for kind, part in zip(kinds, parts, strict=True))


def _described(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return f"one of {', '.join(map(str, get_args(kind)))}"
    if get_origin(kind) is tuple:
        return f"{_described(get_args(kind)[0])}, or several, parted by commas"
    if get_origin(kind) in (Union, UnionType):
        return " or ".join("none" if each is NoneType else _described(each) for each in get_args(kind))
    return WORDS.get(kind, "what it takes")


READERS: dict[Any, Callable[[str], Any]] = {
    bool: lambda text: TRUTH[text.lower()],
    int: int,
    float: float,
    Path: Path,
}
WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a word", Path: "a path"}
