"""The catalog of products: TOML files, read whole, with every fault of a file told at once."""

from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from importlib.resources import files
from itertools import pairwise
from typing import Any, Final

from tallystick.terms.days_off import is_known_country
from tallystick.terms.form import FaultNotes, FormFaults, read_fields
from tallystick.terms.product import (
    CalendarRules,
    CareKind,
    Component,
    DueDates,
    EasingTerms,
    FirstDue,
    InstallmentOffer,
    InstallmentPrice,
    LateTerms,
    OfferKind,
    Payee,
    Product,
    installment_offers,
)
from tallystick.units.money import MINOR_DIGITS
from tallystick.units.periods import HolidayRule
from tallystick.units.rates import PPM

# More days than any run of days off has (China's longest are nine): a due date moves back by less.
_LONGEST_RUN_DAYS: Final = 14
PRICE_KEYS: Final = ("fee_per_period_ppm", "interest_per_period_ppm", "nominal_rate_ppm")


@cache
def shipped_products() -> Mapping[str, Product]:
    """The products that ship with Tallystick, by id.

    >>> sorted(shipped_products())
    ['baitiao', 'cash', 'scene-education']
    """
    folder = files("tallystick.terms").joinpath("products")
    found = sorted((file for file in folder.iterdir() if file.name.endswith(".toml")), key=lambda file: file.name)
    products = [read_product(file.read_text(encoding="utf-8"), file=file.name) for file in found]
    return {product.id: product for product in products}


def read_product(text: str, *, file: str) -> Product:
    """Read one product. Raises `FormFaults` with everything that is wrong in it.

    What could be read is judged also where other sections could not.
    """
    notes = FaultNotes(file)
    fields = read_fields(text, form=Product, notes=notes)
    product = Product(**{**dict.fromkeys(Product.__struct_fields__), "easing": EasingTerms(), **fields})
    unread = _unread(fields, notes)
    for needed, contradictions in _JUDGED:
        if unread.isdisjoint(needed):
            for key, problem, way_out in contradictions(product):
                notes.add(key, problem, way_out)
    if notes.faults:
        raise FormFaults(notes.faults)
    return product


def _unread(fields: Mapping[str, Any], notes: FaultNotes) -> frozenset[str]:
    """The sections of a product that are missing or have a fault of form."""
    faulty = {fault.key.split(".")[0].split("[")[0] for fault in notes.faults}
    return frozenset(name for name in Product.__struct_fields__ if name not in fields and name in faulty)


Contradiction = tuple[str, str, str]


def _of_units(product: Product) -> Iterator[Contradiction]:
    if product.currency not in MINOR_DIGITS:
        yield "currency", f"{product.currency!r} is not known", f"use one of {', '.join(sorted(MINOR_DIGITS))}"


def _of_limit(product: Product) -> Iterator[Contradiction]:
    if product.limit.least_minor > product.limit.most_minor:
        yield "limit.least_minor", "above limit.most_minor", "exchange the two"


def _of_calendar(product: Product) -> Iterator[Contradiction]:
    calendar = product.calendar
    if (calendar.holiday_rule is HolidayRule.NONE) != (calendar.holidays is None):
        yield "calendar.holidays", "belongs to a holiday_rule that moves due dates", "give both, or none of them"
    if calendar.holidays is not None and not is_known_country(calendar.holidays):
        yield "calendar.holidays", f"no days off are known of {calendar.holidays}", "give another ISO code"


def _of_what_is_sold(product: Product) -> Iterator[Contradiction]:
    if product.pay_next_month is None and not installment_offers(product):
        yield "", "nothing is offered", "write [pay_next_month], [order_installments], [bill_installments] or [cash]"
    if product.bill_installments is not None and product.pay_next_month is None:
        yield "bill_installments", "there are no bills to convert", "write [pay_next_month] as well"


def _of_cares(product: Product) -> Iterator[Contradiction]:
    for kind in CareKind:
        if kind not in product.cares:
            yield f"cares.{kind}", "missing", "say what stops, and how the borrower is treated"


