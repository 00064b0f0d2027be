"""An authorization as it is told: its outcome and reasons in both languages, what is held, installments to show."""

from datetime import datetime

from msgspec import Struct
from psycopg import Connection

from tallystick.operations.deciding import Deciders
from tallystick.operations.decision_record import REVIEWED
from tallystick.operations.reviewing import final_outcome
from tallystick.servicing.line import Line
from tallystick.storage import decisions
from tallystick.storage.contracts import Contracts
from tallystick.storage.decisions import StoredDecision
from tallystick.storage.lines import read_line
from tallystick.storage.reviews import read_review
from tallystick.storage.step_ups import retries_among
from tallystick.strategy.case_columns import NO_PRICE, OUTCOME_TEXTS, TAKEN_BACK_TEXTS, CheckpointName
from tallystick.strategy.checkpoint import Checkpoint
from tallystick.terms.own_price import shown_prices
from tallystick.terms.product import Product
from tallystick.units.ids import IdPrefix, encode_id
from tallystick.web.decision_views import ReasonView, optional_id, reason_views
from tallystick.web.happening import not_there


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
    `hold_id` is held; `held_minor` is what of it is held now. `is_withdrawn`: it was decided too late and taken back;
    `zh` and `en` say so, and no installments are shown. `step_up_of` is the authorization that had asked for the second
    factor, where this one came again after it.
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
    step_up_of: str | None


def authorization_view(
    decision: StoredDecision,
    checkpoint: Checkpoint,
    *,
    merchant_id: int | None,
    product: Product,
    held_minor: int,
    is_withdrawn: bool = False,
    final: str | None = None,
    step_up_of: int | None = None,
) -> AuthorizationView:
    """A decision with the words of the checkpoint that made it, and the prices of the line's own terms."""
    assert decision.line_id is not None
    assert decision.amount_minor is not None
    final = decision.outcome if final is None else final
    zh, en = TAKEN_BACK_TEXTS if is_withdrawn else OUTCOME_TEXTS[final]
    return AuthorizationView(
        id=encode_id(IdPrefix.AUTHORIZATION, decision.decision_id),
        line_id=encode_id(IdPrefix.LINE, decision.line_id),
        merchant_id=None if merchant_id is None else encode_id(IdPrefix.MERCHANT, merchant_id),
        amount_minor=decision.amount_minor,
        outcome=decision.outcome,
        final_outcome=final,
        zh=zh,
        en=en,
        reasons=reason_views(checkpoint, decision.reasons),
        hold_id=None if decision.hold_id is None else encode_id(IdPrefix.HOLD, decision.hold_id),
        held_minor=held_minor,
        installments=[] if is_withdrawn else _installments(decision, product),
        strategy_id=decision.strategy_id,
        decided_at=decision.decided_at,
        is_withdrawn=is_withdrawn,
        step_up_of=optional_id(IdPrefix.AUTHORIZATION, step_up_of),
    )


def _installments(decision: StoredDecision, product: Product) -> list[InstallmentsView]:
    """The line's prices of that code, or of the one that its contract gives it, as far as the strategy shows them."""
    code, most = decision.outputs.get("price_code", NO_PRICE), int(decision.outputs.get("most_installments", 0))
    if code == NO_PRICE or decision.hold_id is None:
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
        for price in shown_prices(product, code=code, most_installments=most)
    ]


def purchase_decision(connection: Connection, number: int) -> StoredDecision:
    """Raises `Problem` where there is no decision on a purchase of that number."""
    decision = decisions.read_decision(connection, number)
    if decision is None or decision.checkpoint != CheckpointName.AUTHORIZE:
        raise not_there(IdPrefix.AUTHORIZATION, kind="authorization")
    return decision


def authorization_views(
    connection: Connection, made: list[StoredDecision], *, deciders: Deciders
) -> list[AuthorizationView]:
    """Decisions as they are told, with what is held now; each line is read once."""
    numbers = [each.decision_id for each in made]
    withdrawn, step_up_of = decisions.withdrawn_among(connection, numbers), retries_among(connection, numbers)
    stands = {line_id: _stands(connection, line_id) for line_id in {each.line_id for each in made}}
    views = []
    for decision in made:
        line = stands[decision.line_id]
        held = [hold for hold in line.holds if hold.hold_id == decision.hold_id]
        review = read_review(connection, decision.decision_id) if decision.outcome == REVIEWED else None
        views.append(
            authorization_view(
                decision,
                deciders.compiled(connection, decision.strategy_id)[CheckpointName.AUTHORIZE],
                merchant_id=held[0].merchant_id if held else None,
                product=Contracts(connection)[line.contract_hash],
                held_minor=sum(hold.left_minor for hold in held),
                is_withdrawn=decision.decision_id in withdrawn,
                final=final_outcome(decision, review),
                step_up_of=step_up_of.get(decision.decision_id),
            )
        )
    return views


def _stands(connection: Connection, line_id: int | None) -> Line:
    stored = None if line_id is None else read_line(connection, line_id)
    assert stored is not None, "a purchase is decided on a line"
    return stored.line
