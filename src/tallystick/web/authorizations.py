"""Purchases: asked for, decided within a deadline, one or many at once; and read again."""

import asyncio
from datetime import date, timedelta
from typing import Annotated, Any, Final

import msgspec
from litestar import Response, Router, get, post
from litestar.params import JSONBody
from msgspec import Meta, Struct
from psycopg import Connection, OperationalError

from tallystick.operations.authorizing import HOLD_DAYS, Authorized, Purchase
from tallystick.operations.deciding import NoRelease
from tallystick.operations.decision_record import Reused
from tallystick.operations.lines import Act
from tallystick.servicing.refusals import Refusal
from tallystick.storage import decisions
from tallystick.storage.decisions import StoredDecision
from tallystick.storage.lines import read_line
from tallystick.strategy.case_columns import CheckpointName
from tallystick.trust.personal_data import Contact, body_fingerprint, contact_number
from tallystick.trust.scopes import Scope
from tallystick.units.ids import IdPrefix
from tallystick.web.answering import read
from tallystick.web.authorization_views import (
    AuthorizationView,
    authorization_view,
    authorization_views,
    purchase_decision,
)
from tallystick.web.checkout import checkout_of
from tallystick.web.desk import DeskFull, NotTold
from tallystick.web.edge import Asked, body_bytes, caller_of, edge_of
from tallystick.web.express import Answered, Express
from tallystick.web.happening import line_number, no_such_line
from tallystick.web.parameters import (
    AfterAuthorization,
    AuthorizationId,
    AuthorizationPath,
    IdempotencyKey,
    LineId,
    LinePath,
    MerchantId,
    Page,
    PageLimit,
    PurchaseMinor,
    Text,
    body_id,
    needs,
    page,
    path_id,
    place_id,
    plausible,
)
from tallystick.web.problems import Problem, declined, no_strategy, problem_document, problems, request_id_of
from tallystick.web.undecided import undecided

_MOST_TOGETHER: Final = 64
_MOST_HOLD_DAYS: Final = 60
_DEADLINE_MS: Final = 1_000
_MICRODEGREES: Final = 1_000_000

DeadlineMs = Annotated[
    int, Meta(ge=50, le=10_000, description="Milliseconds after which the configured safe outcome is told instead")
]


class PlaceBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Where the buyer is; degrees."""

    latitude: Annotated[float, Meta(ge=-90, le=90)]
    longitude: Annotated[float, Meta(ge=-180, le=180)]


class AuthorizationBody(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A purchase that wants a decision.

    `device`, `phone` and `address` are your own texts for them, the same one each time; only a keyed number of each is
    kept. `step_up_of`: the authorization that answered `step_up`, where the buyer has passed the second factor since;
    `step_up_passed`: the buyer confirmed this very order by one without having been asked. The hold stands until the
    day `expires_on` begins; without it, seven days.
    """

    line_id: LineId
    amount_minor: PurchaseMinor
    merchant_id: MerchantId
    category: Text | None = None
    device: Text | None = None
    phone: Text | None = None
    address: Text | None = None
    terminal: Annotated[int, Meta(ge=1, le=(1 << 63) - 1)] | None = None
    place: PlaceBody | None = None
    step_up_passed: bool = False
    step_up_of: AuthorizationId | None = None
    merchant_pays_price: bool = False
    expires_on: date | None = None
    deadline_ms: DeadlineMs = _DEADLINE_MS


