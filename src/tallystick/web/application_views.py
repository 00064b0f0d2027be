"""How applications are told, and what every act on one answers: the application as it stands after that."""

from collections.abc import Callable, Sequence
from datetime import date, datetime

import msgspec
from litestar import Response
from msgspec import Struct
from psycopg import Connection

from tallystick.operations.application_explanations import explained
from tallystick.operations.lines import Act
from tallystick.servicing.refusals import Refusal, RefusalReason
from tallystick.storage import applications, credit_offers, overrides
from tallystick.storage.applications import ApplicationState, Stated, StoredApplication
from tallystick.storage.credit_offers import CreditOffer
from tallystick.storage.overrides import Override
from tallystick.terms.contract import NotSold
from tallystick.terms.offering import OfferFault
from tallystick.units.ids import IdPrefix, encode_id
from tallystick.web.answering import write
from tallystick.web.credit_offers import CreditOfferView, credit_offer_view
from tallystick.web.decision_views import ExplanationView, explanation_view
from tallystick.web.edge import Asked, edge_of
from tallystick.web.parameters import path_id
from tallystick.web.quotes import not_sold


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


def listed_applications(connection: Connection, rows: Sequence[StoredApplication]) -> list[ApplicationView]:
    """Applications as a list tells them."""
    numbers = [row.application_id for row in rows]
    offers = credit_offers.last_offers_of(connection, numbers)
    decided_otherwise = overrides.overrides_of(connection, numbers)
    return [_view(row, offers.get(row.application_id), decided_otherwise.get(row.application_id, [])) for row in rows]


def _view(
    application: StoredApplication, offer: CreditOffer | None, decided_otherwise: Sequence[Override]
) -> ApplicationView:
    reasons = application.reasons if application.told_reasons is None else application.told_reasons
    return ApplicationView(
        id=encode_id(IdPrefix.APPLICATION, application.application_id),
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
        overrides=[_override_view(each) for each in decided_otherwise],
        stated=None,
        explanation=None,
    )


def _override_view(override: Override) -> OverrideView:
    return msgspec.convert(override, OverrideView, from_attributes=True)


def told_application(request: Asked, connection: Connection, number: int) -> ApplicationView | Refusal:
    """An application with what was stated and what the borrower is told of it."""
    application = applications.read_application(connection, number)
    if application is None:
        return Refusal(RefusalReason.APPLICATION_UNKNOWN, field="application_id")
    told = explained(connection, application, deciders=edge_of(request).deciders)
    [whole] = listed_applications(connection, [application])
    return msgspec.structs.replace(whole, stated=application.stated, explanation=explanation_view(told))


def changed_application(
    request: Asked, application_id: str, body: object, act_on: Callable[..., object], *, idempotency_key: str
) -> Response[ApplicationView]:
    """Act on an application, and tell how it stands after that."""
    number = path_id(IdPrefix.APPLICATION, application_id)

    def run(connection: Connection, act: Act) -> ApplicationView | Refusal | OfferFault:
        try:
            done = act_on(connection, number, act=act)
        except NotSold as fault:
            raise not_sold(fault) from fault
        return done if isinstance(done, Refusal | OfferFault) else told_application(request, connection, number)

    return write(request, body, run, idempotency_key=idempotency_key)
