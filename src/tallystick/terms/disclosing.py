"""Makes the disclosure of an offer: figures from the plan's own schedule and flows, sentences from the texts."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Final

from msgspec import Struct

from tallystick.terms.annual_rates import (
    AnnualRates,
    DatedFlow,
    IrrRates,
    annual_rates,
    cn_irr_rates,
    published_percent,
)
from tallystick.terms.contract import ContractTerms
from tallystick.terms.days_off import moved
from tallystick.terms.disclosure import (
    Cost,
    CostKind,
    Disclosure,
    DisclosureKind,
    Language,
    LateExample,
    LineOffer,
    Passage,
    Payment,
    PlanOffer,
    PriceRange,
    RatePercents,
    SettlementExample,
    TermsOffer,
)
from tallystick.terms.disclosure_texts import LANGUAGES, DisclosureTexts, form_version, share_words, texts_in
from tallystick.terms.disclosure_wording import (
    Speaker,
    amortization_words,
    cost_basis,
    line_passages,
    plan_passages,
    price_basis,
    terms_passages,
)
from tallystick.terms.late_fees import late_fee_minor
from tallystick.terms.legality import REVOLVING_PRICE, Corner, price_corners, price_field
from tallystick.terms.minimum_due import least_due_minor
from tallystick.terms.offering import OfferFault, plan_terms, price_for
from tallystick.terms.plan_cost import PlanCost, plan_cost
from tallystick.terms.plan_terms import OverdueInterest, PlanTerms, Recalculation, UnearnedCharges
from tallystick.terms.product import (
    InstallmentPrice,
    InterestFree,
    Names,
    OfferKind,
    PayNextMonth,
    PenaltyBase,
    Product,
    installment_offers,
)
from tallystick.terms.schedule import InstallmentKind, down_payment_minor
from tallystick.terms.statement_days import closes_on, due_on
from tallystick.units.day_counts import year_share
from tallystick.units.rates import PPM

_FREE: Final = IrrRates(simple=Decimal(0), effective=Decimal(0))
_EXAMPLE_DAYS_LATE: Final = 30
_EXAMPLE_OVERDUE_MINOR: Final = 100_000


def disclose_plan(
    contract: ContractTerms,
    *,
    offer: OfferKind,
    price_code: str,
    installments: int,
    principal_minor: int,
    drawn_on: date,
) -> Disclosure | OfferFault:
    """The disclosure of one plan or cash draw, or why the product does not offer it."""
    product = contract.product
    price = price_for(product, offer=offer, price_code=price_code, installments=installments)
    if isinstance(price, OfferFault):
        return price
    terms = plan_terms(product, offer=offer, price=price, installments=installments, drawn_on=drawn_on)
    cost = plan_cost(terms, drawn_on=drawn_on, principal_minor=principal_minor)
    schedule = _payments(cost)
    down_minor = down_payment_minor(terms, drawn_minor=principal_minor)
    plan = PlanOffer(
        offer=offer,
        price_code=price_code,
        amortization=price.amortization,
        down_payment_minor=down_minor,
        principal_minor=principal_minor - down_minor,
        schedule=schedule,
        costs=_costs(schedule, price=price, drawn_on=drawn_on, principal_minor=principal_minor - down_minor),
        late=plan_late_example(product, first=schedule[0], terms=terms),
        settlement=_settlement_example(schedule, terms=terms),
    )
    rates = rate_percents(annual_rates(cost.flows))
    kind = DisclosureKind.CASH_DRAW if offer is OfferKind.CASH else DisclosureKind.INSTALLMENT_PLAN
    return _document(
        contract,
        kind=kind,
        offered_on=drawn_on,
        rates=rates,
        plan=plan,
        say=lambda speaker: plan_passages(plan, price=price, rates=rates, offered_on=drawn_on, speaker=speaker),
    )


class LinePrices(Struct, frozen=True, kw_only=True):
    """Every price of a contract at the highest it can cost, and the annual rates of the dearest.

    Found once for a contract and a day, for it looks at every corner of every price (most of a second), and then said
    in as many disclosures as there are lines.
    """

    terms_hash: str
    prices: tuple[PriceRange, ...]
    rates: RatePercents


def line_prices(contract: ContractTerms, *, on: date) -> LinePrices:
    """The prices that a line opened or raised on a day can come to within a year."""
    return prices_from(contract, corners=price_corners(contract.product, on=on))


def prices_from(contract: ContractTerms, *, corners: Mapping[str, Corner]) -> LinePrices:
    """The prices of a contract by the dearest corner of each, found before (`legality.price_corners`)."""
    ranges = _price_ranges(contract.product, corners=corners)
    dearest = max((rates for _, rates in ranges), key=lambda rates: rates.cn.simple)
    return LinePrices(
        terms_hash=contract.terms_hash,
        prices=tuple(price for price, _ in ranges),
        rates=rate_percents(dearest),
    )


def disclose_line(
    contract: ContractTerms,
    *,
    prices: LinePrices,
    limit_minor: int,
    previous_limit_minor: int | None = None,
    offered_on: date,
) -> Disclosure:
    """The disclosure of a line that is opened, or of a new limit where there is a previous one.

    Its rate is the highest that any price of the line can cost: nobody pays more than what stands at the top.
    """
    assert prices.terms_hash == contract.terms_hash, "prices are of the contract that is disclosed"
    product = contract.product
    line = LineOffer(
        limit_minor=limit_minor,
        cash_limit_minor=limit_minor * product.limit.cash_share_ppm // PPM,
        previous_limit_minor=previous_limit_minor,
        prices=prices.prices,
        late=line_late_example(product, on=offered_on),
    )
    kind = DisclosureKind.LINE_OPENING if previous_limit_minor is None else DisclosureKind.LIMIT_OFFER
    return _document(
        contract,
        kind=kind,
        offered_on=offered_on,
        rates=prices.rates,
        line=line,
        say=lambda speaker: line_passages(line, rates=prices.rates, speaker=speaker),
    )


def disclose_terms(
    contract: ContractTerms,
    *,
    previous: ContractTerms,
    prices: LinePrices,
    previous_prices: LinePrices,
    offered_on: date,
    binds_on: date,
) -> Disclosure:
    """The disclosure of a change of contract, for every line that is on the previous terms."""  # fmt: skip
    assert prices.terms_hash == contract.terms_hash, "prices are of the contract that is disclosed"
    assert previous_prices.terms_hash == previous.terms_hash, "and the previous ones of the previous contract"
    terms = TermsOffer(
        previous_terms_hash=previous.terms_hash,
        previous_version=previous.product.version,
        binds_on=binds_on,
        previous_simple_percent=previous_prices.rates.simple,
        prices=prices.prices,
        late=line_late_example(contract.product, on=offered_on),
    )
    return _document(
        contract,
        kind=DisclosureKind.TERMS_CHANGE,
        offered_on=offered_on,
        rates=prices.rates,
        terms=terms,
        say=lambda speaker: terms_passages(terms, previous=previous.product, rates=prices.rates, speaker=speaker),
    )


def plan_late_example(product: Product, *, first: Payment, terms: PlanTerms) -> LateExample:
    """What the first installment costs more when it is paid thirty days late."""
    interest_minor = 0
    if terms.overdue_interest is OverdueInterest.ACCRUES and terms.recalculation is Recalculation.DAILY:
        paid_on = first.due_on + timedelta(days=_EXAMPLE_DAYS_LATE)
        years = year_share(start_on=first.due_on, end_on=paid_on, day_count=terms.day_count, leap_rule=terms.leap_rule)
        interest_minor = round(first.principal_minor * Fraction(terms.nominal_rate) * years)
    penalty = product.late.penalty
    of_all = penalty is not None and penalty.base is PenaltyBase.OVERDUE_ALL
    return _late_example(
        product,
        overdue_minor=first.total_minor,
        missed_minor=first.total_minor,
        penalized_minor=first.total_minor if of_all else first.principal_minor,
        interest_minor=interest_minor,
    )


def line_late_example(product: Product, *, on: date) -> LateExample:
    """What paying thirty days late costs more: a bill of what was bought as it closed, none of it paid until then.

    It bears interest from its posting, and the late fee is of the minimum that was missed. A line without statements
    has an installment instead, at its dearest nominal rate. `on` is a day of the cycle that the bill closes.

    >>> from tallystick.terms.catalog import shipped_products
    >>> example = line_late_example(shipped_products()["baitiao"], on=date(2026, 11, 3))
    >>> example.interest_minor, example.penalty_minor  # 1,000 yuan for 39 days at 0.05 %
    (1950, 0)
    """
    cycle = product.pay_next_month
    if cycle is None:
        return _installment_late_example(product)
    closed_on = closes_on(on, cycle=cycle)
    due = moved(due_on(closed_on, cycle=cycle), calendar=product.calendar)
    days = (due - closed_on).days + _EXAMPLE_DAYS_LATE
    return _late_example(
        product,
        overdue_minor=_EXAMPLE_OVERDUE_MINOR,
        missed_minor=min(
            _EXAMPLE_OVERDUE_MINOR, least_due_minor(cycle.minimum_due, shared_minor=_EXAMPLE_OVERDUE_MINOR)
        ),
        penalized_minor=0,
        interest_minor=round(Fraction(_EXAMPLE_OVERDUE_MINOR * cycle.daily_rate_ppm * days, PPM)),
    )


def _installment_late_example(product: Product) -> LateExample:
    prices = [price for offer in installment_offers(product).values() for price in offer.prices]
    yearly_ppm = max((price.nominal_rate_ppm or 0 for price in prices), default=0)
    goes_on = product.interest.overdue is OverdueInterest.ACCRUES
    interest = Fraction(_EXAMPLE_OVERDUE_MINOR * yearly_ppm * _EXAMPLE_DAYS_LATE, PPM * 365)
    return _late_example(
        product,
        overdue_minor=_EXAMPLE_OVERDUE_MINOR,
        missed_minor=_EXAMPLE_OVERDUE_MINOR,
        penalized_minor=_EXAMPLE_OVERDUE_MINOR,
        interest_minor=round(interest) if goes_on else 0,
    )


def _late_example(
    product: Product, *, overdue_minor: int, missed_minor: int, penalized_minor: int, interest_minor: int
) -> LateExample:
    """Penalty interest counts the days after the due date and its grace, without the day of the payment."""
    fee = product.late.late_fee
    penalty_days = max(0, _EXAMPLE_DAYS_LATE - 1 - product.late.grace_days)
    return LateExample(
        overdue_minor=overdue_minor,
        days_late=_EXAMPLE_DAYS_LATE,
        interest_minor=interest_minor,
        penalty_minor=round(Fraction(penalized_minor * product.penalty_daily_ppm() * penalty_days, PPM)),
        late_fee_minor=0 if fee is None else late_fee_minor(fee, missed_minor=missed_minor),
    )


def rate_percents(rates: AnnualRates) -> RatePercents:
    """Annual rates as they are printed: the EU's to one decimal, the others to two."""
    return RatePercents(
        simple=published_percent(rates.cn.simple, decimals=2),
        effective=published_percent(rates.cn.effective, decimals=2),
        us_nominal=published_percent(rates.us_nominal, decimals=2),
        eu_effective=published_percent(rates.eu_effective, decimals=1),
    )


