"""Applications for a line: decided, explained, offered, accepted, and looked at by persons."""

from datetime import date
from typing import Annotated, Final

import msgspec
from litestar import Response, Router, get, post
from litestar.params import JSONBody, QueryParameter
from msgspec import Struct
from psycopg import Connection, OperationalError

from tallystick.operations.application_answers import accept_offer, turn_down_offer
from tallystick.operations.applications import Application, apply, ask_human_review
from tallystick.operations.deciding import NoRelease
from tallystick.operations.decision_record import Reused
from tallystick.operations.lines import Act
from tallystick.servicing.refusals import Refusal
from tallystick.storage import applications
from tallystick.storage.applications import ApplicationState, Stated
from tallystick.strategy.case_columns import CheckpointName
from tallystick.terms.contract import NotSold
from tallystick.terms.offering import OfferFault
from tallystick.trust.personal_data import Contact, body_fingerprint, contact_number
from tallystick.trust.scopes import Scope
from tallystick.units.ids import IdPrefix
from tallystick.web.answering import read, write
from tallystick.web.application_views import (
    ApplicationView,
    changed_application,
    listed_applications,
    told_application,
)
from tallystick.web.edge import Asked, body_bytes, caller_of, edge_of
from tallystick.web.happening import Happened, happened
from tallystick.web.parameters import (
    AcceptedHash,
    AfterApplication,
    ApplicationPath,
    BorrowerId,
    BureauReportId,
    Code,
    IdempotencyKey,
    OfBorrower,
    Page,
    PageLimit,
    Text,
    ToldMinor,
    body_id,
    needs,
    page,
    path_id,
    place_id,
)
from tallystick.web.problems import Overloaded, Problem, no_strategy, problems
from tallystick.web.quotes import not_sold
from tallystick.web.undecided import bound_statements, undecided

# Ages are counted from the first of March 1900 (features/as_of.toml).
_FIRST_BIRTH: Final = date(1900, 3, 1)


