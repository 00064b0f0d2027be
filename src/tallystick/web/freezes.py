"""What is frozen: lines, devices and merchants, why, how it ends, and the open holds that it is about."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated

from litestar import Response, Router, get, post
from litestar.params import JSONBody, QueryParameter
from msgspec import Meta, Struct
from psycopg import Connection

from tallystick.operations.freezing import OpenHold, freeze, lift, open_holds, void_holds, way_out
from tallystick.operations.lines import Act
from tallystick.servicing.refusals import Refusal, RefusalReason
from tallystick.storage import freezes
from tallystick.storage.freezes import Freeze, Subject
from tallystick.trust.personal_data import Contact, contact_number
from tallystick.trust.scopes import Scope
from tallystick.units.ids import IdPrefix, encode_id
from tallystick.web.answering import read, write
from tallystick.web.decision_views import optional_id
from tallystick.web.edge import Asked, Edge, edge_of
from tallystick.web.parameters import (
    AfterFreeze,
    DeviceId,
    FreezePath,
    HoldId,
    IdempotencyKey,
    LineId,
    MerchantId,
    Page,
    PageLimit,
    Text,
    body_id,
    needs,
    page,
    path_id,
    place_id,
)
from tallystick.web.problems import problems


class _ToFreeze(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="subject"):
    """What to freeze; `subject` says which kind."""

    reason: Text


class LineToFreeze(_ToFreeze, frozen=True, tag="line"):
    """A line: no new hold or draw."""

    line_id: LineId


class MerchantToFreeze(_ToFreeze, frozen=True, tag="merchant"):
    """A merchant: nothing is bought there."""

    merchant_id: MerchantId


class DeviceToFreeze(_ToFreeze, frozen=True, tag="device"):
    """A device, by the id that reviews and freezes tell."""

    device_id: DeviceId


class NamedDeviceToFreeze(_ToFreeze, frozen=True, tag="named_device"):
    """A device by its own name, as purchases name it; the name is not kept."""

    device: Text


class LiftBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Why it may be used again: what was proven."""

    reason: Text


class VoidHoldsBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Which of the freeze's open holds are given back; all that are listed where null."""

    hold_ids: Annotated[list[HoldId], Meta(min_length=1, max_length=200)] | None = None


class TextsView(Struct, frozen=True):
    """One text in both languages."""

    zh: str
    en: str


class FreezeView(Struct, frozen=True):
    """A freeze; it stands while `lifted_at` is null. `decision_id` is the decision that froze, if one did.

    `subject_id` is a line's, merchant's or device's id. `way_out` is what the borrower is told of how it ends.
    """

    id: str
    subject: Subject
    subject_id: str
    reason: str
    way_out: TextsView | None
    decision_id: str | None
    placed_by: str
    placed_at: datetime
    lifted_by: str | None
    lifted_at: datetime | None
    lifted_because: str | None


class OpenHoldView(Struct, frozen=True):
    """A hold for action; `review_id` is the review that it waits for, if it does."""

    hold_id: str
    line_id: str
    merchant_id: str
    left_minor: int
    placed_on: date
    expires_on: date
    review_id: str | None


class FreezeDetail(Struct, frozen=True):
    """A freeze and the holds that it is about and that are open still, at most 200; none once it was lifted."""

    freeze: FreezeView
    open_holds: list[OpenHoldView]


class VoidedView(Struct, frozen=True):
    """The holds that were given back."""

    voided: list[OpenHoldView]


_PREFIXES = {
    Subject.LINE: IdPrefix.LINE,
    Subject.DEVICE: IdPrefix.DEVICE,
    Subject.MERCHANT: IdPrefix.MERCHANT,
}


def _view(connection: Connection, found: Freeze, *, edge: Edge) -> FreezeView:
    texts = way_out(connection, edge.deciders, found)
    return FreezeView(
        id=encode_id(IdPrefix.FREEZE, found.freeze_id),
        subject=found.subject,
        subject_id=encode_id(_PREFIXES[found.subject], found.subject_id),
        reason=found.reason,
        way_out=None if texts is None else TextsView(*texts),
        decision_id=optional_id(IdPrefix.DECISION, found.decision_id),
        placed_by=found.placed_by,
        placed_at=found.placed_at,
        lifted_by=found.lifted_by,
        lifted_at=found.lifted_at,
        lifted_because=found.lifted_because,
    )


def _hold_views(held: Sequence[OpenHold]) -> list[OpenHoldView]:
    return [
        OpenHoldView(
            hold_id=encode_id(IdPrefix.HOLD, each.hold.hold_id),
            line_id=encode_id(IdPrefix.LINE, each.line_id),
            merchant_id=encode_id(IdPrefix.MERCHANT, each.hold.merchant_id),
            left_minor=each.hold.left_minor,
            placed_on=each.hold.placed_on,
            expires_on=each.hold.expires_on,
            review_id=optional_id(IdPrefix.REVIEW, each.review_id),
        )
        for each in held
    ]


def _detail(connection: Connection, found: Freeze, *, edge: Edge, act: Act) -> FreezeDetail:
    held = [] if found.lifted_at is not None else open_holds(connection, found, act=act, zone=edge.zone)
    return FreezeDetail(_view(connection, found, edge=edge), _hold_views(held))