def _payments(cost: PlanCost) -> tuple[Payment, ...]:
    """The installments that come after the draw; a down payment is told apart."""
    regular = [part for part in cost.installments if part.kind is InstallmentKind.REGULAR]
    return tuple(
        Payment(
            number=number,
            due_on=part.due_on,
            principal_minor=part.principal_minor,
            interest_minor=part.interest_minor,
            fee_minor=part.fee_minor,
            principal_left_minor=part.balance_minor,
        )
        for number, part in enumerate(regular, start=1)
    )


def _costs(
    schedule: Sequence[Payment], *, price: InstallmentPrice, drawn_on: date, principal_minor: int
) -> tuple[Cost, ...]:
    """Interest and fee, each with what it alone costs per year; one of nothing where the plan is free."""
    interest = [payment.interest_minor for payment in schedule]
    fee = [payment.fee_minor for payment in schedule]
    charged = {CostKind.INTEREST: interest, CostKind.FEE: fee}
    asked = {kind: parts for kind, parts in charged.items() if any(parts)} or {CostKind.FEE: fee}
    received = DatedFlow(on=drawn_on, paid_minor=-principal_minor)
    costs = []
    for kind, parts in asked.items():
        flows = [
            DatedFlow(on=payment.due_on, paid_minor=payment.principal_minor + part)
            for payment, part in zip(schedule, parts, strict=True)
        ]
        percent = published_percent(cn_irr_rates([received, *flows]).simple, decimals=2)
        basis = _both(lambda texts: cost_basis(price, texts=texts))
        costs.append(Cost(kind=kind, basis=basis, cost_minor=sum(parts), percent=percent))
    return tuple(costs)