class ApplicationBody(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An application. Leave out what is not known; what is not said to be verified is not.

    `device`, `phone` and `address` are whatever names them to you: they are kept as numbers that nobody can turn back.
    """

    borrower_id: BorrowerId
    income_month_minor: ToldMinor | None = None
    income_is_proven: bool = False
    born_on: date | None = None
    employment: Code | None = None
    employed_since: date | None = None
    is_student: bool | None = None
    identity_is_verified: bool = False
    face_is_matched: bool = False
    phone_is_verified: bool = False
    bank_account_is_verified: bool = False
    documents_are_complete: bool = False
    bureau_consent_is_given: bool = False
    device: Text | None = None
    phone: Text | None = None
    address: Text | None = None
    bureau_report_id: BureauReportId | None = None


class AcceptOfferBody(Struct, frozen=True, forbid_unknown_fields=True):
    """The hash of the offer's disclosure, as the borrower saw it."""

    accepted_hash: AcceptedHash


@post(
    "/applications",
    operation_id="apply",
    tags=["applications"],
    guards=[needs(Scope.APPLICATIONS_WRITE)],
    responses=problems(404, 409, 422),
    sync_to_thread=True,
)
def apply_one(
    request: Asked, data: JSONBody[ApplicationBody], idempotency_key: IdempotencyKey
) -> Response[ApplicationView]:
    """Apply for a line: decided at once, unless a person has to look at it. Tell the bureau's report before."""
    edge, caller = edge_of(request), caller_of(request)
    request_key = f"application/{caller.api_key_id}/{idempotency_key}"
    asked = _asked(request, data, request_key=request_key)

    def run(connection: Connection, act: Act) -> ApplicationView | Refusal:
        _plausible_days(data, today=act.today)
        bound_statements(connection)
        try:
            made = apply(connection, asked, deciders=edge.deciders, act=act, zone=edge.zone)
        except NotSold as fault:
            raise not_sold(fault) from fault
        if isinstance(made, Refusal):
            return made
        if isinstance(made, Reused):
            raise Problem(
                "idempotency_key_reused",
                status=409,
                detail="This key came before with another application: use a new key for another one",
                param="Idempotency-Key",
            )
        return told_application(request, connection, made.application_id)

    try:
        return write(request, data, run, idempotency_key=idempotency_key)
    except NoRelease as fault:
        raise no_strategy(fault) from fault
    except (OperationalError, Overloaded) as away:
        raise undecided(edge.deciders.last(CheckpointName.APPLY), nothing="recorded") from away


def _asked(request: Asked, data: ApplicationBody, *, request_key: str) -> Application:
    edge = edge_of(request)

    def number(kind: Contact, text: str | None) -> int | None:
        return None if text is None else contact_number(kind, text, master_key=edge.master_key)

    report_id = data.bureau_report_id
    return Application(
        application_id=next(edge.ids),
        request_key=request_key,
        request_digest=body_fingerprint(body_bytes(data), master_key=edge.master_key),
        borrower_id=body_id(IdPrefix.BORROWER, data.borrower_id, param="borrower_id"),
        stated=msgspec.convert(data, Stated, from_attributes=True),
        device_id=number(Contact.DEVICE, data.device),
        phone_id=number(Contact.PHONE, data.phone),
        address_id=number(Contact.ADDRESS, data.address),
        bureau_report_id=None
        if report_id is None
        else body_id(IdPrefix.BUREAU_REPORT, report_id, param="bureau_report_id"),
    )


def _plausible_days(data: ApplicationBody, *, today: date) -> None:
    """Raises `Problem` naming a day of birth or of work in the future, or before anybody who lives was born."""
    for param in ("born_on", "employed_since"):
        day = getattr(data, param)
        if day is not None and not _FIRST_BIRTH <= day <= today:
            detail = f"{param}: give a day from {_FIRST_BIRTH} to today"
            raise Problem("date_implausible", status=422, detail=detail, param=param)


@get(
    "/applications",
    operation_id="list_applications",
    tags=["applications"],
    guards=[needs(Scope.APPLICATIONS_READ)],
    responses=problems(),
    sync_to_thread=True,
)
def list_all(
    request: Asked,
    borrower_id: OfBorrower = None,
    stands: Annotated[
        ApplicationState | None, QueryParameter(name="state", description="Those in this state only")
    ] = None,
    limit: PageLimit = 20,
    after: AfterApplication = None,
) -> Response[Page[ApplicationView]]:
    """Applications, the newest first, of one borrower or in one state where asked."""
    before_id = place_id(IdPrefix.APPLICATION, after)
    owner = None if borrower_id is None else body_id(IdPrefix.BORROWER, borrower_id, param="borrower_id")

    def run(connection: Connection, _: Act) -> Page[ApplicationView]:
        rows = applications.applications_before(connection, before_id, most=limit + 1, borrower_id=owner, state=stands)
        return page(
            listed_applications(connection, rows), limit=limit, view=lambda told: told, place=lambda told: told.id
        )

    return read(request, run)


@get(
    "/applications/{application_id:str}",
    operation_id="get_application",
    tags=["applications"],
    guards=[needs(Scope.APPLICATIONS_READ)],
    responses=problems(404),
    sync_to_thread=True,
)
def get_one(request: Asked, application_id: ApplicationPath) -> Response[ApplicationView]:
    """One application: where it stands, and what the borrower is told of it."""
    number = path_id(IdPrefix.APPLICATION, application_id)
    return read(request, lambda connection, _: told_application(request, connection, number))


@post(
    "/applications/{application_id:str}/accept",
    operation_id="accept_application_offer",
    tags=["applications"],
    guards=[needs(Scope.APPLICATIONS_WRITE)],
    responses=problems(404, 409, 422),
    sync_to_thread=True,
)
def accept(
    request: Asked, application_id: ApplicationPath, data: JSONBody[AcceptOfferBody], idempotency_key: IdempotencyKey
) -> Response[Happened]:
    """The borrower accepts: the line is opened with exactly the offered limit and contract."""
    number = path_id(IdPrefix.APPLICATION, application_id)

    def run(connection: Connection, act: Act) -> Happened | Refusal | OfferFault:
        opened = accept_offer(connection, number, accepted_hash=data.accepted_hash, act=act)
        return happened(connection, opened, act=act)

    return write(request, data, run, idempotency_key=idempotency_key)


@post(
    "/applications/{application_id:str}/decline",
    operation_id="decline_application_offer",
    tags=["applications"],
    guards=[needs(Scope.APPLICATIONS_WRITE)],
    responses=problems(404, 409, 422),
    sync_to_thread=True,
)
def decline(
    request: Asked, application_id: ApplicationPath, idempotency_key: IdempotencyKey
) -> Response[ApplicationView]:
    """The borrower says no: no line is opened, and the application is closed."""
    return changed_application(request, application_id, None, turn_down_offer, idempotency_key=idempotency_key)


@post(
    "/applications/{application_id:str}/human_review",
    operation_id="ask_human_review",
    tags=["applications"],
    guards=[needs(Scope.APPLICATIONS_WRITE)],
    responses=problems(404, 409, 422),
    sync_to_thread=True,
)
def human_review(
    request: Asked, application_id: ApplicationPath, idempotency_key: IdempotencyKey
) -> Response[ApplicationView]:
    """The borrower asks that a person looks at what was declined automatically."""
    return changed_application(request, application_id, None, ask_human_review, idempotency_key=idempotency_key)


router = Router(
    "/",
    route_handlers=[apply_one, list_all, get_one, accept, decline, human_review],
)
