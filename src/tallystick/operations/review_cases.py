"""Lines as `review_limit` decides them: what books, streams and models say of each, and the record of it."""

from collections.abc import Iterable, Sequence
from datetime import date, tzinfo
from typing import Final

from msgspec import Struct
from psycopg import Connection

from tallystick.operations.deciding import Deciding
from tallystick.operations.decision_record import (
    Request,
    batch_of,
    decide,
    decide_in_time,
    decision_of,
    request_columns,
)
from tallystick.operations.lines import Act
from tallystick.servicing.owed import days_since_missed
from tallystick.storage import decisions
from tallystick.storage.decisions import Batch, StoredDecision
from tallystick.storage.review_cases import LinesRead, lines_of_persons
from tallystick.strategy.case_record import CaseRecord, Figures, encode_record
from tallystick.strategy.recorded_reviews import OFFERED_MINOR
from tallystick.units.periods import full_months

NIGHTLY: Final = "nightly"
BORROWER_REQUEST: Final = "borrower_request"
KEPT: Final = "keep"
NO_ACTION: Final = "none"


class ReviewAsked(Struct, frozen=True, kw_only=True):
    """Why lines are looked at, and for which limit where a borrower asks."""

    trigger: str
    requested_minor: int | None = None


class Decided(Struct, frozen=True):
    """Lines that were decided together, with their record; nothing is written but that."""

    batch: Batch
    record: CaseRecord
    decisions: tuple[StoredDecision, ...]


def decide_lines(
    connection: Connection,
    borrower_ids: Sequence[int],
    asked: ReviewAsked,
    *,
    deciding: Deciding,
    currency: str,
    act: Act,
    zone: tzinfo,
    only_line_id: int | None = None,
) -> Decided | None:
    """Decide the open lines of these persons, or one of them, and write the record; None where there is none.

    By night a line that stays as it is has no row of its own in `decisions`: the batch's trace holds its case.
    """
    read = lines_of_persons(connection, borrower_ids, currency=currency, day=act.today)
    places = reviewed_places(read, only_line_id=only_line_id)
    if not places:
        return None
    figures = line_figures(read, asked, day=act.today)
    figures = {name: [values[place] for place in places] for name, values in figures.items()}
    keys = {name: [read.columns[name][place] for place in places] for name in ("line_id", "borrower_id")}
    requests = review_requests(keys, figures, act=act, zone=zone)
    # By night nobody waits for a line, and one that cannot be read is looked at the next night.
    decided = (decide if asked.trigger == NIGHTLY else decide_in_time)(
        connection,
        deciding,
        strategy_ids=deciding.strategies_of(keys["borrower_id"]),
        requests=requests,
        figures=figures,
    )
    record, batch = decided.record, batch_of(decided, deciding, act=act)
    made = tuple(
        _decision(record, place, asked, batch=batch)
        for place in range(record.cases)
        if asked.trigger != NIGHTLY or not is_left_as_it_is(record, place)
    )
    decisions.write_batch(connection, batch, made, trace=encode_record(record))
    return Decided(batch, record, made)


def is_left_as_it_is(record: CaseRecord, place: int) -> bool:
    """Whether nothing follows from a case: the limit stays, and nothing is frozen."""
    return record.outcome[place] == KEPT and record.outputs["action"][place] == NO_ACTION


def reviewed_places(read: LinesRead, *, only_line_id: int | None = None) -> list[int]:
    """The places of the lines that are looked at: all that are open, by night, or the one that is asked about."""
    columns = read.columns
    if only_line_id is not None:
        wanted = [place for place, line_id in enumerate(columns["line_id"]) if line_id == only_line_id]
        return [place for place in wanted if columns["limit_minor"][place] > 0]
    # A line of a test clock has a day of its own, which no night of the others is.
    rows = zip(columns["condition"], columns["limit_minor"], columns["test_clock_id"], strict=True)
    return [
        place
        for place, (condition, limit_minor, clock) in enumerate(rows)
        if condition == "open" and limit_minor > 0 and clock is None
    ]


