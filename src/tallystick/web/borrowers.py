"""Borrowers: by the lender's own reference, with what names them kept apart."""

from datetime import date, datetime
from typing import Annotated

import msgspec
from litestar import Response, Router, delete, get, post, put
from litestar.params import JSONBody, QueryParameter
from msgspec import Struct
from psycopg import Connection

from tallystick.operations.lending import add_borrower, block_borrower
from tallystick.operations.lines import Act
from tallystick.operations.personal_data import erase_person, read_personal_data, write_personal_data
from tallystick.operations.positions import joint_cap_minor
from tallystick.servicing.refusals import Refusal, RefusalReason
from tallystick.storage import borrowers, line_reading, trust
from tallystick.storage.borrowers import Borrower
from tallystick.terms.caps import NoLegalCap
from tallystick.trust.personal_data import PersonalData
from tallystick.trust.refusals import TrustRefusal
from tallystick.trust.scopes import Scope
from tallystick.units.ids import IdPrefix, encode_id
from tallystick.web.answering import read, write
from tallystick.web.edge import Asked, edge_of
from tallystick.web.parameters import (
    AfterBorrower,
    AfterRead,
    BorrowerPath,
    Code,
    Currency,
    IdempotencyKey,
    Jurisdiction,
    LimitMinor,
    Metadata,
    Page,
    PageLimit,
    Text,
    must_have,
    needs,
    page,
    path_id,
    place_id,
)
from tallystick.web.problems import Problem, problems, request_id_of