class BatchItem(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One purchase of several, with an Idempotency-Key of its own."""

    idempotency_key: Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^[\x21-\x7e]+$")]
    authorization: AuthorizationBody


class BatchBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Purchases to be decided side by side; each is answered on its own."""

    items: Annotated[tuple[BatchItem, ...], Meta(min_length=1, max_length=_MOST_TOGETHER)]


class BatchAnswer(Struct, frozen=True):
    """What one purchase of several was answered: its HTTP status, and the authorization or the problem."""

    idempotency_key: str
    status: int
    authorization: AuthorizationView | None
    problem: dict[str, Any] | None


class BatchView(Struct, frozen=True):
    """The answers, in the order asked."""

    items: list[BatchAnswer]


@post(
    "/authorizations",
    operation_id="authorize",
    tags=["authorizations"],
    guards=[needs(Scope.AUTHORIZATIONS_WRITE)],
    responses=problems(404, 409, 422),
)
async def authorize_one(
    request: Asked, data: JSONBody[AuthorizationBody], idempotency_key: IdempotencyKey
) -> Response[AuthorizationView]:
    """Decide a purchase, and hold its amount where it is approved or waits for a person.

    A decline is an answer like any other: 201. Where nothing can be decided in time the answer is 503 with the outcome
    that is safe; nothing is held then, and the same key may be asked again.
    """
    told = await _asked(request, data, idempotency_key)
    answered: Response[AuthorizationView] = Response(content=told.view, status_code=201)
    if told.is_replay:
        answered.headers["Idempotency-Replayed"] = "true"
    return answered


@post(
    "/authorizations/batch",
    operation_id="authorize_batch",
    tags=["authorizations"],
    guards=[needs(Scope.AUTHORIZATIONS_WRITE)],
    status_code=200,
    responses=problems(422),
)
async def authorize_batch(request: Asked, data: JSONBody[BatchBody]) -> Response[BatchView]:
    """Decide several purchases, each with its own key and its own status."""
    keys = [item.idempotency_key for item in data.items]
    if len(set(keys)) < len(keys):
        raise Problem("key_twice", status=422, detail="items: a key is given twice; give each its own", param="items")
    answers = await asyncio.gather(*(_answered(request, item) for item in data.items))
    return Response(content=BatchView(list(answers)), status_code=200)


async def _answered(request: Asked, item: BatchItem) -> BatchAnswer:
    try:
        told = await _asked(request, item.authorization, item.idempotency_key)
    except Problem as problem:
        told_problem = problem_document(problem, request_id=request_id_of(request))
        return BatchAnswer(item.idempotency_key, problem.status, None, msgspec.to_builtins(told_problem))
    return BatchAnswer(item.idempotency_key, 201, told.view, None)


async def _asked(request: Asked, body: AuthorizationBody, key: str) -> Answered:
    """The decision as it is told. Raises `Problem`."""
    checkout = checkout_of(request)
    purchase = _purchase(request, body, key)
    try:
        told = await checkout.ask(purchase, caller=caller_of(request), deadline_s=body.deadline_ms / 1_000)
    except DeskFull as full:
        raise Problem(
            "overloaded", status=429, detail="Too many purchases wait: ask again", retry_after_s=full.retry_after_s
        ) from full
    except NotTold as late:
        raise undecided(checkout.deciding, nothing="held", retry_after_s=late.retry_after_s) from late
    except OperationalError as away:
        raise undecided(checkout.deciding, nothing="held") from away
    except NoRelease as nothing:
        raise no_strategy(nothing) from nothing
    decision = _decision(told.answer, request=request)
    assert told.checkpoint is not None
    assert told.product is not None
    view = authorization_view(
        decision,
        told.checkpoint,
        merchant_id=purchase.merchant_id,
        product=told.product,
        held_minor=purchase.amount_minor if decision.hold_id is not None else 0,
        step_up_of=purchase.step_up_of,
    )
    return Answered(view, is_replay=decision.decision_id != purchase.decision_id)


express: Final = Express("/v1/authorizations", body=AuthorizationBody, needs=Scope.AUTHORIZATIONS_WRITE, answer=_asked)


def _decision(told: Authorized, *, request: Asked) -> StoredDecision:
    match told:
        case StoredDecision():
            return told
        case Reused():
            raise Problem(
                "idempotency_key_reused",
                status=409,
                detail="This key came before with another purchase: use a new key for another request",
                param="Idempotency-Key",
            )
        case Refusal():
            refused = declined(told, request=request)
            raise Problem(refused.code, status=refused.status, detail=refused.detail, param=refused.param)
        case _:
            raise AssertionError("what is put off goes back to the desk")


def _purchase(request: Asked, body: AuthorizationBody, key: str) -> Purchase:
    """The purchase as operations know it. Raises `Problem` naming the field that is no id or date."""
    edge, caller = edge_of(request), caller_of(request)
    today = edge.act_of(caller).today
    expires_on = plausible(body.expires_on, param="expires_on") or today + timedelta(days=HOLD_DAYS)
    if expires_on > today + timedelta(days=_MOST_HOLD_DAYS):
        raise Problem(
            "hold_too_long",
            status=422,
            detail=f"expires_on: a hold stands for at most {_MOST_HOLD_DAYS} days; give an earlier day",
            param="expires_on",
        )

    def number(kind: Contact, text: str | None) -> int | None:
        return None if text is None else contact_number(kind, text, master_key=edge.master_key)

    place, asked_by = body.place, body.step_up_of
    asked = msgspec.structs.replace(body, deadline_ms=_DEADLINE_MS)  # who waits longer asks for the same
    return Purchase(
        decision_id=next(edge.ids),
        request_key=f"{caller.api_key_id}/{key}",
        request_digest=body_fingerprint(body_bytes(asked), master_key=edge.master_key),
        line_id=body_id(IdPrefix.LINE, body.line_id, param="line_id"),
        amount_minor=body.amount_minor,
        merchant_id=body_id(IdPrefix.MERCHANT, body.merchant_id, param="merchant_id"),
        expires_on=expires_on,
        category=body.category,
        device_id=number(Contact.DEVICE, body.device),
        terminal_id=body.terminal,
        address_id=number(Contact.ADDRESS, body.address),
        phone_id=number(Contact.PHONE, body.phone),
        latitude_udeg=None if place is None else round(place.latitude * _MICRODEGREES),
        longitude_udeg=None if place is None else round(place.longitude * _MICRODEGREES),
        step_up_passed=body.step_up_passed,
        step_up_of=None if asked_by is None else body_id(IdPrefix.AUTHORIZATION, asked_by, param="step_up_of"),
        merchant_pays_price=body.merchant_pays_price,
    )


@get(
    "/authorizations/{authorization_id:str}",
    operation_id="get_authorization",
    tags=["authorizations"],
    guards=[needs(Scope.AUTHORIZATIONS_READ)],
    responses=problems(404),
    sync_to_thread=True,
)
def get_authorization(request: Asked, authorization_id: AuthorizationPath) -> Response[AuthorizationView]:
    """One authorization, and what of it is held now."""
    number = path_id(IdPrefix.AUTHORIZATION, authorization_id)
    deciders = edge_of(request).deciders

    def run(connection: Connection, _: Act) -> AuthorizationView:
        return authorization_views(connection, [purchase_decision(connection, number)], deciders=deciders)[0]

    return read(request, run)


@get(
    "/lines/{line_id:str}/authorizations",
    operation_id="list_authorizations",
    tags=["authorizations"],
    guards=[needs(Scope.AUTHORIZATIONS_READ)],
    responses=problems(404),
    sync_to_thread=True,
)
def list_authorizations(
    request: Asked, line_id: LinePath, limit: PageLimit = 20, after: AfterAuthorization = None
) -> Response[Page[AuthorizationView]]:
    """The line's authorizations, the newest first."""
    number, before_id = line_number(line_id), place_id(IdPrefix.AUTHORIZATION, after)
    deciders = edge_of(request).deciders

    def run(connection: Connection, _: Act) -> Page[AuthorizationView] | Refusal:
        if read_line(connection, number) is None:
            return no_such_line()
        made = decisions.decisions_before(
            connection, before_id, most=limit + 1, line_id=number, checkpoint=CheckpointName.AUTHORIZE
        )
        views = authorization_views(connection, made, deciders=deciders)
        return page(views, limit=limit, view=lambda view: view, place=lambda view: view.id)

    return read(request, run, line_id=number)


router = Router("/", route_handlers=[authorize_one, authorize_batch, get_authorization, list_authorizations])
