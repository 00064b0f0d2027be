"""Outcomes of observations from streams: good, bad, neither, or not known yet; never silently good."""

from collections.abc import Mapping
from typing import Final

import pyarrow as pa

from tallystick.features.as_of_build import Rows, StreamFaults, checked_tables, table_faults
from tallystick.features.event_tables import ENTITIES, EVENT_TABLES, REQUEST_SCHEMA, identity_of
from tallystick.features.outcomes import OWN, Condition, Outcome, OutcomeRule, RowsRead

_NOBODY: Final = "CAST(NULL AS BIGINT)"


def build_outcomes(
    requests: Rows, streams: Mapping[str, Rows], *, rule: OutcomeRule, known_until_tick: int
) -> pa.Table:
    """`request_id`, `outcome` and `known_at_tick`, one row per request in order of their ids.

    A window (tick, tick + performance] must have ended by `known_until_tick`, or its observation is immature. What a
    confirmation tells is known with it, all else at the end of the window. A request without the key of an entity
    that the definition reads is indeterminate. Raises `StreamFaults` for tables that do not
    fit, and where an outcome is told no later than its own request: then it would be among the features.
    """
    faults = [f"{name}: missing; the outcome {rule.name} reads it" for name in rule.streams if name not in streams]
    tables: dict[str, tuple[Rows, pa.Schema]] = {"request": (requests, REQUEST_SCHEMA)}
    tables |= {name: (streams[name], EVENT_TABLES[name].schema()) for name in rule.streams if name in streams}
    faults += table_faults(tables)
    if faults:
        raise StreamFaults(faults)
    with checked_tables(tables) as engine:
        faults = [
            f"{name}: {count:,} outcomes are told at or before their own request; give each the tick of its telling"
            for name in dict.fromkeys(one.stream for one in rule.conditions if one.of == OWN)
            for [(count,)] in [engine.sql(_EARLY.format(stream=name)).fetchall()]
            if count
        ]
        if faults:
            raise StreamFaults(faults)
        return engine.sql(outcome_sql(rule, known_until_tick=known_until_tick)).to_arrow_table()


_EARLY: Final = (
    "SELECT COUNT(*) FROM request AS r JOIN {stream} AS e ON e.event_id = r.request_id WHERE e.tick <= r.tick"
)


def outcome_sql(rule: OutcomeRule, *, known_until_tick: int) -> str:
    """The query that tells the outcome of every request."""
    parts = [f"p AS (SELECT *, tick AS start_tick, tick + {rule.performance_ticks} AS end_tick FROM request)"]
    held: dict[str, list[str]] = {}
    for kind in ("bad", "indeterminate", "confirmed"):
        for place, condition in enumerate(getattr(rule, kind)):
            name = f"{kind}_{place}"
            parts.append(f"{name} AS ({_held_sql(condition)})")
            held.setdefault(kind, []).append(name)
    joins = "".join(f" LEFT JOIN {name} USING (request_id)" for names in held.values() for name in names)
    bad, unclear, confirmed = (_first_tick(held.get(kind, [])) for kind in ("bad", "indeterminate", "confirmed"))
    known_at = f"COALESCE({bad}, {confirmed}, end_tick)" if rule.confirmed else "end_tick"
    silent = f"WHEN {confirmed} IS NULL THEN '{Outcome.INDETERMINATE}' " if rule.confirmed else ""
    for entity in dict.fromkeys(condition.of for condition in rule.conditions if condition.of != OWN):
        silent += f"WHEN p.{ENTITIES[entity].key} IS NULL THEN '{Outcome.INDETERMINATE}' "
    return (
        f"WITH {', '.join(parts)} SELECT request_id, "
        f"CASE WHEN {known_at} > {known_until_tick} THEN '{Outcome.IMMATURE}' "
        f"WHEN {bad} IS NOT NULL THEN '{Outcome.BAD}' "
        f"WHEN {unclear} IS NOT NULL THEN '{Outcome.INDETERMINATE}' "
        f"{silent}ELSE '{Outcome.GOOD}' END AS outcome, {known_at} AS known_at_tick FROM p{joins} ORDER BY request_id"
    )


def _first_tick(names: list[str]) -> str:
    return f"LEAST({', '.join(f'{name}.tick' for name in names)})" if names else _NOBODY


def _held_sql(condition: Condition) -> str:
    """The requests for which a condition holds, and since when it does: what stood is known at the window's end."""
    key = "e.event_id = p.request_id" if condition.of == OWN else _same_key(condition.of)
    if condition.rows is RowsRead.ANY:
        return (
            f"SELECT p.request_id, MIN(e.tick) AS tick FROM p JOIN {condition.stream} AS e ON {key} "
            f"AND e.tick > p.start_tick AND e.tick <= p.end_tick WHERE {condition.where} GROUP BY p.request_id"
        )
    next_tick = "LEAD(e.tick) OVER (PARTITION BY p.request_id ORDER BY e.tick, e.event_id)"
    identity = identity_of(condition.stream)
    told = ", ".join(f"e.{name} AS told_{name}" for name in identity)
    is_told = " AND ".join(f"e.{name} = p.told_{name}" for name in identity)
    stood = (
        f"SELECT p.request_id, p.start_tick, LEAST(COALESCE({next_tick}, p.end_tick), p.end_tick) AS end_tick, "
        f"p.end_tick AS window_end, {told} FROM p JOIN {condition.stream} AS e ON {key} AND e.tick <= p.end_tick"
    )
    return (
        f"SELECT p.request_id, MIN(p.window_end) AS tick FROM ({stood}) AS p JOIN {condition.stream} AS e "
        f"ON {is_told} WHERE p.end_tick > GREATEST(p.start_tick, e.tick) "
        f"AND ({condition.where}) GROUP BY p.request_id"
    )


def _same_key(entity: str) -> str:
    key = ENTITIES[entity].key
    return f"e.{key} = p.{key}"