def _of_purpose(product: Product) -> Iterator[Contradiction]:
    both = sorted(set(product.purpose.allowed) & set(product.purpose.forbidden))
    if both:
        yield "purpose.forbidden", f"{', '.join(both)} is allowed as well", "take it out of one of the two lists"
    if product.purpose.payee is Payee.BORROWER and (product.order_installments or product.pay_next_month):
        yield "purpose.payee", "an order is paid to its merchant", 'write payee = "merchant"'


def _of_pay_next_month(product: Product) -> Iterator[Contradiction]:
    offer = product.pay_next_month
    if offer is None:
        return
    if (offer.due_day is None) == (offer.due_after_days is None):
        yield "pay_next_month", "needs either due_day or due_after_days", "give exactly one of them"
    if offer.due_day is not None:
        to_pay = (offer.due_day - offer.statement_day) % 28 or 28  # days in the shortest month
        yield from _of_time_to_pay(to_pay, key="pay_next_month.due_day", calendar=product.calendar)
    yield from _of_time_to_pay(offer.due_after_days, key="pay_next_month.due_after_days", calendar=product.calendar)


def _of_cash(product: Product) -> Iterator[Contradiction]:
    if product.cash is not None and product.limit.cash_share_ppm == 0:
        yield "limit.cash_share_ppm", "cash is offered, but none of the limit may be drawn in cash", "give its share"


def _of_offer(product: Product, *, kind: OfferKind) -> Iterator[Contradiction]:
    offer = installment_offers(product).get(kind)
    if offer is None:
        return
    if offer.least_principal_minor > offer.most_principal_minor:
        yield f"{kind}.least_principal_minor", f"above {kind}.most_principal_minor", "exchange the two"
    if offer.most_principal_minor > product.limit.most_minor:
        yield f"{kind}.most_principal_minor", "above limit.most_minor", "lower it, or raise the limit"
    if offer.least_principal_minor * (PPM - offer.down_payment_ppm) < PPM:
        yield f"{kind}.down_payment_ppm", "leaves nothing to lend of the least principal", "lower it"
    yield from _of_due_dates(offer.due_dates, key=f"{kind}.due_dates", product=product)
    yield from _of_prices(offer, key=f"{kind}.prices")


def _of_due_dates(due_dates: DueDates, *, key: str, product: Product) -> Iterator[Contradiction]:
    if (due_dates.first is FirstDue.DAY_OF_MONTH) != (due_dates.day is not None):
        yield f"{key}.day", 'belongs to first = "day_of_month", and only to it', "give both or neither"
    if due_dates.first is FirstDue.DAY_OF_MONTH:
        yield from _of_time_to_pay(due_dates.least_days, key=f"{key}.least_days", calendar=product.calendar)
    if due_dates.first is FirstDue.WITH_STATEMENT and product.pay_next_month is None:
        yield f"{key}.first", "there are no statements", 'write "one_period_after_draw" or "day_of_month"'


def _of_time_to_pay(days: int | None, *, key: str, calendar: CalendarRules) -> Iterator[Contradiction]:
    """Nothing falls due before it is drawn or told, also where a day off moves the due date back."""
    moves_back = calendar.holiday_rule in {HolidayRule.PRECEDING, HolidayRule.MODIFIED_FOLLOWING}
    least = _LONGEST_RUN_DAYS if moves_back else 1
    if days is not None and days < least:
        problem = f"leaves {days} days: a payment could fall due before it is asked for"
        yield key, problem, f"leave at least {least}"


def _of_prices(offer: InstallmentOffer, *, key: str) -> Iterator[Contradiction]:
    for place, price in enumerate(offer.prices):
        where = f"{key}[{place}]"
        if price.least_installments > price.most_installments:
            yield f"{where}.least_installments", "above most_installments", "exchange the two"
        given = [name for name in PRICE_KEYS if getattr(price, name) is not None]
        if len(given) != 1:
            yield where, f"has {len(given)} prices", f"give exactly one of {', '.join(PRICE_KEYS)}; 0 is free"
        if price.merchant_subsidy_ppm and price.nominal_rate_ppm is not None:
            yield f"{where}.merchant_subsidy_ppm", "needs a price per period", "give fee_per_period_ppm instead"
    yield from _of_overlaps(offer.prices, key=key)


