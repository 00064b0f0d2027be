"""A disclosure tells every figure of the offer, adds up, says the same in both languages, and has one hash."""

import re
import tomllib
from datetime import date, timedelta
from decimal import Decimal
from importlib.resources import files
from string import Formatter
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from tallystick.terms.catalog import shipped_products
from tallystick.terms.contract import freeze
from tallystick.terms.disclosing import disclose_line, disclose_plan, disclose_terms, line_prices
from tallystick.terms.disclosure import CostKind, Disclosure, DisclosureKind, Language, PlanOffer, document_hash
from tallystick.terms.disclosure_texts import texts_in
from tallystick.terms.offering import OfferFault, OfferReason
from tallystick.terms.plan_terms import UnearnedCharges
from tallystick.terms.product import ChangeScope, InterestFree, LateFee, LateTerms, OfferKind, Product

PRODUCTS = shipped_products()
ON = date(2026, 11, 3)


def _plan_document(product: Product, **choice: Any) -> Disclosure:
    chosen = {
        "offer": OfferKind.ORDER_INSTALLMENTS,
        "price_code": "standard",
        "installments": 12,
        "principal_minor": 1_200_000,
        "drawn_on": ON,
    }
    document = disclose_plan(freeze(product, on=ON), **{**chosen, **choice})
    assert isinstance(document, Disclosure)
    return document


def _line_document(product: Product, *, limit_minor: int, previous_limit_minor: int | None = None) -> Disclosure:
    contract = freeze(product, on=ON)
    return disclose_line(
        contract,
        prices=line_prices(contract, on=ON),
        limit_minor=limit_minor,
        previous_limit_minor=previous_limit_minor,
        offered_on=ON,
    )


def _plan(document: Disclosure) -> PlanOffer:
    assert document.plan is not None
    return document.plan


def _sentences(document: Disclosure, *, language: Language, code: str) -> tuple[str, ...]:
    return next(passage.sentences for passage in document.wording[language] if passage.code == code)


def test_a_fee_plan_tells_the_annual_cost_first_and_every_amount_adds_up() -> None:
    document = _plan_document(PRODUCTS["baitiao"])
    plan = _plan(document)
    assert document.kind is DisclosureKind.INSTALLMENT_PLAN
    assert (document.rates.simple, document.rates.effective) == (Decimal("13.41"), Decimal("14.27"))
    assert [payment.total_minor for payment in plan.schedule] == [107_200] * 12
    assert sum(payment.principal_minor for payment in plan.schedule) == plan.principal_minor == 1_200_000
    assert plan.schedule[-1].principal_left_minor == 0
    assert [(cost.kind, cost.cost_minor, cost.percent) for cost in plan.costs] == [
        (CostKind.FEE, 86_400, Decimal("13.41"))
    ]
    assert "0.6%" in plan.costs[0].basis.en


def test_with_whole_months_the_fee_of_a_month_is_thirteen_percent_a_year() -> None:
    document = _plan_document(PRODUCTS["baitiao"], drawn_on=date(2026, 10, 28))
    assert (document.rates.simple, document.rates.effective) == (Decimal("13.03"), Decimal("13.84"))
    cash = _plan_document(PRODUCTS["cash"], offer=OfferKind.CASH, price_code="equal_installments")
    assert cash.kind is DisclosureKind.CASH_DRAW
    assert cash.rates.simple == Decimal("17.94")  # 18 % by days: short months charge less, the rate has equal ones


def test_a_free_plan_costs_nothing_and_says_who_pays() -> None:
    document = _plan_document(PRODUCTS["baitiao"], price_code="merchant_free", installments=6)
    assert (document.rates.simple, _plan(document).cost_minor) == (Decimal("0.00"), 0)
    assert [cost.percent for cost in _plan(document).costs] == [Decimal("0.00")]
    assert any("the merchant does" in said for said in _sentences(document, language="en", code="rate"))


def test_a_down_payment_is_told_apart_from_what_is_lent() -> None:
    document = _plan_document(PRODUCTS["scene-education"], principal_minor=1_000_000)
    plan = _plan(document)
    assert [cost.percent for cost in plan.costs] == [document.rates.simple]
    assert (plan.down_payment_minor, plan.principal_minor, len(plan.schedule)) == (200_000, 800_000, 12)
    assert sum(payment.principal_minor for payment in plan.schedule) == 800_000


