"""What each kind of aggregate means, in plain loops over rows: slow, and written from the meaning alone."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tallystick.features.as_of_catalog import Aggregate, Kind
from tallystick.features.event_tables import ENTITIES, REQUEST_KINDS

Row = Mapping[str, Any]


def _all_known(*values: Any) -> bool:
    return all(value is not None for value in values)


# Each text of the catalog that says which rows count and what they add, once more as Python. Unknown is not true.
CONDITIONS: Mapping[str | None, Callable[[Row], bool]] = {
    None: lambda row: True,
    "e.is_declined": lambda row: row["is_declined"] is True,
    "e.is_fraud": lambda row: row["is_fraud"] is True,
    "NOT e.is_fraud": lambda row: row["is_fraud"] is False,
    "e.is_cash": lambda row: row["is_cash"] is True,
    "e.is_limit_change": lambda row: row["is_limit_change"] is True,
    "e.latitude_udeg IS NOT NULL AND e.longitude_udeg IS NOT NULL": lambda row: _all_known(
        row["latitude_udeg"], row["longitude_udeg"]
    ),
    "e.total_limit_minor IS NOT NULL": lambda row: row["total_limit_minor"] is not None,
    "e.total_drawn_minor IS NOT NULL": lambda row: row["total_drawn_minor"] is not None,
    "e.amount_minor IS NOT NULL": lambda row: row["amount_minor"] is not None,
    "e.is_cash IS NOT NULL": lambda row: row["is_cash"] is not None,
    "e.closing_minor > 0 AND e.paid_minor IS NOT NULL": lambda row: (
        _all_known(row["closing_minor"], row["paid_minor"]) and row["closing_minor"] > 0
    ),
    "e.closing_minor > 0 AND e.paid_minor IS NOT NULL AND e.minimum_due_minor IS NOT NULL": lambda row: (
        _all_known(row["closing_minor"], row["paid_minor"], row["minimum_due_minor"]) and row["closing_minor"] > 0
    ),
    "e.paid_minor < e.closing_minor AND e.paid_minor >= e.minimum_due_minor": lambda row: (
        _all_known(row["paid_minor"], row["closing_minor"], row["minimum_due_minor"])
        and row["minimum_due_minor"] <= row["paid_minor"] < row["closing_minor"]
    ),
    "e.closing_minor > 0 AND e.paid_minor < e.minimum_due_minor": lambda row: (
        _all_known(row["closing_minor"], row["paid_minor"], row["minimum_due_minor"])
        and row["closing_minor"] > 0
        and row["paid_minor"] < row["minimum_due_minor"]
    ),
}
VALUES: Mapping[str, Callable[[Row], Any]] = {
    "LEAST(e.amount_minor, 10000000)": lambda row: min(row["amount_minor"], 10_000_000),
    "LEAST(e.amount_minor, 10000000) * LEAST(e.amount_minor, 10000000)": lambda row: (
        min(row["amount_minor"], 10_000_000) ** 2
    ),
    "COALESCE(e.oldest_unpaid_due_day, -1)": lambda row: (
        -1 if row["oldest_unpaid_due_day"] is None else row["oldest_unpaid_due_day"]
    ),
    "LEAST(e.paid_minor, e.closing_minor)": lambda row: min(row["paid_minor"], row["closing_minor"]),
}


def by_definition(aggregate: Aggregate, request: Row, rows: Sequence[Row]) -> Any:
    """The aggregate for one request over the `visible` rows of its source.

    Null where a key is not known, else summed up over the rows of its window.
    """
    keys = (ENTITIES[aggregate.entity].key, *aggregate.within)
    if any(request[key] is None for key in keys):
        return None
    until = request["tick"] - aggregate.ago_ticks
    since = until - aggregate.window_ticks
    seen = [
        row
        for row in rows
        if since < row["tick"]
        and row["tick"] < request["tick"]
        and row["tick"] <= until
        and all(row[key] == request[key] for key in keys)
    ]
    return _summed_up(aggregate, sorted(seen, key=lambda row: (row["tick"], row["event_id"])))


def visible(source: str, rows: Sequence[Row], requests: Sequence[Row]) -> list[Row]:
    """The rows of a source, the requests of a batch that are of its kind among them."""
    if source not in REQUEST_KINDS:
        return list(rows)
    asked = {request["request_id"] for request in requests}
    others = [
        {**request, "event_id": request["request_id"], "is_declined": None}
        for request in requests
        if request["kind"] == source
    ]
    return [row for row in rows if row["event_id"] not in asked] + others


def _summed_up(aggregate: Aggregate, seen: Sequence[Row]) -> Any:
    holds = CONDITIONS[aggregate.where]
    values = [(row, _value(aggregate, row)) for row in seen if holds(row)]
    known = [value for _, value in values if value is not None]
    match aggregate.kind:
        case Kind.COUNT:
            return len(known) if aggregate.value else len(values)
        case Kind.SUM:
            return sum(known) if known else None
        case Kind.MAXIMUM:
            return max(known, default=None)
        case Kind.MINIMUM:
            return min(known, default=None)
        case Kind.DISTINCT:
            return len(set(known))
        case Kind.LAST_TICK:
            return max((row["tick"] for row, _ in values), default=None)
        case Kind.FIRST_TICK:
            return min((row["tick"] for row, _ in values), default=None)
        case Kind.LAST:
            latest = max((row["tick"] for row, value in values if value is not None), default=None)
            return max((value for row, value in values if value is not None and row["tick"] == latest), default=None)
        case Kind.STREAK:
            length = 0
            for row in reversed(seen):
                if not holds(row):
                    break
                length += 1
            return length


def _value(aggregate: Aggregate, row: Row) -> Any:
    if aggregate.value is None:
        return None
    if aggregate.value in VALUES:
        return VALUES[aggregate.value](row)
    return row[aggregate.value.removeprefix("e.")]
