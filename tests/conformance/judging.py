"""What both commands do with a file: read it, judge every case, print one object, and end with a status."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final

Case = Mapping[str, Any]
Outcome = dict[str, Any]

DIFFERS: Final = 1
UNREAD: Final = 2

# What a case that is not of the stated form can raise; the other cases are judged all the same.
UNREADABLE: Final = (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError)


def run_command(file: Path, *, key: str, difference: Callable[[Case], dict[str, Any] | None], as_json: bool) -> int:
    """Judge the cases of a file and print the outcome; the status is 1 where one differs, 2 where none can be read."""
    try:
        cases = cases_of(file, key=key)
    except (OSError, ValueError) as fault:
        problem = f"{file}: {fault.strerror}" if isinstance(fault, OSError) else str(fault)
        found = {"id": None, "key": "", "problem": problem}
        _write({"passed": 0, "failed": 1, "differences": [found]}, as_json=as_json)
        return UNREAD
    outcome = judged(cases, difference=difference)
    _write(outcome, as_json=as_json)
    return DIFFERS if outcome["failed"] else 0


def cases_of(file: Path, *, key: str) -> Sequence[Case]:
    """The cases of a file. Raises `ValueError` where it does not hold a list of objects under the key, or an empty one.

    Where there is no case, nothing is proven, which must not look as if all were well.
    """
    try:
        read = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as fault:
        raise ValueError(f"{file}: not JSON in UTF-8: {fault}") from fault
    cases = read.get(key) if isinstance(read, dict) else None
    if not isinstance(cases, list) or not cases or not all(isinstance(case, dict) for case in cases):
        raise ValueError(f'{file}: not of the form {{"{key}": [{{...}}, ...]}} with at least one')
    return cases


def judged(cases: Sequence[Case], *, difference: Callable[[Case], dict[str, Any] | None]) -> Outcome:
    """Count the cases that differ nowhere, and tell the first difference of each other one."""
    differences = [found for case in cases if (found := difference(case)) is not None]
    return {"passed": len(cases) - len(differences), "failed": len(differences), "differences": differences}


def problem_of(fault: BaseException) -> str:
    """Why a case cannot be judged, in a line."""
    if isinstance(fault, KeyError):
        return f"{fault.args[0]!r} is missing"
    if isinstance(fault, ZeroDivisionError):
        return "a number divides by zero"
    return str(fault) if isinstance(fault, ValueError) and str(fault) else f"{type(fault).__name__}: {fault}"


def number_of(written: object, *, field: str) -> Decimal:
    """A number as it is written.

    >>> number_of("12,5", field="amount")
    Traceback (most recent call last):
    ...
    ValueError: amount: '12,5' is not a number; write it like 12.50
    """
    try:
        number = Decimal(str(written))
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise ValueError(f"{field}: {written!r} is not a number; write it like 12.50")
    return number


def _write(outcome: Outcome, *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps(outcome, ensure_ascii=False) + "\n")
        return
    lines = [f"{outcome['passed']} passed, {outcome['failed']} failed"]
    lines += [json.dumps(found, ensure_ascii=False) for found in outcome["differences"]]
    sys.stdout.write("\n".join(lines) + "\n")
