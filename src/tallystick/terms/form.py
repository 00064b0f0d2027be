"""Reads a document into a frozen value by the types of its fields, and tells every fault at once."""

import difflib
import re
import tomllib
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from typing import Any, Final, TypeVar

import msgspec
from msgspec import inspect

Read = TypeVar("Read", bound=msgspec.Struct)

_UNREAD: Final = object()


class FormFault(msgspec.Struct, frozen=True):
    """What is wrong at one key of a file, and the way out."""

    file: str
    key: str
    problem: str
    way_out: str

    def __str__(self) -> str:
        place = f"{self.file}: {self.key}" if self.key else self.file
        return f"{place}: {self.problem}; {self.way_out}"


class FormFaults(ValueError):
    """A file is refused; `faults` holds everything that is wrong with it."""

    def __init__(self, faults: Sequence[FormFault]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = tuple(faults)


class FaultNotes:
    """The faults of one file, collected while it is read."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.faults: list[FormFault] = []

    def add(self, key: str, problem: str, way_out: str) -> None:
        """Keep a fault and go on."""
        self.faults.append(FormFault(file=self.file, key=key, problem=problem, way_out=way_out))


def read_toml(text: str, *, form: type[Read], file: str) -> Read:
    """Read TOML into a `form`: whole, of the right types, within the bounds that `msgspec.Meta` states.

    Raises `FormFaults` with every unknown or missing key, wrong type and figure out of range.

    >>> class Fee(msgspec.Struct, frozen=True):
    ...     share_ppm: int
    >>> read_toml("share_ppm = 5_000", form=Fee, file="fee.toml")
    Fee(share_ppm=5000)
    >>> read_toml("share_pmm = 5_000", form=Fee, file="fee.toml")
    Traceback (most recent call last):
    ...
    tallystick.terms.form.FormFaults: fee.toml: share_pmm: unknown key; did you mean share_ppm?
    fee.toml: share_ppm: missing; give a whole number
    """
    notes = FaultNotes(file)
    fields = read_fields(text, form=form, notes=notes)
    if notes.faults:
        raise FormFaults(notes.faults)
    return form(**fields)


def read_fields(text: str, *, form: type[Read], notes: FaultNotes) -> dict[str, Any]:
    """The fields of a `form` that can be read, so that they can be judged beside the faults of the others.

    Absent ones that may be absent are left out. Raises `FormFaults` for what is no TOML at all.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        notes.add("", f"this is not TOML: {error}", "correct it")
        raise FormFaults(notes.faults) from error
    kind = inspect.type_info(form)
    assert isinstance(kind, inspect.StructType)
    fields = _fields(kind, document, inside="", notes=notes)
    return {name: value for name, value in fields.items() if value is not _UNREAD}


def _value(kind: inspect.Type, given: object, *, key: str, notes: FaultNotes) -> Any:
    """The value read, or `_UNREAD` with its faults noted."""
    match kind:
        case inspect.StructType():
            return _struct(kind, given, key=key, notes=notes)
        case inspect.UnionType():
            (inner,) = (part for part in kind.types if not isinstance(part, inspect.NoneType))
            return _value(inner, given, key=key, notes=notes)
        case inspect.VarTupleType() | inspect.FrozenSetType():
            return _sequence(kind, given, key=key, notes=notes)
        case inspect.DictType():
            return _mapping(kind, given, key=key, notes=notes)
        case inspect.EnumType():
            return _member(kind, given, key=key, notes=notes)
        case inspect.IntType():
            return _whole_number(kind, given, key=key, notes=notes)
        case inspect.StrType():
            return _text(kind, given, key=key, notes=notes)
        case inspect.DateType():
            return _day(given, key=key, notes=notes)
        case inspect.Metadata():
            return _value(kind.type, given, key=key, notes=notes)
    raise TypeError(f"{key}: a form has no fields of type {kind}")


def _struct(kind: inspect.StructType, given: object, *, key: str, notes: FaultNotes) -> Any:
    if not isinstance(given, Mapping):
        notes.add(key, f"{given!r} is no section", f"write [{key}] with {_listed(field.name for field in kind.fields)}")
        return _UNREAD
    values = _fields(kind, given, inside=f"{key}." if key else "", notes=notes)
    if any(value is _UNREAD for value in values.values()):
        return _UNREAD
    return kind.cls(**values)


def _fields(kind: inspect.StructType, given: Mapping[str, Any], *, inside: str, notes: FaultNotes) -> dict[str, Any]:
    note_unknown_keys(given, known=[field.name for field in kind.fields], inside=inside, notes=notes)
    values = {}
    for field in kind.fields:
        place = inside + field.name
        if field.name in given:
            values[field.name] = _value(field.type, given[field.name], key=place, notes=notes)
        elif field.required:
            notes.add(place, "missing", f"give {_wanted(field.type)}")
            values[field.name] = _UNREAD
    return values


def note_unknown_keys(given: Mapping[str, Any], *, known: Collection[str], inside: str, notes: FaultNotes) -> None:
    """Note every key that a section has no use for, with the nearest one that it has."""
    for name in given:
        if name not in known:
            notes.add(inside + name, "unknown key", _nearest(name, known=known))


def _sequence(kind: inspect.VarTupleType | inspect.FrozenSetType, given: object, *, key: str, notes: FaultNotes) -> Any:
    if not isinstance(given, list):
        notes.add(key, f"{given!r} is no list", f"write {key} = [...]")
        return _UNREAD
    read = [_value(kind.item_type, item, key=f"{key}[{place}]", notes=notes) for place, item in enumerate(given)]
    if kind.min_length and len(read) < kind.min_length:
        notes.add(key, "too short", f"give at least {kind.min_length}")
        return _UNREAD
    if any(item is _UNREAD for item in read):
        return _UNREAD
    return tuple(read) if isinstance(kind, inspect.VarTupleType) else frozenset(read)


def _mapping(kind: inspect.DictType, given: object, *, key: str, notes: FaultNotes) -> Any:
    if not isinstance(given, Mapping):
        notes.add(key, f"{given!r} is no section", f"write [{key}]")
        return _UNREAD
    names = {name: _value(kind.key_type, name, key=f"{key}.{name}", notes=notes) for name in given}
    read = {
        names[name]: _value(kind.value_type, item, key=f"{key}.{name}", notes=notes) for name, item in given.items()
    }
    if _UNREAD in names.values() or any(item is _UNREAD for item in read.values()):
        return _UNREAD
    return read


def _member(kind: inspect.EnumType, given: object, *, key: str, notes: FaultNotes) -> Any:
    values = [member.value for member in kind.cls]
    if given in values:
        return kind.cls(given)
    notes.add(key, f"{given!r} is none of its words", _nearest(str(given), known=values))
    return _UNREAD


def _whole_number(kind: inspect.IntType, given: object, *, key: str, notes: FaultNotes) -> Any:
    if not isinstance(given, int) or isinstance(given, bool):
        notes.add(key, f"{given!r} is no whole number", f"give {_wanted(kind)}")
        return _UNREAD
    if (kind.ge is not None and given < kind.ge) or (kind.le is not None and given > kind.le):
        notes.add(key, f"{given} is out of range", f"give {_wanted(kind)}")
        return _UNREAD
    return given


def _text(kind: inspect.StrType, given: object, *, key: str, notes: FaultNotes) -> Any:
    if not isinstance(given, str) or (kind.min_length and len(given.strip()) < kind.min_length):
        notes.add(key, f"{given!r} is no text", f"give {_wanted(kind)}")
        return _UNREAD
    if kind.pattern and not re.search(kind.pattern, given):
        notes.add(key, f"{given!r} has another form", f"write it as {kind.pattern}")
        return _UNREAD
    return given


def _day(given: object, *, key: str, notes: FaultNotes) -> Any:
    if type(given) is not date:  # a TOML instant is a datetime, which is a date as well
        notes.add(key, f"{given!r} is no date", f"give {_wanted(inspect.DateType())}")
        return _UNREAD
    return given


def _wanted(kind: inspect.Type) -> str:
    match kind:
        case inspect.IntType(ge=int() as least, le=int() as most):
            return f"a whole number from {least} to {most}"
        case inspect.IntType(ge=int() as least):
            return f"a whole number of at least {least}"
        case inspect.IntType():
            return "a whole number"
        case inspect.EnumType():
            return f"one of {_listed(member.value for member in kind.cls)}"
        case inspect.StructType():
            return f"a section with {_listed(field.name for field in kind.fields)}"
        case inspect.VarTupleType() | inspect.FrozenSetType():
            return "a list"
        case inspect.DateType():
            return "a date as 2026-11-23, without quotes"
        case inspect.StrType():
            return "a text in quotes"
        case inspect.Metadata():
            return _wanted(kind.type)
    return "a value"


def _nearest(name: str, *, known: Collection[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"did you mean {near[0]}?" if near else f"use {_listed(known)}"


def _listed(names: Iterable[object]) -> str:
    return ", ".join(str(name) for name in names)
