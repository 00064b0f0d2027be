"""What bad means, as data: conditions over what became known after an observation, up to the end of a window."""

from collections.abc import Iterable
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Annotated, Final

import msgspec
import sqlglot
from msgspec import Meta
from sqlglot import exp
from sqlglot.errors import SqlglotError

from tallystick.features.event_tables import DAY_TICKS, ENTITIES, EVENT_TABLES
from tallystick.terms.form import FaultNotes, FormFaults, read_toml

OWN: Final = "request"  # rows that carry the request's own id
_PERIOD_COLUMNS: Final = ("start_tick", "end_tick")


class Outcome(StrEnum):
    """What is known of an observation; only good and bad are learned from."""

    GOOD = "good"
    BAD = "bad"
    INDETERMINATE = "indeterminate"  # neither: told apart by the definition, or nobody confirmed it
    IMMATURE = "immature"  # its window is not over, whatever it shows so far


class RowsRead(StrEnum):
    """Which rows of the window a condition is asked of."""

    ANY = "any"
    STANDING = "standing"  # what stood in the window, each row until the next one of its key


class Condition(msgspec.Struct, frozen=True):
    """A condition over rows `e` of a stream that became known, or stood, in the window `p`."""

    stream: str
    of: str
    where: str
    rows: RowsRead = RowsRead.ANY


class OutcomeRule(msgspec.Struct, frozen=True):
    """One definition of bad with its performance window; see outcomes.toml."""

    name: Annotated[str, Meta(min_length=1)]
    zh: Annotated[str, Meta(min_length=1)]
    en: Annotated[str, Meta(min_length=1)]
    performance_days: Annotated[int, Meta(ge=1, le=3_660)]
    bad: Annotated[tuple[Condition, ...], Meta(min_length=1)]
    indeterminate: tuple[Condition, ...] = ()
    confirmed: tuple[Condition, ...] = ()

    @property
    def performance_ticks(self) -> int:
        """The length of the window after the observation."""
        return self.performance_days * DAY_TICKS

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """All conditions, those of bad first."""
        return (*self.bad, *self.indeterminate, *self.confirmed)

    @property
    def streams(self) -> tuple[str, ...]:
        """The streams that it reads."""
        return tuple(dict.fromkeys(condition.stream for condition in self.conditions))


class _Rules(msgspec.Struct, frozen=True):
    outcome: tuple[OutcomeRule, ...]


@cache
def load_outcome_rules() -> dict[str, OutcomeRule]:
    """The definitions that ship with Tallystick, by name."""
    text = files("tallystick.features").joinpath("outcomes.toml").read_text(encoding="utf-8")
    return {rule.name: rule for rule in read_outcome_rules(text, file="outcomes.toml")}


def read_outcome_rules(text: str, *, file: str) -> tuple[OutcomeRule, ...]:
    """Definitions from TOML, all checked. Raises `FormFaults` with everything that is wrong at once."""
    rules = read_toml(text, form=_Rules, file=file).outcome
    notes = FaultNotes(file)
    for place, rule in enumerate(rules):
        note_rule_faults(rule, key=f"outcome[{place}]", notes=notes)
        if rule.name in {other.name for other in rules[:place]}:
            notes.add(f"outcome[{place}].name", f"{rule.name} is given twice", "give each its own name")
    if notes.faults:
        raise FormFaults(notes.faults)
    return rules


def note_rule_faults(rule: OutcomeRule, *, key: str, notes: FaultNotes) -> None:
    """Note every condition that names a stream, a key or a column that there is not."""
    for kind in ("bad", "indeterminate", "confirmed"):
        for place, condition in enumerate(getattr(rule, kind)):
            for field, problem, way_out in _condition_faults(condition):
                notes.add(f"{key}.{kind}[{place}].{field}", problem, way_out)


def _condition_faults(condition: Condition) -> Iterable[tuple[str, str, str]]:
    stream = EVENT_TABLES.get(condition.stream)
    if stream is None:
        yield "stream", f"{condition.stream!r} is no stream", f"use one of {', '.join(EVENT_TABLES)}"
        return
    if condition.of != OWN and condition.of not in ENTITIES:
        yield "of", f"{condition.of!r} is no entity", f"use {OWN} or one of {', '.join(ENTITIES)}"
    elif condition.of != OWN and stream.column(ENTITIES[condition.of].key) is None:
        yield "of", f"{stream.name} has no {ENTITIES[condition.of].key}", "choose an entity that it tells of"
    try:
        tree = sqlglot.parse_one(condition.where, read="postgres")
    except SqlglotError as error:
        yield "where", f"not an SQL condition ({error})", "correct it"
        return
    known = {"e": {column.name for column in stream.columns}, "p": set(_PERIOD_COLUMNS)}
    for column in tree.find_all(exp.Column):
        if column.name not in known.get(column.table, set()):
            listed = ", ".join([*(f"e.{name}" for name in sorted(known["e"])), *(f"p.{n}" for n in _PERIOD_COLUMNS)])
            yield "where", f"{column.sql()} is no column", f"use {listed}"