def _settlement_example(schedule: Sequence[Payment], *, terms: PlanTerms) -> SettlementExample | None:
    """Paying all off on the due date in the middle of the plan, when no interest is accrued; `None` for one payment."""
    if len(schedule) < 2:
        return None
    last_paid = schedule[len(schedule) // 2 - 1]
    left = [payment for payment in schedule if payment.number > last_paid.number]
    fees_minor = sum(payment.fee_minor for payment in left)
    unearned_fee_minor = fees_minor if terms.unearned_charges is UnearnedCharges.CHARGED else 0
    principal_minor = last_paid.principal_left_minor
    early_fee_minor = round(Fraction(principal_minor * terms.early_settlement_fee_ppm, PPM))
    return SettlementExample(
        number=last_paid.number,
        on=last_paid.due_on,
        principal_minor=principal_minor,
        early_fee_minor=early_fee_minor,
        unearned_fee_minor=unearned_fee_minor,
        saved_minor=sum(payment.interest_minor for payment in left) + fees_minor - unearned_fee_minor - early_fee_minor,
    )


# The dearest corner of a price stays the same for a month.
_rates_of: Final = lru_cache(maxsize=256)(annual_rates)


def _price_ranges(product: Product, *, corners: Mapping[str, Corner]) -> list[tuple[PriceRange, AnnualRates]]:
    """Every price of the line at the highest it can cost, with the annual rates of that combination."""
    rates = {field: _rates_of(corner.flows) for field, corner in corners.items()}
    ranges = []
    if product.pay_next_month is not None:
        revolving = rates[REVOLVING_PRICE]
        ranges += [(price, revolving) for price in _pay_next_month_ranges(product.pay_next_month, rates=revolving.cn)]
    for kind, offer in installment_offers(product).items():
        for place, price in enumerate(offer.prices):
            found = rates[price_field(kind, place)]
            ranges.append((_installment_range(kind, price=price, rates=found.cn), found))
    return ranges


def _pay_next_month_ranges(offer: PayNextMonth, *, rates: IrrRates) -> Iterator[PriceRange]:
    """Paid in full, where that is free, and revolving; one price where nothing is free."""
    if offer.interest_free is InterestFree.PAID_IN_FULL:
        yield _range("pay_next_month", basis=_both(lambda texts: texts("choice.pay_next_month_terms")), rates=_FREE)
    share = share_words(offer.daily_rate_ppm)
    code = "never_free" if offer.interest_free is InterestFree.NEVER else "revolving"
    yield _range(code, basis=_both(lambda texts: texts("choice.revolving_terms", share=share)), rates=rates)


def _range(code: str, *, basis: Names, rates: IrrRates) -> PriceRange:
    return PriceRange(
        way=_both(lambda texts: texts(f"choice.{code}")),
        basis=basis,
        least_installments=None,
        most_installments=None,
        simple_percent=published_percent(rates.simple, decimals=2),
        effective_percent=published_percent(rates.effective, decimals=2),
    )


def _installment_range(kind: OfferKind, *, price: InstallmentPrice, rates: IrrRates) -> PriceRange:
    return PriceRange(
        way=_both(
            lambda texts: texts(
                "choice.way",
                offer=texts(f"choice.{kind}"),
                amortization=amortization_words(price.amortization, texts=texts),
            )
        ),
        basis=_both(lambda texts: price_basis(price, texts=texts)),
        least_installments=price.least_installments,
        most_installments=price.most_installments,
        simple_percent=published_percent(rates.simple, decimals=2),
        effective_percent=published_percent(rates.effective, decimals=2),
    )


def _document(
    contract: ContractTerms,
    *,
    kind: DisclosureKind,
    offered_on: date,
    rates: RatePercents,
    say: Callable[[Speaker], tuple[Passage, ...]],
    plan: PlanOffer | None = None,
    line: LineOffer | None = None,
    terms: TermsOffer | None = None,
) -> Disclosure:
    product = contract.product
    wording: dict[Language, tuple[Passage, ...]] = {
        language: say(Speaker(product=product, texts=texts_in(language))) for language in LANGUAGES
    }
    return Disclosure(
        kind=kind,
        form_version=form_version(),
        terms_hash=contract.terms_hash,
        product_id=product.id,
        product_version=product.version,
        product_name=product.name,
        lender=product.lender.name,
        currency=product.currency,
        offered_on=offered_on,
        rates=rates,
        plan=plan,
        line=line,
        terms=terms,
        wording=wording,
    )


def _both(text: Callable[[DisclosureTexts], str]) -> Names:
    return Names(zh=text(texts_in("zh")), en=text(texts_in("en")))
