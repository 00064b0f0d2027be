"""What needs a second person: proposed by one key's holder, decided by another's."""

from datetime import date, datetime
from typing import Annotated, Any

import msgspec
from litestar import Response, Router, get, post
from litestar.params import JSONBody
from msgspec import Meta, Struct
from psycopg import Connection

from tallystick.operations.lending import approve, propose, reject
from tallystick.operations.lines import Act
from tallystick.operations.public_events import public_fact
from tallystick.servicing import facts
from tallystick.servicing.facts import AnyFact, kind_of
from tallystick.servicing.refusals import Refusal, RefusalReason
from tallystick.storage import proposals
from tallystick.storage.proposals import Proposal
from tallystick.terms.offering import OfferFault
from tallystick.terms.product import Component
from tallystick.trust.scopes import Scope
from tallystick.units.ids import IdPrefix, encode_id
from tallystick.web.answering import read, write
from tallystick.web.edge import Asked, caller_of, edge_of
from tallystick.web.happening import Happened, happened, line_number
from tallystick.web.parameters import (
    AfterProposal,
    AmountMinor,
    EventId,
    IdempotencyKey,
    LinePath,
    OptionalText,
    Page,
    PageLimit,
    PlanId,
    ProposalPath,
    Text,
    body_id,
    needs,
    page,
    path_id,
    place_id,
    plausible,
)
from tallystick.web.problems import problems


class _Proposed(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="kind"):
    """One correction; `kind` says which."""


class WaiverBody(_Proposed, frozen=True, tag="waived"):
    """Part of what is owed is given up."""

    component: Component
    amount_minor: AmountMinor
    reason: Text


class ReageBody(_Proposed, frozen=True, tag="plan_reaged"):
    """What is left of a plan is spread anew."""

    plan_id: PlanId
    installments: Annotated[int, Meta(ge=1, le=360)]
    first_due_on: date


class HolidayBody(_Proposed, frozen=True, tag="payment_holiday"):
    """A plan's installments that are not due yet move by so many periods."""

    plan_id: PlanId
    periods: Annotated[int, Meta(ge=1, le=36)]


class ChargeOffBody(_Proposed, frozen=True, tag="charged_off"):
    """The whole receivable is written off the books."""

    reason: Text


class UndoBody(_Proposed, frozen=True, tag="event_undone"):
    """An event was recorded in error."""

    event_id: EventId
    reason: Text


ProposalBody = WaiverBody | ReageBody | HolidayBody | ChargeOffBody | UndoBody


class DecisionBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Why it was decided so."""

    note: OptionalText = ""


class ProposalView(Struct, frozen=True):
    """A correction that waits for a second person, or what became of it."""

    id: str
    line_id: str
    kind: str
    fact: dict[str, Any]
    proposed_by: str
    proposed_at: datetime
    decision: str | None
    decided_by: str | None
    event_id: str | None


def _fact(body: ProposalBody) -> AnyFact:
    match body:
        case WaiverBody():
            return facts.Waived(component=body.component.value, amount_minor=body.amount_minor, reason=body.reason)
        case ReageBody():
            plausible(body.first_due_on, param="first_due_on")
            return facts.PlanReaged(
                plan_id=body_id(IdPrefix.PLAN, body.plan_id, param="plan_id"),
                installments=body.installments,
                first_due_on=body.first_due_on,
            )
        case HolidayBody():
            plan_id = body_id(IdPrefix.PLAN, body.plan_id, param="plan_id")
            return facts.PaymentHoliday(plan_id=plan_id, periods=body.periods)
        case ChargeOffBody():
            return facts.ChargedOff(reason=body.reason)
        case UndoBody():
            event_id = body_id(IdPrefix.EVENT, body.event_id, param="event_id")
            return facts.EventUndone(event_id=event_id, reason=body.reason)


def _view(proposal: Proposal) -> ProposalView:
    return ProposalView(
        id=encode_id(IdPrefix.PROPOSAL, proposal.proposal_id),
        line_id=encode_id(IdPrefix.LINE, proposal.line_id),
        kind=kind_of(proposal.fact),
        fact=public_fact(msgspec.to_builtins(proposal.fact)),
        proposed_by=proposal.proposed_by,
        proposed_at=proposal.proposed_at,
        decision=proposal.decision,
        decided_by=proposal.decided_by,
        event_id=None if proposal.event_id is None else encode_id(IdPrefix.EVENT, proposal.event_id),
    )


@post(
    "/lines/{line_id:str}/proposals",
    operation_id="propose_correction",
    tags=["corrections"],
    guards=[needs(Scope.CORRECTIONS_WRITE)],
    responses=problems(404, 409, 422),
    sync_to_thread=True,
)
def propose_one(
    request: Asked, line_id: LinePath, data: JSONBody[ProposalBody], idempotency_key: IdempotencyKey
) -> Response[ProposalView]:
    """Ask for a waiver, a restructure, a charge-off or an undo; nothing happens until a second person approves."""
    number, fact = line_number(line_id), _fact(data)

    def run(connection: Connection, act: Act) -> ProposalView | Refusal:
        proposal = propose(connection, number, fact, act=act)
        return proposal if isinstance(proposal, Refusal) else _view(proposal)

    return write(request, data, run, idempotency_key=idempotency_key, line_id=number)


@get(
    "/proposals",
    operation_id="list_proposals",
    tags=["corrections"],
    guards=[needs(Scope.LINES_READ)],
    responses=problems(),
    sync_to_thread=True,
)
def list_all(request: Asked, limit: PageLimit = 20, after: AfterProposal = None) -> Response[Page[ProposalView]]:
    """Proposals that wait, oldest first."""
    after_id = place_id(IdPrefix.PROPOSAL, after) or 0

    def run(connection: Connection, _: Act) -> Page[ProposalView]:
        rows = proposals.open_proposals(connection, after_id=after_id, most=limit + 1)
        return page(rows, limit=limit, view=_view, place=lambda row: encode_id(IdPrefix.PROPOSAL, row.proposal_id))

    return read(request, run)


@get(
    "/proposals/{proposal_id:str}",
    operation_id="get_proposal",
    tags=["corrections"],
    guards=[needs(Scope.LINES_READ)],
    responses=problems(404),
    sync_to_thread=True,
)
def get_one(request: Asked, proposal_id: ProposalPath) -> Response[ProposalView]:
    """One proposal: whether it waits, or what was decided, by whom, and the event that came of it."""
    number = path_id(IdPrefix.PROPOSAL, proposal_id)

    def run(connection: Connection, _: Act) -> ProposalView | Refusal:
        proposal = proposals.read_proposal(connection, number)
        if proposal is None:
            return Refusal(RefusalReason.PROPOSAL_UNKNOWN, field="proposal_id")
        return _view(proposal)

    return read(request, run)


@post(
    "/proposals/{proposal_id:str}/approve",
    operation_id="approve_proposal",
    tags=["corrections"],
    guards=[needs(Scope.CORRECTIONS_WRITE)],
    responses=problems(404, 409, 422),
    sync_to_thread=True,
)
def approve_one(
    request: Asked, proposal_id: ProposalPath, data: JSONBody[DecisionBody], idempotency_key: IdempotencyKey
) -> Response[Happened]:
    """A second person agrees: what was proposed happens today."""
    number = path_id(IdPrefix.PROPOSAL, proposal_id)
    edge, caller = edge_of(request), caller_of(request)

    def run(connection: Connection, act: Act) -> Happened | Refusal | OfferFault:
        proposal = proposals.lock_proposal(connection, number)
        if proposal is not None:
            act = edge.act_on_line(connection, caller, proposal.line_id)
        return happened(connection, approve(connection, number, act=act, note=data.note), act=act)

    return write(request, data, run, idempotency_key=idempotency_key)


@post(
    "/proposals/{proposal_id:str}/reject",
    operation_id="reject_proposal",
    tags=["corrections"],
    guards=[needs(Scope.CORRECTIONS_WRITE)],
    responses=problems(404, 409, 422),
    sync_to_thread=True,
)
def reject_one(
    request: Asked, proposal_id: ProposalPath, data: JSONBody[DecisionBody], idempotency_key: IdempotencyKey
) -> Response[ProposalView]:
    """A second person does not agree: nothing happens."""
    number = path_id(IdPrefix.PROPOSAL, proposal_id)

    def run(connection: Connection, act: Act) -> ProposalView | Refusal:
        refused = reject(connection, number, act=act, note=data.note)
        if isinstance(refused, Refusal):
            return refused
        decided = proposals.lock_proposal(connection, number)
        assert decided is not None
        return _view(decided)

    return write(request, data, run, idempotency_key=idempotency_key)


router = Router("/", route_handlers=[propose_one, list_all, get_one, approve_one, reject_one])