def test_paying_late_is_told_with_figures() -> None:
    plan = _plan(_plan_document(PRODUCTS["baitiao"]))
    assert (plan.late.overdue_minor, plan.late.interest_minor, plan.late.penalty_minor) == (107_200, 0, 435)
    education = _plan_document(PRODUCTS["scene-education"], principal_minor=1_000_000)
    late = _plan(education).late
    assert late.late_fee_minor == round(late.overdue_minor * 0.01)
    assert late.interest_minor == round(_plan(education).schedule[0].principal_minor * 0.108 * 30 / 365)
    assert any("1% of what is overdue, at most CNY 50.00" in said for said in _late(education))


def _late(document: Disclosure) -> tuple[str, ...]:
    return _sentences(document, language="en", code="late")


@pytest.mark.parametrize(
    ("fee", "words"),
    [
        (LateFee(fixed_minor=2_000), "for each due date that is missed, CNY 20.00, charged"),
        (LateFee(fixed_minor=2_000, share_ppm=50_000, least_minor=2_500), "CNY 20.00 plus 5% of what is overdue, at l"),
    ],
)
def test_a_late_fee_is_told_as_it_is_reckoned(fee: LateFee, words: str) -> None:
    product = replace(PRODUCTS["baitiao"], late=LateTerms(grace_days=5, late_fee=fee))
    said = _late(_plan_document(product))
    assert any(words in sentence for sentence in said)
    assert any("within 5 days" in sentence for sentence in said)


def test_where_paying_late_costs_nothing_that_is_said_and_no_example_is_made_up() -> None:
    said = _late(_plan_document(replace(PRODUCTS["baitiao"], late=LateTerms(grace_days=0))))
    assert any("no late fee and no penalty" in sentence for sentence in said)
    assert not any("Example" in sentence for sentence in said)


def test_settling_early_is_told_with_what_it_costs_and_saves() -> None:
    baitiao = PRODUCTS["baitiao"]
    example = _plan(_plan_document(baitiao)).settlement
    assert example is not None
    assert (example.number, example.on) == (6, date(2027, 4, 28))
    assert (example.total_minor, example.saved_minor) == (600_000, 43_200)
    charged = replace(
        baitiao,
        early_settlement=replace(baitiao.early_settlement, fee_ppm=10_000, unearned_charges=UnearnedCharges.CHARGED),
    )
    dearer = _plan(_plan_document(charged)).settlement
    assert dearer is not None
    assert (dearer.total_minor, dearer.saved_minor) == (600_000 + 6_000 + 43_200, -6_000)


def test_settling_a_free_plan_for_a_fee_is_told_as_dearer() -> None:
    early = replace(PRODUCTS["baitiao"].early_settlement, fee_ppm=30_000)
    product = replace(PRODUCTS["baitiao"], early_settlement=early)
    document = _plan_document(product, price_code="merchant_free")
    said = _sentences(document, language="en", code="early")
    assert any("paid off with CNY 6,180.00; that is CNY 180.00 more than paying on schedule" in one for one in said)
    assert any("比按期还多付 180.00 元" in one for one in _sentences(document, language="zh", code="early"))


def test_purchases_that_are_never_free_are_not_told_to_be_free_when_paid_in_full() -> None:
    cycle = PRODUCTS["baitiao"].pay_next_month
    assert cycle is not None
    product = replace(PRODUCTS["baitiao"], pay_next_month=replace(cycle, interest_free=InterestFree.NEVER))
    document = _line_document(product, limit_minor=3_000_000)
    assert document.line is not None
    first, second = document.line.prices[:2]
    assert (first.way.en, str(first.simple_percent)) == ("Pay next month", "18.24")
    assert second.way.en.startswith("Order installments")
    assert _sentences(document, language="en", code="rate")[-1] == (
        "Every purchase bears 0.05% interest a day from the day of purchase, also when the statement is paid in full."
    )


def test_one_installment_has_no_middle_to_settle_in() -> None:
    single = _plan_document(PRODUCTS["cash"], offer=OfferKind.CASH, price_code="principal_at_end", installments=1)
    assert _plan(single).settlement is None


def test_a_line_shows_its_dearest_price_on_top_and_all_of_them_below() -> None:
    document = _line_document(PRODUCTS["baitiao"], limit_minor=3_000_000)
    assert document.kind is DisclosureKind.LINE_OPENING
    assert document.line is not None
    assert document.rates.simple == max(price.simple_percent for price in document.line.prices)
    assert len(document.line.prices) == 2 + 2 + 1 + 3  # pay next month two ways, order, bill, cash
    assert document.line.cash_limit_minor == 1_500_000


def test_a_new_limit_shows_the_old_one_and_may_be_refused() -> None:
    document = _line_document(PRODUCTS["baitiao"], limit_minor=5_000_000, previous_limit_minor=3_000_000)
    assert document.kind is DisclosureKind.LIMIT_OFFER
    assert any("refuse the new limit" in said for said in _sentences(document, language="en", code="rights"))


