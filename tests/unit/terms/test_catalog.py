"""The products that ship are whole, and what contradicts itself in a product is refused with the way out."""

from importlib.resources import files

import pytest

from tallystick.terms.catalog import read_product, shipped_products
from tallystick.terms.form import FormFaults
from tallystick.terms.product import Component, OfferKind, installment_offers

BAITIAO = files("tallystick.terms").joinpath("products", "baitiao.toml").read_text(encoding="utf-8")


def _faults(text: str) -> list[str]:
    with pytest.raises(FormFaults) as found:
        read_product(text, file="product.toml")
    return [str(fault) for fault in found.value.faults]


def test_the_shipped_products_offer_what_their_names_say() -> None:
    products = shipped_products()
    assert set(installment_offers(products["baitiao"])) == set(OfferKind)
    assert set(installment_offers(products["cash"])) == {OfferKind.CASH}
    assert set(installment_offers(products["scene-education"])) == {OfferKind.ORDER_INSTALLMENTS}
    assert len({product.ledger_id for product in products.values()}) == len(products)


@pytest.mark.parametrize(
    ("was", "becomes", "fault"),
    [
        ('"CNY"', '"XYZ"', "currency: 'XYZ' is not known"),
        ('holiday_rule = "none"', 'holiday_rule = "following"', "calendar.holidays: belongs to a holiday_rule"),
        ('holiday_rule = "none"', 'holiday_rule = "none"\nholidays = "CN"', "calendar.holidays: belongs to a holiday_"),
        ('holiday_rule = "none"', 'holiday_rule = "following"\nholidays = "XX"', "calendar.holidays: no days off are"),
        ('holiday_rule = "none"', 'holiday_rule = "preceding"\nholidays = "CN"', "due_after_days: leaves 9 days"),
        ("due_after_days = 9", "due_after_days = 0", "pay_next_month.due_after_days: leaves 0 days: a payment could"),
        ('first = "one_period_after_draw"', 'first = "day_of_month", day = 5', "cash.due_dates.least_days: leaves 0"),
        ("least_minor = 50_000", "least_minor = 5_000_001", "limit.least_minor: above limit.most_minor"),
        ('"debt_repayment"]', '"debt_repayment", "goods"]', "purpose.forbidden: goods is allowed as well"),
        ('payee = "merchant"', 'payee = "borrower"', "purpose.payee: an order is paid to its merchant"),
        ("due_after_days = 9", "due_after_days = 9\ndue_day = 28", "pay_next_month: needs either due_day or due_after"),
        ("due_after_days = 9", "", "pay_next_month: needs either due_day or due_after_days"),
        ("cash_share_ppm = 500_000", "", "limit.cash_share_ppm: cash is offered"),
        ("most_principal_minor = 2_500_000", "most_principal_minor = 9_000_000", "cash.most_principal_minor: above"),
        ('first = "one_period_after_draw"', 'first = "day_of_month"', "cash.due_dates.day: belongs to"),
        ('first = "one_period_after_draw" }', 'first = "one_period_after_draw" }\ndown_payment_ppm = 999_999',
         "cash.down_payment_ppm: leaves nothing to lend of the least principal; lower it"),
        ("fee_per_period_ppm = 6_000", "", "order_installments.prices[0]: has 0 prices; give exactly one of"),
        ("fee_per_period_ppm = 6_000", "fee_per_period_ppm = 1\nnominal_rate_ppm = 1", "order_installments.prices[0]"),
        ("nominal_rate_ppm = 144_000", "nominal_rate_ppm = 144_000\nmerchant_subsidy_ppm = 1", "merchant_subsidy_ppm: "
         "needs a price per period"),
        ('code = "merchant_free"', 'code = "standard"', "order_installments.prices: two prices of code standard hold "
         "for 3 installments"),
        ("most_installments = 24", "most_installments = 2", "prices[0].least_installments: above most_installments"),
        ("daily_rate_ppm = 150 }", "daily_rate_ppm = 150, multiple_ppm = 1_300_000 }", "late.penalty: needs either"),
        ("grace_days = 0", "grace_days = 0\nlate_fee = {}", "late.late_fee: charges nothing"),
        ("from_days = 1,", "from_days = 40,", "delinquency.buckets: do not rise from 0"),
        ('code = "m2"', 'code = "m1"', "delinquency.buckets: two have one code"),
        ("charge_off_from_days = 181", "charge_off_from_days = 90", "delinquency.charge_off_from_days: before default"),
        ("[cares.deceased]", "[cares.decesed]", "cares.decesed: 'decesed' is none of its words; did you mean deceased"),
        ("[[allocation.payment]]", "[[allocation.paiment]]", "allocation.payment: missing"),
        ("from_days_past_due = 91", "from_days_past_due = 0", "allocation.payment: does not rise from 0"),
        ('["penalty", "fee", "interest", "principal"]', '["penalty", "fee", "interest"]', "is no order of all compon"),
        ("version = 1", "version = 0", "version: 0 is out of range; give a whole number of at least 1"),
        ('jurisdiction = "CN"', 'jurisdiction = "China"', "jurisdiction: 'China' has another form"),
    ],
)  # fmt: skip
def test_a_contradiction_is_refused_with_its_key(was: str, becomes: str, fault: str) -> None:
    assert was in BAITIAO
    assert any(fault in found for found in _faults(BAITIAO.replace(was, becomes)))