def _of_overlaps(prices: tuple[InstallmentPrice, ...], *, key: str) -> Iterator[Contradiction]:
    ordered = sorted(prices, key=lambda price: (price.code, price.least_installments))
    for lower, upper in pairwise(ordered):
        if lower.code == upper.code and upper.least_installments <= lower.most_installments:
            count = upper.least_installments
            yield key, f"two prices of code {upper.code} hold for {count} installments", "give one another code"


def _of_late(product: Product) -> Iterator[Contradiction]:
    late: LateTerms = product.late
    if late.penalty is not None and (late.penalty.multiple_ppm is None) == (late.penalty.daily_rate_ppm is None):
        yield "late.penalty", "needs either multiple_ppm or daily_rate_ppm", "give exactly one of them"
    if late.penalty is not None and late.penalty.multiple_ppm is not None and product.pay_next_month is None:
        yield "late.penalty.multiple_ppm", "the line has no daily rate to multiply", "give daily_rate_ppm"
    fee = late.late_fee
    if fee is not None and fee.most_minor is not None and fee.least_minor > fee.most_minor:
        yield "late.late_fee.least_minor", "above late.late_fee.most_minor", "exchange the two"
    if fee is not None and fee.fixed_minor == 0 and fee.share_ppm == 0:
        yield "late.late_fee", "charges nothing", "give fixed_minor or share_ppm, or leave the section out"


def _of_allocation(product: Product) -> Iterator[Contradiction]:
    if "payment" not in product.allocation:
        yield "allocation.payment", "missing", "say in which order a payment pays what is owed"
    for kind, rules in product.allocation.items():
        days = [rule.from_days_past_due for rule in rules]
        if not days or days[0] != 0 or days != sorted(set(days)):
            yield f"allocation.{kind}", "does not rise from 0 days past due", "list its rules from 0 upward"
        for place, rule in enumerate(rules):
            if sorted(rule.components) != sorted(Component):
                names = ", ".join(Component)
                yield f"allocation.{kind}[{place}].components", "is no order of all components", f"name once: {names}"


def _of_delinquency(product: Product) -> Iterator[Contradiction]:
    days = [bucket.from_days for bucket in product.delinquency.buckets]
    if days[0] != 0 or days != sorted(set(days)):
        yield "delinquency.buckets", "do not rise from 0", "list them from 0 days past due upward"
    codes = [bucket.code for bucket in product.delinquency.buckets]
    if len(set(codes)) != len(codes):
        yield "delinquency.buckets", "two have one code", "name each once"
    if product.delinquency.charge_off_from_days < product.delinquency.default_from_days:
        yield "delinquency.charge_off_from_days", "before default_from_days", "charge off no earlier than default"


# What the types alone cannot see, with the sections that each looks at.
_JUDGED: Final[tuple[tuple[frozenset[str], Callable[[Product], Iterator[Contradiction]]], ...]] = (
    (frozenset({"currency"}), _of_units),
    (frozenset({"limit"}), _of_limit),
    (frozenset({"calendar"}), _of_calendar),
    (frozenset({"pay_next_month", *OfferKind}), _of_what_is_sold),
    (frozenset({"purpose", "pay_next_month", "order_installments"}), _of_purpose),
    (frozenset({"cash", "limit"}), _of_cash),
    *((frozenset({kind, "limit", "calendar", "pay_next_month"}), partial(_of_offer, kind=kind)) for kind in OfferKind),
    (frozenset({"pay_next_month", "calendar"}), _of_pay_next_month),
    (frozenset({"late", "pay_next_month"}), _of_late),
    (frozenset({"allocation"}), _of_allocation),
    (frozenset({"delinquency"}), _of_delinquency),
    (frozenset({"cares"}), _of_cares),
)
