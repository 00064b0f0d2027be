"""Purchases: asked for, decided within a deadline, captured or given back."""

import asyncio
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Final

import msgspec
from litestar import Response, Router, get, post
from litestar.params import JSONBody
from msgspec import Meta, Struct
from psycopg import Connection, OperationalError

from tallystick.operations.authorizing import Authorized, Purchase, Withdrawn
from tallystick.operations.capturing import Claim, capture, void
from tallystick.operations.deciding import Deciders, NoRelease
from tallystick.operations.decision_record import Reused
from tallystick.operations.lines import Act
from tallystick.operations.public_events import public_fact
from tallystick.operations.reviewing import final_outcome
from tallystick.servicing.refusals import Refusal, RefusalReason
from tallystick.storage import decisions, lines
from tallystick.storage.contracts import Contracts
from tallystick.storage.decisions import StoredDecision
from tallystick.storage.reviews import read_review
from tallystick.strategy.case_columns import NO_PRICE, OUTCOME_TEXTS, CheckpointName
from tallystick.strategy.checkpoint import Checkpoint
from tallystick.terms.offering import OfferFault
from tallystick.terms.product import OfferKind, Product, installment_offers
from tallystick.trust.personal_data import Contact, body_fingerprint, contact_number
from tallystick.trust.scopes import Scope
from tallystick.units.ids import IdPrefix, encode_id
from tallystick.units.money import MOST_MINOR
from tallystick.web.answering import read, write
from tallystick.web.checkout import Checkout, checkout_of
from tallystick.web.desk import DeskFull, NotTold
from tallystick.web.drawdowns import PlanBody, plan_request
from tallystick.web.edge import Asked, body_bytes, caller_of, edge_of
from tallystick.web.happening import Happened, happened, line_number, not_there
from tallystick.web.parameters import (
    AfterAuthorization,
    AmountMinor,
    AuthorizationPath,
    IdempotencyKey,
    LineId,
    LinePath,
    MerchantId,
    Metadata,
    OptionalText,
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
from tallystick.web.problems import Problem, declined, document, problem_document, problems, request_id_of
from tallystick.web.refusal_texts import in_words

_MOST_TOGETHER: Final = 64
_HOLD_DAYS: Final = 7
_MOST_HOLD_DAYS: Final = 60
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
    kept. `step_up_passed`: the buyer confirmed this very order by a second factor. The hold stands until the day
    `expires_on` begins; without it, seven days.
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
    merchant_pays_price: bool = False
    expires_on: date | None = None
    deadline_ms: DeadlineMs = 1_000


class BatchItem(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One purchase of several, with an Idempotency-Key of its own."""

    idempotency_key: Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^[\x21-\x7e]+$")]
    authorization: AuthorizationBody


class BatchBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Purchases to be decided side by side; each is answered on its own."""

    items: Annotated[tuple[BatchItem, ...], Meta(min_length=1, max_length=_MOST_TOGETHER)]


class ClaimBody(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is claimed of an authorization; `keeps_hold` leaves the rest of it for a later claim."""

    amount_minor: AmountMinor
    keeps_hold: bool = False
    merchant_fee_minor: Annotated[int, Meta(ge=0, le=MOST_MINOR)] = 0
    purpose: OptionalText = ""
    plan: PlanBody | None = None
    effective_on: date | None = None
    metadata: Metadata = {}


class GiveBackBody(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What of the hold is given back; everything that is left of it where no amount is given."""

    amount_minor: AmountMinor | None = None


class ReasonView(Struct, frozen=True):
    """Why: a code that never changes its meaning, and what the buyer is told."""

    code: str
    zh: str
    en: str


class InstallmentsView(Struct, frozen=True):
    """Installments that may be shown for this purchase; ask for a quote of the one that the buyer takes."""

    price_code: str
    least_installments: int
    most_installments: int
    nominal_rate_ppm: int | None
    fee_per_period_ppm: int | None
    interest_per_period_ppm: int | None
    merchant_subsidy_ppm: int


class AuthorizationView(Struct, frozen=True):
    """A decision on a purchase, as it was made.

    `outcome`: approve, step_up, review or decline; `final_outcome` is what came of it in the end where a person judged,
    time was over or the order was taken back. Of an approval, and of a purchase that waits for a person,
    `hold_id` is held; `held_minor` is what of it is held now. `is_withdrawn`: it was decided too late and taken back.
    """

    id: str
    line_id: str
    merchant_id: str | None
    amount_minor: int
    outcome: str
    final_outcome: str
    zh: str
    en: str
    reasons: list[ReasonView]
    hold_id: str | None
    held_minor: int
    installments: list[InstallmentsView]
    strategy_id: str
    decided_at: datetime
    is_withdrawn: bool


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
    told, is_replay = await _asked(request, data, idempotency_key)
    answered: Response[AuthorizationView] = Response(content=told, status_code=201)
    if is_replay:
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
        told, _ = await _asked(request, item.authorization, item.idempotency_key)
    except Problem as problem:
        told_problem = problem_document(problem, request_id=request_id_of(request))
        return BatchAnswer(item.idempotency_key, problem.status, None, msgspec.to_builtins(told_problem))
    except OperationalError:
        away = document("database_away", status=503, detail=_AWAY, request_id=request_id_of(request))
        return BatchAnswer(item.idempotency_key, 503, None, msgspec.to_builtins(away))
    return BatchAnswer(item.idempotency_key, 201, told, None)


_AWAY: Final = "The database is away: ask again in a second, with the same key"


async def _asked(request: Asked, body: AuthorizationBody, key: str) -> tuple[AuthorizationView, bool]:
    """The decision as it is told, and whether it had been made before. Raises `Problem`."""
    checkout = checkout_of(request)
    purchase = _purchase(request, body, key)
    try:
        told = await checkout.ask(purchase, caller=caller_of(request), deadline_s=body.deadline_ms / 1_000)
    except DeskFull as full:
        raise Problem(
            "overloaded", status=429, detail="Too many purchases wait: ask again", retry_after_s=full.retry_after_s
        ) from full
    except NotTold as late:
        raise _undecided(checkout, retry_after_s=late.retry_after_s) from late
    except OperationalError as away:
        raise _undecided(checkout, retry_after_s=1) from away
    except NoRelease as nothing:
        raise Problem("no_strategy", status=503, detail=str(nothing)) from nothing
    decision = _decision(told.answer, request=request)
    assert told.checkpoint is not None
    assert told.product is not None
    view = _view(
        decision,
        told.checkpoint,
        merchant_id=purchase.merchant_id,
        product=told.product,
        held_minor=purchase.amount_minor if decision.hold_id is not None else 0,
    )
    return view, decision.decision_id != purchase.decision_id


def _decision(told: Authorized, *, request: Asked) -> StoredDecision:
    match told:
        case StoredDecision():
            return told
        case Withdrawn():
            raise Problem(
                "authorization_withdrawn",
                status=409,
                detail="It was decided too late and taken back; nothing is held: ask again with a new key",
                param="Idempotency-Key",
            )
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


def _undecided(checkout: Checkout, *, retry_after_s: int) -> Problem:
    """Nothing is decided and nothing held: what the strategy says is safe then."""
    deciding = checkout.deciding
    outcome, text = "decline", "We cannot decide right now; please try again"
    if deciding is not None:
        checkpoint = deciding.checkpoints[deciding.release.champion_id]
        outcome, reason = checkpoint.unavailable
        text = checkpoint.reasons[reason][1]
    detail = f"{text} (outcome: {outcome}; nothing is held)"
    return Problem("undecided", status=503, detail=detail, retry_after_s=retry_after_s)


def _purchase(request: Asked, body: AuthorizationBody, key: str) -> Purchase:
    """The purchase as operations know it. Raises `Problem` naming the field that is no id or date."""
    edge, caller = edge_of(request), caller_of(request)
    today = edge.act_of(caller).today
    expires_on = plausible(body.expires_on, param="expires_on") or today + timedelta(days=_HOLD_DAYS)
    if expires_on > today + timedelta(days=_MOST_HOLD_DAYS):
        raise Problem(
            "hold_too_long",
            status=422,
            detail=f"expires_on: a hold stands for at most {_MOST_HOLD_DAYS} days; give an earlier day",
            param="expires_on",
        )

    def number(kind: Contact, text: str | None) -> int | None:
        return None if text is None else contact_number(kind, text, master_key=edge.master_key)

    place = body.place
    return Purchase(
        decision_id=next(edge.ids),
        request_key=f"{caller.api_key_id}/{key}",
        request_digest=body_fingerprint(body_bytes(body), master_key=edge.master_key),
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
        merchant_pays_price=body.merchant_pays_price,
    )


def _view(
    decision: StoredDecision,
    checkpoint: Checkpoint,
    *,
    merchant_id: int | None,
    product: Product,
    held_minor: int,
    is_withdrawn: bool = False,
    final: str | None = None,
) -> AuthorizationView:
    assert decision.line_id is not None
    assert decision.amount_minor is not None
    final = decision.outcome if final is None else final
    zh, en = OUTCOME_TEXTS[final]
    return AuthorizationView(
        id=encode_id(IdPrefix.AUTHORIZATION, decision.decision_id),
        line_id=encode_id(IdPrefix.LINE, decision.line_id),
        merchant_id=None if merchant_id is None else encode_id(IdPrefix.MERCHANT, merchant_id),
        amount_minor=decision.amount_minor,
        outcome=decision.outcome,
        final_outcome=final,
        zh=zh,
        en=en,
        reasons=[_reason(code, decision, checkpoint) for code in decision.reasons],
        hold_id=None if decision.hold_id is None else encode_id(IdPrefix.HOLD, decision.hold_id),
        held_minor=held_minor,
        installments=_installments(decision, product),
        strategy_id=decision.strategy_id,
        decided_at=decision.decided_at,
        is_withdrawn=is_withdrawn,
    )


def _reason(code: str, decision: StoredDecision, checkpoint: Checkpoint) -> ReasonView:
    """A reason of the strategy, or of the books where they refused what it would have passed."""
    if decision.refused_because is None:
        zh, en = checkpoint.reasons[code]
        return ReasonView(code, zh, en)
    refusal, figures = RefusalReason(code), public_fact(decision.refused_figures or {})
    return ReasonView(code, in_words(refusal, figures, language="zh"), in_words(refusal, figures, language="en"))


def _installments(decision: StoredDecision, product: Product) -> list[InstallmentsView]:
    """The line's own prices of that code, as far as the strategy shows them."""
    code, most = decision.outputs.get("price_code", NO_PRICE), int(decision.outputs.get("most_installments", 0))
    sold = installment_offers(product).get(OfferKind.ORDER_INSTALLMENTS)
    if sold is None or code == NO_PRICE or decision.hold_id is None:
        return []
    return [
        InstallmentsView(
            price_code=price.code,
            least_installments=price.least_installments,
            most_installments=min(most, price.most_installments),
            nominal_rate_ppm=price.nominal_rate_ppm,
            fee_per_period_ppm=price.fee_per_period_ppm,
            interest_per_period_ppm=price.interest_per_period_ppm,
            merchant_subsidy_ppm=price.merchant_subsidy_ppm,
        )
        for price in sold.prices
        if price.code == code and price.least_installments <= most
    ]


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
        return _views(connection, [_of_purchase(connection, number)], deciders=deciders)[0]

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

    def run(connection: Connection, _: Act) -> Page[AuthorizationView]:
        made = decisions.decisions_before(
            connection, before_id, most=limit + 1, line_id=number, checkpoint=CheckpointName.AUTHORIZE
        )
        views = _views(connection, made, deciders=deciders)
        return page(views, limit=limit, view=lambda view: view, place=lambda view: view.id)

    return read(request, run, line_id=number)


def _of_purchase(connection: Connection, number: int) -> StoredDecision:
    """Raises `Problem` where there is no decision on a purchase of that number."""
    decision = decisions.read_decision(connection, number)
    if decision is None or decision.checkpoint != CheckpointName.AUTHORIZE:
        raise not_there(IdPrefix.AUTHORIZATION, kind="authorization")
    return decision


def _views(connection: Connection, made: list[StoredDecision], *, deciders: Deciders) -> list[AuthorizationView]:
    """Decisions as they are told, with what is held now."""
    withdrawn = decisions.withdrawn_among(connection, [each.decision_id for each in made])
    views = []
    for decision in made:
        assert decision.line_id is not None
        stored = lines.read_line(connection, decision.line_id)
        assert stored is not None
        held = [hold for hold in stored.line.holds if hold.hold_id == decision.hold_id]
        views.append(
            _view(
                decision,
                deciders.compiled(connection, decision.strategy_id)[CheckpointName.AUTHORIZE],
                merchant_id=held[0].merchant_id if held else None,
                product=Contracts(connection)[stored.line.contract_hash],
                held_minor=sum(hold.left_minor for hold in held),
                is_withdrawn=decision.decision_id in withdrawn,
                final=final_outcome(decision, read_review(connection, decision.decision_id)),
            )
        )
    return views


@post(
    "/authorizations/{authorization_id:str}/capture",
    operation_id="capture_authorization",
    tags=["authorizations"],
    guards=[needs(Scope.DRAWS_WRITE)],
    responses=problems(404, 409, 422),
    sync_to_thread=True,
)
def capture_authorization(
    request: Asked, authorization_id: AuthorizationPath, data: JSONBody[ClaimBody], idempotency_key: IdempotencyKey
) -> Response[Happened]:
    """Draw what was authorized: once, or in parts while the hold is kept, within the strategy's tolerance."""
    number = path_id(IdPrefix.AUTHORIZATION, authorization_id)
    plausible(data.effective_on, param="effective_on")
    edge, caller, deciders = edge_of(request), caller_of(request), edge_of(request).deciders
    claim = Claim(
        amount_minor=data.amount_minor,
        keeps_hold=data.keeps_hold,
        merchant_fee_minor=data.merchant_fee_minor,
        purpose=data.purpose,
        plan=plan_request(data.plan),
    )

    def run(connection: Connection, _: Act) -> Happened | Refusal | OfferFault:
        decision = _of_purchase(connection, number)
        assert decision.line_id is not None
        act = edge.act_on_line(connection, caller, decision.line_id)
        drawn = capture(connection, decision, claim, deciders=deciders, act=act, on=data.effective_on)
        return happened(connection, drawn, act=act, metadata=data.metadata)

    return write(request, data, run, idempotency_key=idempotency_key)


@post(
    "/authorizations/{authorization_id:str}/void",
    operation_id="void_authorization",
    tags=["authorizations"],
    guards=[needs(Scope.DRAWS_WRITE)],
    responses=problems(404, 409, 422),
    sync_to_thread=True,
)
def void_authorization(
    request: Asked, authorization_id: AuthorizationPath, data: JSONBody[GiveBackBody], idempotency_key: IdempotencyKey
) -> Response[Happened]:
    """Give back what is held, or part of it."""
    number = path_id(IdPrefix.AUTHORIZATION, authorization_id)
    edge, caller = edge_of(request), caller_of(request)

    def run(connection: Connection, _: Act) -> Happened | Refusal | OfferFault:
        decision = _of_purchase(connection, number)
        assert decision.line_id is not None
        act = edge.act_on_line(connection, caller, decision.line_id)
        return happened(connection, void(connection, decision, amount_minor=data.amount_minor, act=act), act=act)

    return write(request, data, run, idempotency_key=idempotency_key)


router = Router(
    "/",
    route_handlers=[
        authorize_one,
        authorize_batch,
        get_authorization,
        list_authorizations,
        capture_authorization,
        void_authorization,
    ],
)
