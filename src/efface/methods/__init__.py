"""The methods, as a table: key -> where it lives. Each is imported when it is used.

Other packages add their own under the entry-point group `GROUP`, as ``key = "module:Class"``. They are looked for only
when a key is not in the table, and cannot take the place of one that is.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

from efface.errors import UsageError
from efface.methods.base import DefaceMethod, availability_of

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

TABLE: dict[str, str] = {
    "anatomy": "efface.methods.anatomy:BrainDecides",
    "template-mask": "efface.methods.template_mask:TemplateMask",
    "pydeface": "efface.methods.pydeface:Pydeface",
    "fsl-deface": "efface.methods.fsl_deface:FslDeface",
    "mridefacer": "efface.methods.mridefacer:Mridefacer",
    "spm-deface": "efface.methods.spm_deface:SpmDeface",
    "quickshear": "efface.methods.quickshear:Quickshear",
    "mri-deface": "efface.methods.mri_deface:MriDeface",
    "mideface": "efface.methods.mideface:Mideface",
    "afni-refacer": "efface.methods.afni_refacer:AfniRefacer",
    "mri-reface": "efface.methods.mri_reface:MriReface",
    "deepdefacer": "efface.methods.learned:DeepDefacer",
    "defacer": "efface.methods.learned:Defacer",
    "pediatric": "efface.methods.learned:Pediatric",
    "skull-strip": "efface.methods.skull_strip:SkullStrip",
    "external": "efface.methods.any_program:AnyProgram",
    "external-pydeface": "efface.methods.programs:Pydeface",
    "external-fsl-deface": "efface.methods.programs:FslDeface",
    "external-mri-deface": "efface.methods.programs:MriDeface",
    "external-mideface": "efface.methods.programs:Mideface",
    "external-afni-refacer": "efface.methods.programs:AfniRefacer",
    "external-mri-reface": "efface.methods.programs:MriReface",
    "external-quickshear": "efface.methods.programs:QuickshearProgram",
    "external-niimath": "efface.methods.programs:Niimath",
    "external-radveil": "efface.methods.programs:Radveil",
    "external-container": "efface.methods.any_program:Container",
}
"""Method key -> "module:class"."""

DEFAULT = "anatomy"
GROUP = "efface.methods"
"""Entry-point group of other packages' methods."""
BROKEN = (ImportError, AttributeError, SyntaxError, OSError, RuntimeError, TypeError, ValueError, LookupError)
"""What another package may raise when it is loaded: a library that is not there, code of another version."""


def get_method(key: str, **parameters: Any) -> DefaceMethod:
    """Return a method by its key, with parameters.

    Raises
    ------
    UsageError
        No such method or parameter, or something that it needs is not here.
    """
    method = method_class(key)
    check_parameters(method, key, parameters)
    available = availability_of(method)
    if not available.ready:
        message = f"method {key} cannot be used here: {available.remedy}"
        raise UsageError(message)
    try:
        return method(**parameters)
    except TypeError as error:
        message = f"method {key}: {error}"
        raise UsageError(message) from error


def method_class(key: str) -> type[DefaceMethod]:
    """Return the class of a method by its key.

    Raises
    ------
    UsageError
        No such method, or another package's cannot be loaded.
    """
    if key in TABLE:
        module, name = TABLE[key].split(":")
        return cast("type[DefaceMethod]", getattr(import_module(module), name))
    added = added_methods()
    if key not in added:
        message = f"method {key!r} is unknown; choose one of: {', '.join(sorted([*TABLE, *added]))}"
        raise UsageError(message)
    return _loaded(added[key])


def method_keys() -> list[str]:
    """Return the keys of all methods, efface's own first."""
    return [*TABLE, *sorted(added_methods())]


def added_methods() -> dict[str, EntryPoint]:
    """Return the methods that other packages add; a key of efface's own stays efface's."""
    from importlib.metadata import entry_points  # it looks through all installed packages

    return {entry.name: entry for entry in entry_points(group=GROUP) if entry.name not in TABLE}


def check_parameters(method: type[DefaceMethod], key: str, names: Any) -> None:
    """Raise `UsageError` unless a method has all the parameters that are named."""
    known = [field.name for field in fields(cast("Any", method)) if field.init]
    unknown = [name for name in names if name not in known]
    if unknown:
        listed = f"it has: {', '.join(known)}" if known else "it has none"
        message = f"method {key} has no parameter {', '.join(unknown)}; {listed}"
        raise UsageError(message)


def _loaded(entry: EntryPoint) -> type[DefaceMethod]:
    """Load another package's method."""
    try:
        method = entry.load()
    except BROKEN as error:
        message = f"method {entry.name} ({entry.value}) cannot be loaded: {error}; mend or remove the package"
        raise UsageError(message) from error
    wanted = ("key", "citation", "decide")
    if not (isinstance(method, type) and is_dataclass(method) and all(hasattr(method, name) for name in wanted)):
        message = f"method {entry.name}: {entry.value} is no dataclass with {', '.join(wanted)}; mend the package"
        raise UsageError(message)
    named = cast("type[DefaceMethod]", method)
    if named.key != entry.name:
        message = f"method {entry.name}: {entry.value} calls itself {named.key}; mend the package: give it one name"
        raise UsageError(message)
    return named