@post(
    "/freezes",
    operation_id="freeze",
    tags=["freezes"],
    guards=[needs(Scope.FREEZES_WRITE)],
    responses=problems(404, 409, 422),
    sync_to_thread=True,
)
def place(
    request: Asked,
    data: JSONBody[LineToFreeze | MerchantToFreeze | DeviceToFreeze | NamedDeviceToFreeze],
    idempotency_key: IdempotencyKey,
) -> Response[FreezeDetail]:
    """Freeze at once. What waits for a person on the line or device is declined, other open holds are listed."""
    edge = edge_of(request)
    subject, number = _subject(data, edge=edge)

    def run(connection: Connection, act: Act) -> FreezeDetail | Refusal:
        found = freeze(connection, subject, number, reason=data.reason, act=act, zone=edge.zone)
        return found if isinstance(found, Refusal) else _detail(connection, found, edge=edge, act=act)

    return write(request, data, run, idempotency_key=idempotency_key)


def _subject(
    data: LineToFreeze | MerchantToFreeze | DeviceToFreeze | NamedDeviceToFreeze, *, edge: Edge
) -> tuple[Subject, int]:
    match data:
        case LineToFreeze():
            return Subject.LINE, body_id(IdPrefix.LINE, data.line_id, param="line_id")
        case MerchantToFreeze():
            return Subject.MERCHANT, body_id(IdPrefix.MERCHANT, data.merchant_id, param="merchant_id")
        case DeviceToFreeze():
            return Subject.DEVICE, body_id(IdPrefix.DEVICE, data.device_id, param="device_id")
        case NamedDeviceToFreeze():
            return Subject.DEVICE, contact_number(Contact.DEVICE, data.device, master_key=edge.master_key)


@get(
    "/freezes",
    operation_id="list_freezes",
    tags=["freezes"],
    guards=[needs(Scope.FREEZES_READ)],
    responses=problems(),
    sync_to_thread=True,
)
def list_all(
    request: Asked,
    subject: Annotated[Subject | None, QueryParameter(description="Of this kind only")] = None,
    standing: Annotated[bool | None, QueryParameter(description="Those that stand, or those that were lifted")] = None,
    limit: PageLimit = 20,
    after: AfterFreeze = None,
) -> Response[Page[FreezeView]]:
    """Freezes, the newest first."""
    before_id, edge = place_id(IdPrefix.FREEZE, after), edge_of(request)

    def run(connection: Connection, _: Act) -> Page[FreezeView]:
        rows = freezes.freezes_before(connection, before_id, most=limit + 1, subject=subject, standing=standing)
        return page(
            rows,
            limit=limit,
            view=lambda row: _view(connection, row, edge=edge),
            place=lambda row: encode_id(IdPrefix.FREEZE, row.freeze_id),
        )

    return read(request, run)


@get(
    "/freezes/{freeze_id:str}",
    operation_id="get_freeze",
    tags=["freezes"],
    guards=[needs(Scope.FREEZES_READ)],
    responses=problems(404),
    sync_to_thread=True,
)
def get_one(request: Asked, freeze_id: FreezePath) -> Response[FreezeDetail]:
    """One freeze, with the open holds that it is about."""
    number, edge = path_id(IdPrefix.FREEZE, freeze_id), edge_of(request)

    def run(connection: Connection, act: Act) -> FreezeDetail | Refusal:
        found = freezes.read_freeze(connection, number)
        if found is None:
            return Refusal(RefusalReason.FREEZE_UNKNOWN, field="freeze_id")
        return _detail(connection, found, edge=edge, act=act)

    return read(request, run)


@post(
    "/freezes/{freeze_id:str}/lift",
    operation_id="lift_freeze",
    tags=["freezes"],
    guards=[needs(Scope.FREEZES_WRITE)],
    responses=problems(404, 409, 422),
    sync_to_thread=True,
)
def end(
    request: Asked, freeze_id: FreezePath, data: JSONBody[LiftBody], idempotency_key: IdempotencyKey
) -> Response[FreezeView]:
    """End a freeze: what it was about may be used again from now on."""
    number, edge = path_id(IdPrefix.FREEZE, freeze_id), edge_of(request)

    def run(connection: Connection, act: Act) -> FreezeView | Refusal:
        lifted = lift(connection, number, reason=data.reason, act=act, zone=edge.zone)
        return lifted if isinstance(lifted, Refusal) else _view(connection, lifted, edge=edge)

    return write(request, data, run, idempotency_key=idempotency_key)


@post(
    "/freezes/{freeze_id:str}/void_holds",
    operation_id="void_holds_of_freeze",
    tags=["freezes"],
    guards=[needs(Scope.FREEZES_WRITE)],
    responses=problems(404, 409, 422),
    sync_to_thread=True,
)
def void(
    request: Asked, freeze_id: FreezePath, data: JSONBody[VoidHoldsBody], idempotency_key: IdempotencyKey
) -> Response[VoidedView]:
    """Give open holds of a freeze back, some or all; purchases that wait for a person are declined with them."""
    number, edge = path_id(IdPrefix.FREEZE, freeze_id), edge_of(request)
    hold_ids = None
    if data.hold_ids is not None:
        hold_ids = [body_id(IdPrefix.HOLD, hold_id, param="hold_ids") for hold_id in data.hold_ids]

    def run(connection: Connection, act: Act) -> VoidedView | Refusal:
        voided = void_holds(connection, number, hold_ids, act=act, zone=edge.zone)
        return voided if isinstance(voided, Refusal) else VoidedView(_hold_views(voided))

    return write(request, data, run, idempotency_key=idempotency_key)


router = Router("/", route_handlers=[place, list_all, get_one, end, void])