def test_a_product_without_an_offer_is_refused() -> None:
    start, end = BAITIAO.index("[pay_next_month]"), BAITIAO.index("[early_settlement]")
    assert any("nothing is offered" in fault for fault in _faults(BAITIAO[:start] + BAITIAO[end:]))


def test_installments_with_the_statement_need_statements() -> None:
    start, end = BAITIAO.index("[pay_next_month]"), BAITIAO.index("[order_installments]")
    found = _faults(BAITIAO[:start] + BAITIAO[end:])
    assert any("order_installments.due_dates.first: there are no statements" in fault for fault in found)
    assert any("bill_installments: there are no bills" in fault for fault in found)


def test_past_ninety_days_principal_is_paid_first_and_unknown_kinds_are_payments() -> None:
    product = shipped_products()["baitiao"]
    assert product.allocation_rule("payment", days_past_due=90).components[0] is Component.PENALTY
    assert product.allocation_rule("payment", days_past_due=91).components[0] is Component.PRINCIPAL
    assert product.allocation_rule("direct_debit", days_past_due=0).components[0] is Component.PENALTY
    assert product.allocation_rule("refund", days_past_due=0).components[0] is Component.PRINCIPAL


def test_a_penalty_by_multiple_is_the_part_above_the_lines_own_rate() -> None:
    once_and_a_half = BAITIAO.replace("daily_rate_ppm = 150 }", "multiple_ppm = 1_500_000 }")
    assert read_product(once_and_a_half, file="product.toml").penalty_daily_ppm() == 250
    assert shipped_products()["baitiao"].penalty_daily_ppm() == 150
    assert shipped_products()["scene-education"].penalty_daily_ppm() == 0


def test_a_section_that_cannot_be_read_hides_no_fault_of_the_others() -> None:
    """A wrong type, an unknown key and a missing section beside contradictions: all of them at once."""
    text = BAITIAO.replace("grace_days = 0", 'grace_days = "none"').replace("floor_minor = 5_000", "flor_minor = 5_000")
    text = text.replace("[notice]", "[notes]").replace("least_minor = 50_000", "least_minor = 5_000_001")
    text = text.replace("nominal_rate_ppm = 132_000", "").replace('code = "m2"', 'code = "m1"')
    found = _faults(text)
    for fault in (
        "late.grace_days: 'none' is no whole number",
        "pay_next_month.minimum_due.flor_minor: unknown key; did you mean floor_minor?",
        "pay_next_month.minimum_due.floor_minor: missing",
        "notes: unknown key; did you mean notice?",
        "notice: missing",
        "limit.least_minor: above limit.most_minor",
        "delinquency.buckets: two have one code",
    ):
        assert any(fault in told for told in found), (fault, found)
    assert not any("there are no bills" in told for told in found), "what could not be read is not called absent"


def test_a_file_without_anything_in_it_names_all_that_is_missing() -> None:
    found = _faults("")
    assert "product.toml: id: missing; give a text in quotes" in found
    assert [fault.partition(";")[0] for fault in found if "missing" not in fault] == [
        "product.toml: nothing is offered"
    ]