def line_figures(read: LinesRead, asked: ReviewAsked, *, day: date) -> Figures:
    """The columns of a case at `review_limit`, in the order of `case_columns`, of all lines that were read."""
    told = read.columns
    count = len(told["line_id"])
    late = [
        0 if oldest is None else max(days_since_missed(oldest, day=day, pauses=pauses), 0)
        for oldest, pauses in zip(told["oldest_unpaid_due_on"], read.pauses, strict=True)
    ]
    exposure = [drawn + held for drawn, held in zip(told["drawn_minor"], told["held_minor"], strict=True)]
    offered = [each or 0 for each in told["offered_minor"]]
    counted = list(map(max, told["limit_minor"], offered))
    persons = told["borrower_id"]
    return {
        "trigger": [asked.trigger] * count,
        "limit_minor": told["limit_minor"],
        "drawn_minor": told["drawn_minor"],
        "held_minor": told["held_minor"],
        "condition": told["condition"],
        "days_past_due": late,
        "months_on_book": [full_months(since=opened_on, until=day) for opened_on in told["opened_on"]],
        "line_is_frozen": [because is not None for because in told["frozen_because"]],
        "borrower_is_blocked": [because is not None for because in told["blocked_because"]],
        "is_under_care": [bool(cares) for cares in read.cares],
        "warning": [level or "none" for level in told["warning"]],
        "joint_days_past_due": _most_beside(late, persons),
        "days_since_increase": _days_since(told["raised_on"], day=day),
        "days_since_decrease": _days_since(told["lowered_on"], day=day),
        "days_since_request_declined": _days_since(told["request_declined_on"], day=day),
        "has_open_offer": [each > 0 for each in offered],
        "requested_minor": [asked.requested_minor] * count,
        "income_month_minor": told["income_month_minor"],
        "income_is_proven": [bool(each) for each in told["income_is_proven"]],
        "joint_limit_minor": _sum_beside(counted, persons),
        "joint_exposure_minor": _sum_beside(exposure, persons),
        OFFERED_MINOR: offered,
    }


def _sum_beside(values: Sequence[int], persons: Sequence[int]) -> list[int]:
    """What the person's other lines come to together.

    >>> _sum_beside([5, 8, 2], [1, 1, 2])
    [8, 5, 0]
    """
    sums: dict[int, int] = {}
    for value, person in zip(values, persons, strict=True):
        sums[person] = sums.get(person, 0) + value
    return [sums[person] - value for value, person in zip(values, persons, strict=True)]


def _most_beside(values: Sequence[int], persons: Sequence[int]) -> list[int]:
    """The most that any other line of the person has.

    >>> _most_beside([5, 8, 8, 2], [1, 1, 1, 2])
    [8, 8, 8, 0]
    """
    best: dict[int, list[int]] = {}
    for value, person in zip(values, persons, strict=True):
        best[person] = sorted([*best.get(person, []), value])[-2:]
    told = []
    for value, person in zip(values, persons, strict=True):
        others = list(best[person])
        if value in others:
            others.remove(value)
        told.append(max(others, default=0))
    return told


def _days_since(days: Iterable[date | None], *, day: date) -> list[int | None]:
    return [None if each is None else (day - each).days for each in days]


def review_requests(keys: Figures, figures: Figures, *, act: Act, zone: tzinfo) -> Figures:
    """The reviews as the features' catalog asks."""
    asked = {"income_month_minor": figures["income_month_minor"], **keys}
    rows = [dict(zip(asked, values, strict=True)) for values in zip(*asked.values(), strict=True)]
    columns = request_columns(rows, kind="review", act=act, zone=zone)
    return columns | {"request_id": [next(act.event_ids) for _ in rows]}


def _decision(record: CaseRecord, place: int, asked: ReviewAsked, *, batch: Batch) -> StoredDecision:
    decision_id, line_id = record.request_ids[place], record.requests["line_id"][place]
    request = Request(
        decision_id=decision_id,
        request_key=f"review {decision_id}",
        request_digest=f"{asked.trigger} {line_id} {asked.requested_minor}".encode(),
        borrower_id=record.requests["borrower_id"][place],
        line_id=line_id,
        amount_minor=asked.requested_minor,
    )
    return decision_of(record, place, request, batch=batch)
