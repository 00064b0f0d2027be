"""Parameters of a simulated world as files: TOML sections of figures, each with its source, checked all at once."""

import math
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, get_args, get_type_hints

Numbers = tuple[float, ...]
Sections = Mapping[str, type[Any]]


class WorldParameterFaults(ValueError):
    """Everything that is wrong with a set of parameters, one fault a line."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join([f"{len(faults)} fault(s) in the world's parameters:", *faults]))
        self.faults = tuple(faults)


@dataclass(frozen=True, slots=True)
class Range:
    """What a parameter may be: low <= each value <= high; `length` values where it is a list."""

    low: float
    high: float
    length: int = 1
    sums_to_one: bool = False
    rising: bool = False

    def faults(self, values: Numbers) -> Iterator[str]:
        if len(values) != self.length:
            yield f"has {len(values)} values, needs {self.length}"
        for value in values:
            if not (math.isfinite(value) and self.low <= value <= self.high):
                yield f"{value:g} is not between {self.low:g} and {self.high:g}"
        if self.sums_to_one and abs(sum(values) - 1.0) > 1e-9:
            yield f"shares sum to {sum(values):g}, not 1"
        if self.rising and any(later <= earlier for earlier, later in pairwise(values)):
            yield "values must rise from first to last"


def read_sections(text: str, sections: Sections) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """The values of a text's sections, `name = { value = ..., source = "..." }` each, and all that is wrong with them.

    A section's class tells its parameters: `Annotated[float, Range(0, 1)]` and the like. Missing and unknown sections
    and parameters, wrong types, values out of range and figures without `source` or `assumption` are faults.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as broken:
        raise WorldParameterFaults([f"not TOML: {broken}"]) from broken
    known = ", ".join(sections)
    faults = [f"[{name}] is not a section; known are {known}" for name in document.keys() - sections.keys()]
    read: dict[str, dict[str, Any]] = {}
    for name, kind in sections.items():
        read[name], found = _read_section(name, kind=kind, entries=document.get(name))
        faults += [*found, *range_faults(name, read[name], kind=kind)]
    return read, faults


def range_faults(name: str, values: Mapping[str, Any], *, kind: type[Any]) -> list[str]:
    """What is wrong with the values of a section, each by itself."""
    ranges = {key: get_args(hint)[1] for key, hint in get_type_hints(kind, include_extras=True).items()}
    return [
        f"{name}.{key} {fault}"
        for key, value in values.items()
        for fault in ranges[key].faults(value if isinstance(value, tuple) else (value,))
    ]


def _read_section(name: str, *, kind: type[Any], entries: object) -> tuple[dict[str, Any], list[str]]:
    """The values that can be read, and what is wrong with the form of the others."""
    if not isinstance(entries, dict):
        return {}, [f"[{name}] is missing"]
    hints = get_type_hints(kind)
    faults = [f"{name}.{extra} is not a parameter" for extra in entries.keys() - hints.keys()]
    faults += [f"{name}.{missing} is missing" for missing in hints.keys() - entries.keys()]
    values: dict[str, Any] = {}
    for key in hints.keys() & entries.keys():
        entry = entries[key]
        if not isinstance(entry, dict) or "value" not in entry:
            faults.append(f'{name}.{key} must read {{ value = ..., source = "..." }}')
            continue
        if not any(str(entry.get(origin, "")).strip() for origin in ("source", "assumption")):
            faults.append(f"{name}.{key} says neither its source nor that it is an assumption")
        try:
            values[key] = _typed(entry["value"], hint=hints[key])
        except TypeError as wrong:
            faults.append(f"{name}.{key} {wrong}")
    return values, faults


def _typed(value: object, *, hint: object) -> float | int | Numbers:
    if hint is int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise TypeError(f"must be a whole number, not {value!r}")
        return value
    if hint is float:
        return _number(value)
    if not isinstance(value, list):
        raise TypeError(f"must be a list of numbers, not {value!r}")
    return tuple(_number(item) for item in value)


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"must be a number, not {value!r}")
    return float(value)
