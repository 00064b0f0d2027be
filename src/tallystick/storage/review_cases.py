"""What a review of limits reads of the books: columns over all lines of some persons, in one statement."""

from collections.abc import Sequence
from datetime import date
from typing import Any, Final

import msgspec
from msgspec import Struct
from psycopg import Connection

from tallystick.servicing.line import Pause
from tallystick.storage.line_states import unpacked

# One row for each line that is not closed of the persons asked about: also those that are not reviewed, which count in
# what the person has in all. A late event tells the line's past again, so of each change the last telling counts.
_ROWS: Final = """
    SELECT lines.line_id, lines.borrower_id, lines.condition, lines.limit_minor, lines.drawn_minor, lines.held_minor,
           lines.opened_on, lines.frozen_because, lines.oldest_unpaid_due_on, lines.test_clock_id,
           borrowers.blocked_because, changed.raised_on, changed.lowered_on,
           offer.limit_minor AS offered_minor, declined.answered_on AS request_declined_on,
           income.income_month_minor, income.is_proven, warning.level, lines.state
    FROM lines JOIN borrowers ON borrowers.borrower_id = lines.borrower_id
    LEFT JOIN LATERAL (
        SELECT max(effective_on) FILTER (WHERE told_minor > before_minor) AS raised_on,
               max(effective_on) FILTER (WHERE told_minor < before_minor) AS lowered_on
        FROM (SELECT effective_on, told_minor, lag(told_minor) OVER (ORDER BY effective_on, event_id) AS before_minor
              FROM (SELECT DISTINCT ON (event_id) event_id, effective_on, line_history.limit_minor AS told_minor
                    FROM line_history
                    WHERE line_history.line_id = lines.line_id AND cause IN ('line_opened', 'limit_changed')
                    ORDER BY event_id, revision DESC, step DESC) AS last_told) AS limits
    ) AS changed ON true
    LEFT JOIN limit_offers AS offer
        ON offer.line_id = lines.line_id AND offer.answer IS NULL AND offer.valid_until >= %s
    LEFT JOIN LATERAL (
        SELECT answered_on FROM limit_answers
        WHERE limit_answers.line_id = lines.line_id AND trigger = 'borrower_request' AND outcome = 'kept'
          AND reason NOT IN ('NO_PRICES', 'CHANGED_MEANWHILE')  -- who is told to ask again was not declined
        ORDER BY decision_id DESC LIMIT 1
    ) AS declined ON true
    LEFT JOIN LATERAL (  -- what was told of it last: since there is a line, or else with an application
        SELECT income_month_minor, is_proven
        FROM (SELECT 1 AS place, income_id AS told_id, income_month_minor, is_proven FROM borrower_incomes
              WHERE borrower_incomes.borrower_id = lines.borrower_id
              UNION ALL
              SELECT 2, application_id, (stated ->> 'income_month_minor')::bigint,
                     coalesce((stated ->> 'income_is_proven')::boolean, false)
              FROM applications
              WHERE applications.borrower_id = lines.borrower_id AND stated ->> 'income_month_minor' IS NOT NULL
             ) AS told
        ORDER BY place, told_id DESC LIMIT 1
    ) AS income ON true
    LEFT JOIN LATERAL (
        SELECT level FROM line_warnings WHERE line_warnings.line_id = lines.line_id ORDER BY warning_id DESC LIMIT 1
    ) AS warning ON true
    WHERE lines.condition <> 'closed' AND lines.currency = %s AND lines.borrower_id = ANY(%s::bigint[])
    ORDER BY lines.borrower_id, lines.line_id
"""
_NAMES: Final = (
    "line_id", "borrower_id", "condition", "limit_minor", "drawn_minor", "held_minor", "opened_on", "frozen_because",
    "oldest_unpaid_due_on", "test_clock_id", "blocked_because", "raised_on", "lowered_on", "offered_minor",
    "request_declined_on", "income_month_minor", "income_is_proven", "warning",
)  # fmt: skip


class _OfState(Struct, frozen=True):
    """The little that is read of a line's folded state: all else of it is passed over."""

    cares: tuple[str, ...] = ()
    pauses: tuple[Pause, ...] = ()


_OF_STATE: Final = msgspec.msgpack.Decoder(_OfState)


class LinesRead(Struct, frozen=True):
    """Columns by name, an entry per line in each; `cares` and `pauses` are those that hold or held."""

    columns: dict[str, list[Any]]
    cares: list[tuple[str, ...]]
    pauses: list[tuple[Pause, ...]]


def persons_after(connection: Connection, borrower_id: int, *, most: int) -> list[int]:
    """Up to `most` persons who have lines, by id, after one."""
    rows = connection.execute(
        "SELECT DISTINCT borrower_id FROM lines WHERE borrower_id > %s ORDER BY borrower_id LIMIT %s",
        [borrower_id, most],
        prepare=True,
    )
    return [number for (number,) in rows]


def count_persons(connection: Connection, *, after: int) -> int:
    """How many persons have lines, after one by id."""
    row = connection.execute("SELECT count(DISTINCT borrower_id) FROM lines WHERE borrower_id > %s", [after]).fetchone()
    assert row is not None
    return int(row[0])


def lines_of_persons(connection: Connection, borrower_ids: Sequence[int], *, currency: str, day: date) -> LinesRead:
    """All lines of these persons that are not closed, in a currency, with what a review asks of them on a day."""
    rows = connection.execute(_ROWS, [day, currency, list(borrower_ids)], prepare=True).fetchall()
    told = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in (*_NAMES, "state")]
    states = [_OF_STATE.decode(unpacked(state)) for state in told.pop()]
    return LinesRead(
        dict(zip(_NAMES, told, strict=True)), [each.cares for each in states], [each.pauses for each in states]
    )