def test_rights_are_told_with_their_days_and_channels() -> None:
    document = _plan_document(PRODUCTS["baitiao"])
    english = " ".join(_sentences(document, language="en", code="rights"))
    for needed in ("7 days", "10 November 2026", "30 days before", "Human review", "95000", "12378", "gambling"):
        assert needed in english
    chinese = "".join(_sentences(document, language="zh", code="rights"))
    for needed in ("2026年11月10日", "人工复核", "95000", "赌博"):
        assert needed in chinese


def test_what_is_not_sold_is_refused_and_not_disclosed() -> None:
    refused = disclose_plan(
        freeze(PRODUCTS["cash"], on=ON),
        offer=OfferKind.ORDER_INSTALLMENTS,
        price_code="standard",
        installments=3,
        principal_minor=100_000,
        drawn_on=ON,
    )
    assert isinstance(refused, OfferFault)
    assert refused.reason is OfferReason.OFFER_NOT_SOLD


def test_a_document_comes_back_from_its_json_with_the_same_hash_and_any_change_shows() -> None:
    document = _plan_document(PRODUCTS["baitiao"])
    again = msgspec.json.decode(msgspec.json.encode(document), type=Disclosure)
    assert again == document
    assert document_hash(again) == document_hash(document)
    assert document_hash(_plan_document(PRODUCTS["baitiao"])) == document_hash(document)
    assert document_hash(_plan_document(PRODUCTS["baitiao"], principal_minor=1_200_001)) != document_hash(document)


def test_every_text_stands_in_both_languages_with_the_same_placeholders() -> None:
    document = tomllib.loads(files("tallystick.terms").joinpath("disclosure_texts.toml").read_text(encoding="utf-8"))
    for section, entries in document.items():
        if not isinstance(entries, dict):
            continue
        for name, text in entries.items():
            assert set(text) == {"zh", "en"}, f"{section}.{name}"
            placeholders = [{field for _, field, _, _ in Formatter().parse(text[code]) if field} for code in text]
            assert placeholders[0] == placeholders[1], f"{section}.{name}"


def test_every_text_is_used_and_every_key_named_in_the_code_exists() -> None:
    readers = ("terms/disclosing.py", "terms/disclosure_wording.py", "reports/disclosure.py")
    source = "\n".join(files("tallystick").joinpath(name).read_text(encoding="utf-8") for name in readers)
    keys = set(texts_in("en").entries)
    sections = {key.split(".")[0] for key in keys}
    named = {key for key in re.findall(r'"([a-z]+\.[a-z_]+)"', source) if key.split(".")[0] in sections}
    assert named - keys == set()
    chosen = set(re.findall(r'f"([a-z]+)\.[a-z_]*\{', source)) | {"purpose"}  # a part of the key is a variable
    assert {key for key in keys - named if key.split(".")[0] not in chosen and not key.endswith(".heading")} == set()


def test_every_forbidden_purpose_of_a_shipped_product_has_its_words() -> None:
    for product in PRODUCTS.values():
        document = _line_document(product, limit_minor=1_000_000)
        assert not any("_" in said for said in _sentences(document, language="en", code="rights"))


@pytest.mark.parametrize(
    ("scope", "sentence"),
    [
        (ChangeScope.NEW_DRAWS, "What you drew before 3 December 2026 keeps its price."),
        (ChangeScope.OUTSTANDING_TOO, "may pay it off free of charge before."),
    ],
)
def test_a_change_of_contract_tells_what_was_and_what_comes_and_how_to_object(
    scope: ChangeScope, sentence: str
) -> None:
    present = PRODUCTS["baitiao"]
    present = replace(present, notice=replace(present.notice, price_change_scope=scope))
    assert present.pay_next_month is not None
    dearer = replace(present, version=2, pay_next_month=replace(present.pay_next_month, daily_rate_ppm=600))
    old, new = freeze(present, on=ON), freeze(dearer, on=ON)
    document = disclose_terms(
        new,
        previous=old,
        prices=line_prices(new, on=ON),
        previous_prices=line_prices(old, on=ON),
        offered_on=ON,
        binds_on=ON + timedelta(days=30),
    )
    assert document.terms is not None
    assert document.terms.previous_simple_percent < document.rates.simple
    told = " ".join(_sentences(document, language="en", code="change"))
    assert sentence in told
    assert "You may object before 3 December 2026" in told
    assert msgspec.json.decode(msgspec.json.encode(document), type=Disclosure) == document