class BorrowerBody(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A borrower to add. `reference` is your own id of the person; never put a name there.

    `joint_cap_minor` is your own cap over all lines of the person; the law's holds beside it.
    """

    reference: Code
    jurisdiction: Jurisdiction
    currency: Currency
    metadata: Metadata = {}
    personal_data: PersonalData | None = None
    joint_cap_minor: LimitMinor | None = None


class ReasonBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Why."""

    reason: Text


class BorrowerView(Struct, frozen=True):
    """A borrower as the books know one. `joint_cap_minor` bounds all lines together: the law's cap today, or yours."""

    id: str
    reference: str
    jurisdiction: str
    currency: str
    joint_cap_minor: int | None
    blocked_because: str | None
    metadata: dict[str, str]
    opened_at: datetime


class Done(Struct, frozen=True):
    """What was asked for holds now."""

    id: str


class PersonView(Struct, frozen=True):
    """What names a borrower. That it was read is kept."""

    borrower_id: str
    personal_data: PersonalData


def borrower_view(borrower: Borrower, *, on: date) -> BorrowerView:
    """A borrower as one is told on a day."""
    return BorrowerView(
        id=encode_id(IdPrefix.BORROWER, borrower.borrower_id),
        reference=borrower.reference,
        jurisdiction=borrower.jurisdiction,
        currency=borrower.currency,
        joint_cap_minor=joint_cap_minor(borrower, on=on),
        blocked_because=borrower.blocked_because,
        metadata=dict(borrower.metadata),
        opened_at=borrower.opened_at,
    )


def _borrower(connection: Connection, borrower_id: int, *, on: date) -> BorrowerView | Refusal:
    borrower = borrowers.read_borrower(connection, borrower_id)
    if borrower is None:
        return Refusal(RefusalReason.BORROWER_UNKNOWN, field="borrower_id")
    return borrower_view(borrower, on=on)


@post(
    "/borrowers",
    operation_id="add_borrower",
    tags=["borrowers"],
    guards=[needs(Scope.BORROWERS_WRITE)],
    responses=problems(404, 409, 422),
    sync_to_thread=True,
)
def add(request: Asked, data: JSONBody[BorrowerBody], idempotency_key: IdempotencyKey) -> Response[BorrowerView]:
    """Add a borrower, with personal data or without."""
    if data.personal_data is not None:
        must_have(request, Scope.PERSONAL_DATA_WRITE)

    def run(connection: Connection, act: Act) -> BorrowerView | Refusal | TrustRefusal:
        try:
            borrower = add_borrower(
                connection,
                reference=data.reference,
                jurisdiction=data.jurisdiction,
                currency=data.currency,
                metadata=data.metadata,
                joint_cap_minor=data.joint_cap_minor,
                act=act,
            )
        except NoLegalCap as fault:
            raise Problem("jurisdiction_unknown", status=422, detail=str(fault), param="jurisdiction") from fault
        if isinstance(borrower, Refusal):
            return borrower
        if data.personal_data is not None:
            refused = write_personal_data(
                connection,
                borrower.borrower_id,
                data.personal_data,
                master_key=edge_of(request).master_key,
                act=act,
            )
            if refused is not None:
                return refused
        return borrower_view(borrower, on=act.today)

    return write(request, data, run, idempotency_key=idempotency_key)


@get(
    "/borrowers",
    operation_id="list_borrowers",
    tags=["borrowers"],
    guards=[needs(Scope.BORROWERS_READ)],
    responses=problems(),
    sync_to_thread=True,
)
def list_all(
    request: Asked,
    reference: Annotated[str | None, QueryParameter(max_length=60, pattern=r"^[A-Za-z0-9_.:-]+$")] = None,
    limit: PageLimit = 20,
    after: AfterBorrower = None,
) -> Response[Page[BorrowerView]]:
    """Borrowers, the newest first, or the one of your own reference."""
    before_id = place_id(IdPrefix.BORROWER, after)

    def run(connection: Connection, act: Act) -> Page[BorrowerView]:
        if reference is not None:
            found = borrowers.borrower_of_reference(connection, reference)
            return Page([] if found is None else [borrower_view(found, on=act.today)], None)
        ids = line_reading.newest_borrowers(connection, before_id=before_id, most=limit + 1)
        rows = [row for row in (borrowers.read_borrower(connection, one) for one in ids) if row is not None]
        return page(
            rows,
            limit=limit,
            view=lambda row: borrower_view(row, on=act.today),
            place=lambda row: encode_id(IdPrefix.BORROWER, row.borrower_id),
        )

    return read(request, run)


@get(
    "/borrowers/{borrower_id:str}",
    operation_id="get_borrower",
    tags=["borrowers"],
    guards=[needs(Scope.BORROWERS_READ)],
    responses=problems(404),
    sync_to_thread=True,
)
def get_one(request: Asked, borrower_id: BorrowerPath) -> Response[BorrowerView]:
    """One borrower."""
    number = path_id(IdPrefix.BORROWER, borrower_id)
    return read(request, lambda connection, act: _borrower(connection, number, on=act.today))


@post(
    "/borrowers/{borrower_id:str}/block",
    operation_id="block_borrower",
    tags=["borrowers"],
    guards=[needs(Scope.BORROWERS_WRITE)],
    responses=problems(404, 409, 422),
    sync_to_thread=True,
)
def block(
    request: Asked, borrower_id: BorrowerPath, data: JSONBody[ReasonBody], idempotency_key: IdempotencyKey
) -> Response[BorrowerView]:
    """Put a person on the blocked list: none of their lines lends more until it is undone."""
    return _set_block(request, borrower_id, data, idempotency_key=idempotency_key, blocked_because=data.reason)


@post(
    "/borrowers/{borrower_id:str}/unblock",
    operation_id="unblock_borrower",
    tags=["borrowers"],
    guards=[needs(Scope.BORROWERS_WRITE)],
    responses=problems(404, 409, 422),
    sync_to_thread=True,
)
def unblock(
    request: Asked, borrower_id: BorrowerPath, data: JSONBody[ReasonBody], idempotency_key: IdempotencyKey
) -> Response[BorrowerView]:
    """Take a person off the blocked list."""
    return _set_block(request, borrower_id, data, idempotency_key=idempotency_key, blocked_because=None)


def _set_block(
    request: Asked, borrower_id: str, data: ReasonBody, *, idempotency_key: str, blocked_because: str | None
) -> Response[BorrowerView]:
    number = path_id(IdPrefix.BORROWER, borrower_id)

    def run(connection: Connection, act: Act) -> BorrowerView | Refusal:
        blocked = block_borrower(connection, number, blocked_because=blocked_because, reason=data.reason, act=act)
        return blocked if isinstance(blocked, Refusal) else borrower_view(blocked, on=act.today)

    return write(request, data, run, idempotency_key=idempotency_key)


@put(
    "/borrowers/{borrower_id:str}/personal-data",
    operation_id="write_personal_data",
    tags=["personal data"],
    guards=[needs(Scope.PERSONAL_DATA_WRITE)],
    responses=problems(404, 409, 422),
    sync_to_thread=True,
)
def write_person(
    request: Asked, borrower_id: BorrowerPath, data: JSONBody[PersonalData], idempotency_key: IdempotencyKey
) -> Response[Done]:
    """Keep what names a borrower, in place of what was kept before; sealed under a key of that person."""
    number = path_id(IdPrefix.BORROWER, borrower_id)
    master_key = edge_of(request).master_key

    def run(connection: Connection, act: Act) -> Done | TrustRefusal:
        return write_personal_data(connection, number, data, master_key=master_key, act=act) or Done(borrower_id)

    return write(request, data, run, idempotency_key=idempotency_key, status=200)


@get(
    "/borrowers/{borrower_id:str}/personal-data",
    operation_id="read_personal_data",
    tags=["personal data"],
    guards=[needs(Scope.PERSONAL_DATA_READ)],
    responses=problems(404, 409),
    sync_to_thread=True,
)
def read_person(request: Asked, borrower_id: BorrowerPath) -> Response[PersonView]:
    """What names a borrower. Who looked, when and by which request is kept for good."""
    number = path_id(IdPrefix.BORROWER, borrower_id)
    master_key, request_id = edge_of(request).master_key, request_id_of(request)

    def run(connection: Connection, act: Act) -> PersonView | TrustRefusal:
        person = read_personal_data(connection, number, master_key=master_key, request_id=request_id, act=act)
        return person if isinstance(person, TrustRefusal) else PersonView(borrower_id, person)

    return read(request, run)


@delete(
    "/borrowers/{borrower_id:str}/personal-data",
    operation_id="erase_personal_data",
    tags=["personal data"],
    guards=[needs(Scope.PERSONAL_DATA_WRITE)],
    status_code=200,
    responses=problems(404, 409),
    sync_to_thread=True,
)
def erase(request: Asked, borrower_id: BorrowerPath, idempotency_key: IdempotencyKey) -> Response[Done]:
    """Erase a person: the key is deleted, and with it everything sealed. Lines and books stay whole."""
    number = path_id(IdPrefix.BORROWER, borrower_id)

    def run(connection: Connection, act: Act) -> Done | TrustRefusal:
        return erase_person(connection, number, act=act) or Done(borrower_id)

    return write(request, None, run, idempotency_key=idempotency_key, status=200)


class PersonRead(Struct, frozen=True):
    """Somebody looked at a borrower's personal data."""

    actor: str
    request_id: str
    read_at: datetime


@get(
    "/borrowers/{borrower_id:str}/personal-data/reads",
    operation_id="list_personal_data_reads",
    tags=["personal data"],
    guards=[needs(Scope.PERSONAL_DATA_READ)],
    responses=problems(404),
    sync_to_thread=True,
)
def list_reads(
    request: Asked, borrower_id: BorrowerPath, limit: PageLimit = 20, after: AfterRead = None
) -> Response[Page[PersonRead]]:
    """Who looked at a borrower's personal data, the latest first."""
    number, before_id = path_id(IdPrefix.BORROWER, borrower_id), None if after is None else int(after)

    def run(connection: Connection, _: Act) -> Page[PersonRead] | Refusal:
        if borrowers.read_borrower(connection, number) is None:
            return Refusal(RefusalReason.BORROWER_UNKNOWN, field="borrower_id")
        rows = trust.personal_data_reads(connection, number, before_id=before_id, most=limit + 1)
        return page(
            rows,
            limit=limit,
            view=lambda row: msgspec.convert(row, PersonRead, from_attributes=True),
            place=lambda row: str(row.read_id),
        )

    return read(request, run)


router = Router(
    "/",
    route_handlers=[add, list_all, get_one, block, unblock, write_person, read_person, erase, list_reads],
)
