"""What cares mean by the contract: fees of plans that stop or go on, contact and reporting, the strictest of all."""

from datetime import date, timedelta

import pytest
from msgspec.structs import replace
from tests.lives import Life, plan_choice

from tallystick.servicing import facts
from tallystick.servicing import plan as plans
from tallystick.servicing.cares import treatment
from tallystick.servicing.refusals import Refusal, RefusalReason
from tallystick.terms.catalog import shipped_products
from tallystick.terms.product import Accrues, CareKind, Contact, Product, Reporting

BAITIAO = shipped_products()["baitiao"]
OPENED_ON = date(2026, 1, 5)


@pytest.mark.parametrize(
    ("cares", "contact", "reporting"),
    [
        ((), Contact.BORROWER, Reporting.CONTINUES),
        ((CareKind.HARDSHIP,), Contact.BORROWER_IN_WRITING, Reporting.MARKED),
        ((CareKind.DECEASED,), Contact.ESTATE_IN_WRITING, Reporting.WITHHELD),
        ((CareKind.IDENTITY_THEFT, CareKind.HARDSHIP), Contact.NOBODY, Reporting.WITHHELD),
    ],
)
def test_the_strictest_care_says_who_is_spoken_to_and_what_is_reported(
    cares: tuple[CareKind, ...], contact: Contact, reporting: Reporting
) -> None:
    life = Life(product=BAITIAO).open(OPENED_ON)
    for care in cares:
        assert not isinstance(life.act(facts.CareBegun(kind=care), today=OPENED_ON), Refusal)
    assert life.line is not None
    treated = treatment(life.line, terms=BAITIAO)
    assert (treated.contact, treated.reporting) == (contact, reporting)


def test_what_a_care_means_is_the_contracts_word() -> None:
    gentle = replace(BAITIAO.cares[CareKind.HARDSHIP], contact=Contact.BORROWER, reporting=Reporting.CONTINUES)
    terms = replace(BAITIAO, cares={**BAITIAO.cares, CareKind.HARDSHIP: gentle})
    life = Life(product=terms).open(OPENED_ON)
    assert not isinstance(life.act(facts.CareBegun(kind=CareKind.HARDSHIP), today=OPENED_ON), Refusal)
    assert life.line is not None
    assert treatment(life.line, terms=terms).contact is Contact.BORROWER


DIED_ON = date(2026, 2, 10)
DEAR_TO_SETTLE = replace(BAITIAO, early_settlement=replace(BAITIAO.early_settlement, fee_ppm=30_000))


def in_installments(product: Product) -> Life:
    """6,000 yuan drawn in six installments of 1,000 and a fee of 36, the first due on 28 January; a hold besides."""
    life = Life(product=product).open(OPENED_ON)
    bought = facts.Drawdown(
        draw_id=1,
        kind=facts.DrawKind.PURCHASE,
        amount_minor=600_000,
        merchant_id=3,
        plan=plan_choice(product, plan_id=50, on=OPENED_ON, installments=6),
    )
    held = facts.HoldPlaced(hold_id=9, amount_minor=120_000, expires_on=date(2026, 6, 1), merchant_id=3)
    for fact in (bought, held):
        assert not isinstance(life.act(fact, today=OPENED_ON), Refusal)
    assert not isinstance(life.act(facts.CareBegun(kind=CareKind.DECEASED), today=DIED_ON), Refusal)
    return life


def fees_of(life: Life, place: int = 0) -> list[int]:
    assert life.line is not None
    return [part.fee_minor for part in life.line.plans[place].installments]


def test_periods_that_have_not_begun_cost_no_fee_where_fees_stop_and_settling_is_free() -> None:
    life = in_installments(DEAR_TO_SETTLE)
    assert fees_of(life) == [3_600, 3_600, 0, 0, 0, 0], "the second period runs since 28 January"
    assert life.line is not None
    quote = plans.settle_quote(life.line.plans[0], on=DIED_ON)
    assert (quote.fee_minor, quote.settlement_fee_minor, quote.total_minor) == (7_200, 0, 607_200)
    ended = DIED_ON + timedelta(days=1)
    assert not isinstance(life.act(facts.CareEnded(kind=CareKind.DECEASED), today=ended), Refusal)
    assert fees_of(life) == [3_600, 3_600, 0, 0, 0, 0], "what was stopped stays stopped on what was drawn before"


def test_fees_go_on_where_the_contract_says_so() -> None:
    kept = replace(BAITIAO.cares[CareKind.DECEASED], fee=Accrues.CONTINUES)
    product = replace(DEAR_TO_SETTLE, cares={**BAITIAO.cares, CareKind.DECEASED: kept})
    life = in_installments(product)
    assert fees_of(life) == [3_600] * 6
    assert life.line is not None
    assert plans.settle_quote(life.line.plans[0], on=DIED_ON).settlement_fee_minor == 15_000


def test_what_a_merchant_still_captures_in_a_care_costs_nothing() -> None:
    life = in_installments(BAITIAO)
    captured = facts.Drawdown(
        draw_id=2,
        kind=facts.DrawKind.PURCHASE,
        amount_minor=120_000,
        merchant_id=3,
        hold_id=9,
        plan=plan_choice(BAITIAO, plan_id=51, on=DIED_ON, installments=6),
    )
    assert not isinstance(life.act(captured, today=DIED_ON), Refusal)
    assert fees_of(life, 1) == [0] * 6


@pytest.mark.parametrize("fee", list(Accrues))
@pytest.mark.parametrize("charged_from", [DIED_ON, DIED_ON - timedelta(days=1)])
def test_no_fee_is_charged_by_hand_while_a_care_stops_fees(fee: Accrues, charged_from: date) -> None:
    terms = replace(BAITIAO, cares={CareKind.DECEASED: replace(BAITIAO.cares[CareKind.DECEASED], fee=fee)})
    life = Life(product=terms).open(OPENED_ON)
    copy = facts.FeeCharged(charge_id=1, amount_minor=500, reason="card copy")
    assert not isinstance(life.act(facts.CareBegun(kind=CareKind.DECEASED), today=DIED_ON), Refusal)
    charged = life.act(copy, today=DIED_ON, on=charged_from)
    if fee is Accrues.CONTINUES:
        assert not isinstance(charged, Refusal)
        return
    assert isinstance(charged, Refusal)
    assert (charged.reason, charged.field) == (RefusalReason.LINE_IN_CARE, "line")
    assert charged.figures == {"cares": [CareKind.DECEASED]}
    assert not isinstance(life.act(facts.CareEnded(kind=CareKind.DECEASED), today=DIED_ON), Refusal)
    assert not isinstance(life.act(copy, today=DIED_ON), Refusal)
