"""Applications for a line: decided, explained, offered, accepted, and looked at by persons."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Annotated, Final

import msgspec
from litestar import Response, Router, get, post
from litestar.params import JSONBody, QueryParameter
from msgspec import Meta, Struct
from psycopg import Connection

from tallystick.operations.application_answers import accept_offer, turn_down_offer
from tallystick.operations.application_explanations import explained
from tallystick.operations.application_judgments import approve_offer, propose_offer, reject_offer, take_offer_back
from tallystick.operations.applications import Application, apply, ask_human_review
from tallystick.operations.deciding import NoRelease
from tallystick.operations.decision_record import Reused
from tallystick.operations.lines import Act
from tallystick.servicing.refusals import Refusal, RefusalReason
from tallystick.storage import applications, credit_offers, overrides
from tallystick.storage.applications import ApplicationState, Stated, StoredApplication
from tallystick.storage.overrides import Override
from tallystick.terms.contract import NotSold
from tallystick.terms.offering import OfferFault
from tallystick.trust.personal_data import Contact, body_fingerprint, contact_number
from tallystick.trust.scopes import Scope
from tallystick.units.ids import IdPrefix, encode_id
from tallystick.web.answering import read, write
from tallystick.web.credit_offers import CreditOfferView, credit_offer_view
from tallystick.web.edge import Asked, body_bytes, caller_of, edge_of
from tallystick.web.happening import Happened, happened
from tallystick.web.parameters import (
    AcceptedHash,
    AfterApplication,
    AmountMinor,
    ApplicationPath,
    BorrowerId,
    BureauReportId,
    Code,
    IdempotencyKey,
    LimitMinor,
    OfBorrower,
    OptionalText,
    Page,
    PageLimit,
    Text,
    body_id,
    needs,
    page,
    path_id,
    place_id,
)
from tallystick.web.problems import Problem, problems
from tallystick.web.quotes import not_sold

# Ages are counted from the first of March 1900 (features/as_of.toml).
_FIRST_BIRTH: Final = date(1900, 3, 1)


class ApplicationBody(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An application. Leave out what is not known; what is not said to be verified is not.

    `device`, `phone` and `address` are whatever names them to you: they are kept as numbers that nobody can turn back.
    """

    borrower_id: BorrowerId
    income_month_minor: LimitMinor | None = None
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


class _Override(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="outcome"):
    """An application decided otherwise; `outcome` says how."""


class GrantBody(_Override, frozen=True, tag="offer"):
    """What was declined is offered a line; nothing happens until a second person approves."""

    limit_minor: AmountMinor
    reason: Text


class TakeBackBody(_Override, frozen=True, tag="decline"):
    """What was offered is declined. `reasons` are codes of the strategy, told to the borrower; `reason` is not told."""

    reasons: Annotated[list[Code], Meta(min_length=1, max_length=4)]
    reason: Text


class SecondBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Why a second person decided so."""

    note: OptionalText = ""


class ExplanationView(Struct, frozen=True):
    """What the borrower is told, line by line: the answer, the reasons, what would have changed it, and rights."""

    zh: list[str]
    en: list[str]


class OverrideView(Struct, frozen=True):
    """Where a person decided otherwise than the strategy; `decision` is null while it waits for a second person."""

    from_outcome: str
    to_outcome: str
    limit_minor: int | None
    reason: str
    proposed_by: str
    proposed_at: datetime
    decision: str | None
    decided_by: str | None


class ApplicationView(Struct, frozen=True):
    """An application as it stands. `decided_outcome` is what the strategy `strategy_id` said, or books and law.

    `reasons` are the codes that hold, `explanation` has their words. `offer` is the latest one. In lists `stated` and
    `explanation` are null; `stated` is so for good where the person was erased.
    """

    id: str
    borrower_id: str
    state: ApplicationState
    state_since: date
    strategy_id: str
    decided_outcome: str
    reasons: list[str]
    refused_because: str | None
    grade: str
    applied_at: datetime
    offer: CreditOfferView | None
    overrides: list[OverrideView]
    stated: Stated | None
    explanation: ExplanationView | None


def _listed(connection: Connection, application: StoredApplication) -> ApplicationView:
    number = application.application_id
    offer = credit_offers.last_offer_of(connection, number)
    reasons = application.reasons if application.told_reasons is None else application.told_reasons
    return ApplicationView(
        id=encode_id(IdPrefix.APPLICATION, number),
        borrower_id=encode_id(IdPrefix.BORROWER, application.borrower_id),
        state=application.state,
        state_since=application.state_since,
        strategy_id=application.strategy_id,
        decided_outcome=application.decided_outcome,
        reasons=list(reasons),
        refused_because=application.refused_because,
        grade=application.grade,
        applied_at=application.applied_at,
        offer=None if offer is None else credit_offer_view(offer),
        overrides=[_override_view(each) for each in overrides.overrides_of(connection, number)],
        stated=None,
        explanation=None,
    )


def _override_view(override: Override) -> OverrideView:
    return msgspec.convert(override, OverrideView, from_attributes=True)


def _view(request: Asked, connection: Connection, number: int) -> ApplicationView | Refusal:
    application = applications.read_application(connection, number)
    if application is None:
        return Refusal(RefusalReason.APPLICATION_UNKNOWN, field="application_id")
    told = explained(connection, application, deciders=edge_of(request).deciders)
    whole = _listed(connection, application)
    words = ExplanationView(list(told.zh), list(told.en))
    return msgspec.structs.replace(whole, stated=application.stated, explanation=words)


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
        return _view(request, connection, made.application_id)

    try:
        return write(request, data, run, idempotency_key=idempotency_key)
    except NoRelease as fault:
        raise Problem("no_strategy_in_force", status=503, detail=str(fault)) from fault


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
            rows,
            limit=limit,
            view=lambda row: _listed(connection, row),
            place=lambda row: encode_id(IdPrefix.APPLICATION, row.application_id),
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
    return read(request, lambda connection, _: _view(request, connection, number))


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
    return _changed(request, application_id, None, turn_down_offer, idempotency_key=idempotency_key)


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
    return _changed(request, application_id, None, ask_human_review, idempotency_key=idempotency_key)


@post(
    "/applications/{application_id:str}/override",
    operation_id="override_application",
    tags=["applications"],
    guards=[needs(Scope.OVERRIDES_WRITE)],
    responses=problems(404, 409, 422),
    sync_to_thread=True,
)
def override(
    request: Asked,
    application_id: ApplicationPath,
    data: JSONBody[GrantBody | TakeBackBody],
    idempotency_key: IdempotencyKey,
) -> Response[ApplicationView]:
    """An officer decides otherwise than the strategy: kept with its reason, and counted against the strategy."""
    deciders = edge_of(request).deciders

    def act_on(connection: Connection, number: int, *, act: Act) -> object:
        match data:
            case GrantBody():
                return propose_offer(connection, number, limit_minor=data.limit_minor, reason=data.reason, act=act)
            case TakeBackBody():
                reasons = tuple(data.reasons)
                return take_offer_back(
                    connection, number, reasons=reasons, reason=data.reason, deciders=deciders, act=act
                )

    return _changed(request, application_id, data, act_on, idempotency_key=idempotency_key)


@post(
    "/applications/{application_id:str}/override/approve",
    operation_id="approve_override",
    tags=["applications"],
    guards=[needs(Scope.OVERRIDES_WRITE)],
    responses=problems(404, 409, 422),
    sync_to_thread=True,
)
def approve(
    request: Asked, application_id: ApplicationPath, data: JSONBody[SecondBody], idempotency_key: IdempotencyKey
) -> Response[ApplicationView]:
    """A second person agrees: the line is offered today."""

    def act_on(connection: Connection, number: int, *, act: Act) -> object:
        return approve_offer(connection, number, note=data.note, act=act)

    return _changed(request, application_id, data, act_on, idempotency_key=idempotency_key)


@post(
    "/applications/{application_id:str}/override/reject",
    operation_id="reject_override",
    tags=["applications"],
    guards=[needs(Scope.OVERRIDES_WRITE)],
    responses=problems(404, 409, 422),
    sync_to_thread=True,
)
def reject(
    request: Asked, application_id: ApplicationPath, data: JSONBody[SecondBody], idempotency_key: IdempotencyKey
) -> Response[ApplicationView]:
    """A second person does not agree: the application stays declined."""

    def act_on(connection: Connection, number: int, *, act: Act) -> object:
        return reject_offer(connection, number, note=data.note, act=act)

    return _changed(request, application_id, data, act_on, idempotency_key=idempotency_key)


def _changed(
    request: Asked, application_id: str, body: object, act_on: Callable[..., object], *, idempotency_key: str
) -> Response[ApplicationView]:
    """Act on an application, and tell how it stands after that."""
    number = path_id(IdPrefix.APPLICATION, application_id)

    def run(connection: Connection, act: Act) -> ApplicationView | Refusal | OfferFault:
        try:
            done = act_on(connection, number, act=act)
        except NotSold as fault:
            raise not_sold(fault) from fault
        return done if isinstance(done, Refusal | OfferFault) else _view(request, connection, number)

    return write(request, body, run, idempotency_key=idempotency_key)


router = Router(
    "/",
    route_handlers=[apply_one, list_all, get_one, accept, decline, human_review, override, approve, reject],
)
