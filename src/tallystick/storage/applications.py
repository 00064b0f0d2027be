"""Applications, what was stated with them, and what became of them: every statement."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any, Final

import msgspec
from msgspec import Struct
from psycopg import Connection


class ApplicationState(StrEnum):
    """Where an application stands. It is `offered` still when the offer's last day is over."""

    IN_REVIEW = "in_review"
    OFFERED = "offered"
    DECLINED = "declined"
    ACCEPTED = "accepted"
    TURNED_DOWN = "turned_down"


class Stated(Struct, frozen=True, kw_only=True):
    """What an application states, and what of it was verified by whoever took it. None is what nobody told."""

    income_month_minor: int | None = None
    income_is_proven: bool = False
    born_on: date | None = None
    employment: str | None = None
    employed_since: date | None = None
    is_student: bool | None = None
    identity_is_verified: bool = False
    face_is_matched: bool = False
    phone_is_verified: bool = False
    bank_account_is_verified: bool = False
    documents_are_complete: bool = False
    bureau_consent_is_given: bool = False


class StoredApplication(Struct, frozen=True, kw_only=True):
    """An application as it stands; `application_id` is its decision's id as well.

    `limit_minor`, `grade` and `price_code` are what the tables gave, whatever was decided. `told_reasons` stand in
    place of `reasons` where a person declined. `is_repeat`: another one of the person was open. `human_review_id` is
    the review that the borrower asked for; one that the strategy wanted has the application's own id.
    """

    application_id: int
    borrower_id: int
    strategy_id: str
    decided_outcome: str
    reasons: tuple[str, ...]
    refused_because: str | None
    product_id: str
    grade: str
    limit_minor: int
    price_code: str
    device_id: int | None
    phone_id: int | None
    address_id: int | None
    bureau_report_id: int | None
    stated: Stated | None
    is_repeat: bool
    applied_by: str
    applied_on: date
    applied_at: datetime
    state: ApplicationState
    state_since: date
    told_reasons: tuple[str, ...] | None = None
    human_review_id: int | None = None


class PersonApplications(Struct, frozen=True):
    """A person's other applications: how many are open, and the last day on which one was declined."""

    open_count: int
    declined_on: date | None


_NAMES: Final = StoredApplication.__struct_fields__
_JSON: Final = frozenset({"reasons", "stated", "told_reasons"})
_SELECTED: Final = ", ".join(_NAMES)


def add_application(connection: Connection, application: StoredApplication) -> None:
    """Keep an application with what was decided on it."""
    values = [_plain(name, getattr(application, name)) for name in _NAMES]
    connection.execute(
        f"INSERT INTO applications ({_SELECTED}) VALUES ({', '.join(['%s'] * len(_NAMES))})".encode(), values
    )


def _plain(name: str, value: Any) -> Any:
    return msgspec.json.encode(value).decode() if name in _JSON and value is not None else value


def read_application(connection: Connection, application_id: int, *, lock: bool = False) -> StoredApplication | None:
    """One application; with `lock`, kept from others until the transaction ends."""
    row = connection.execute(
        f"SELECT {_SELECTED} FROM applications WHERE application_id = %s {'FOR UPDATE' if lock else ''}".encode(),
        [application_id],
    ).fetchone()
    return None if row is None else _application(row)


def applications_before(
    connection: Connection,
    before_id: int | None,
    *,
    most: int,
    borrower_id: int | None = None,
    state: ApplicationState | None = None,
) -> list[StoredApplication]:
    """Applications, the newest first: of one person or in one state where asked."""
    asked = {"borrower_id": borrower_id, "state": state}
    given = {name: value for name, value in asked.items() if value is not None}
    conditions = " AND ".join(["(%s::bigint IS NULL OR application_id < %s)", *(f"{name} = %s" for name in given)])
    rows = connection.execute(
        f"SELECT {_SELECTED} FROM applications WHERE {conditions} ORDER BY application_id DESC LIMIT %s".encode(),
        [before_id, before_id, *given.values(), most],
    )
    return [_application(row) for row in rows]


def person_applications(connection: Connection, borrower_id: int, *, on: date) -> PersonApplications:
    """A person's applications as they stand on a day; the decline of a repeated one does not count."""
    row = connection.execute(
        """
        SELECT count(*) FILTER (WHERE state = 'in_review' OR state = 'offered' AND EXISTS (
                   SELECT FROM credit_offers AS offer
                   WHERE offer.application_id = applications.application_id AND answer IS NULL AND valid_until >= %s
               )),
               max(state_since) FILTER (WHERE state = 'declined' AND NOT is_repeat)
        FROM applications WHERE borrower_id = %s
        """,
        [on, borrower_id],
    ).fetchone()
    assert row is not None
    return PersonApplications(*row)


def move_application(
    connection: Connection,
    application_id: int,
    state: ApplicationState,
    *,
    since: date,
    told_reasons: tuple[str, ...] | None = None,
) -> None:
    """Let an application stand elsewhere. The database refuses a step that there is not."""
    connection.execute(
        "UPDATE applications SET state = %s, state_since = %s, told_reasons = %s WHERE application_id = %s",
        [state, since, _plain("told_reasons", told_reasons), application_id],
    )


def note_human_review(connection: Connection, application_id: int, human_review_id: int) -> None:
    """Keep which review the borrower asked for; the database refuses a second one."""
    connection.execute(
        "UPDATE applications SET human_review_id = %s WHERE application_id = %s", [human_review_id, application_id]
    )


def application_of_review(connection: Connection, review_id: int) -> int | None:
    """The application that a review is about."""
    row = connection.execute(
        "SELECT application_id FROM applications WHERE application_id = %s OR human_review_id = %s",
        [review_id, review_id],
    ).fetchone()
    return None if row is None else int(row[0])


def forget_stated(connection: Connection, borrower_id: int) -> None:
    """Drop what a person stated in all applications; what was decided stays."""
    connection.execute(
        "UPDATE applications SET stated = NULL WHERE borrower_id = %s AND stated IS NOT NULL", [borrower_id]
    )


def is_report_of(connection: Connection, bureau_report_id: int, *, borrower_id: int) -> bool:
    """Whether a bureau's report is known, and about that person."""
    row = connection.execute(
        "SELECT FROM stream_bureau_report WHERE event_id = %s AND borrower_id = %s", [bureau_report_id, borrower_id]
    ).fetchone()
    return row is not None


def _application(row: tuple[Any, ...]) -> StoredApplication:
    return msgspec.convert(dict(zip(_NAMES, row, strict=True)), StoredApplication)
