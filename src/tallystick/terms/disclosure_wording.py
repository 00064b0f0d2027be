"""The sentences of a disclosure: what each rule of the product means, with its figures, in one language."""

from collections.abc import Iterator
from datetime import date, timedelta

from msgspec import Struct

from tallystick.terms.disclosure import LateExample, LineOffer, Passage, PlanOffer, RatePercents, TermsOffer
from tallystick.terms.disclosure_texts import DisclosureTexts, day_words, money_words, share_words
from tallystick.terms.plan_terms import Amortization, UnearnedCharges
from tallystick.terms.product import (
    ChangeScope,
    InstallmentPrice,
    InterestFree,
    LateFee,
    Names,
    Product,
)
from tallystick.units.rates import PPM

_DAYS_A_YEAR = 365


class Speaker(Struct, frozen=True):
    """A product and the language in which it is explained."""

    product: Product
    texts: DisclosureTexts

    def money(self, amount_minor: int) -> str:
        """An amount with the product's currency."""
        return money_words(amount_minor, currency=self.product.currency, language=self.texts.language)

    def named(self, names: Names) -> str:
        """A name in this language."""
        return names.zh if self.texts.language == "zh" else names.en


def plan_passages(
    plan: PlanOffer, *, price: InstallmentPrice, rates: RatePercents, offered_on: date, speaker: Speaker
) -> tuple[Passage, ...]:
    """Everything that is said about one plan, in the order of the page."""
    return (
        _passage("rate", _plan_rate(price, rates=rates, texts=speaker.texts), speaker=speaker, heading="rate.headline"),
        _passage("cost", iter([speaker.texts("cost.nothing_else")]), speaker=speaker),
        _passage("late", _late(plan.late, number=1, speaker=speaker), speaker=speaker),
        _passage("early", _early(plan, speaker=speaker), speaker=speaker),
        _passage("rights", _plan_rights(offered_on=offered_on, speaker=speaker), speaker=speaker),
    )


def line_passages(line: LineOffer, *, rates: RatePercents, speaker: Speaker) -> tuple[Passage, ...]:
    """Everything that is said about a line or its new limit, in the order of the page."""
    return (
        _passage("rate", _line_rate(rates, speaker=speaker), speaker=speaker, heading="rate.headline_highest"),
        _passage("choice", iter([speaker.texts("cost.nothing_else")]), speaker=speaker),
        _passage("late", _late(line.late, number=None, speaker=speaker), speaker=speaker),
        _passage("early", _early(None, speaker=speaker), speaker=speaker),
        _passage("rights", _line_rights(line, speaker=speaker), speaker=speaker),
    )


def terms_passages(
    terms: TermsOffer, *, previous: Product, rates: RatePercents, speaker: Speaker
) -> tuple[Passage, ...]:
    """Everything that is said about a change of contract, in the order of the page."""
    return (
        _passage("rate", _line_rate(rates, speaker=speaker), speaker=speaker, heading="rate.headline_highest"),
        _passage("change", _change(terms, previous=previous, speaker=speaker), speaker=speaker),
        _passage("choice", iter([speaker.texts("cost.nothing_else")]), speaker=speaker),
        _passage("late", _late(terms.late, number=None, speaker=speaker), speaker=speaker),
        _passage("early", _early(None, speaker=speaker), speaker=speaker),
        _passage("rights", _common_rights(speaker), speaker=speaker),
    )


def _change(terms: TermsOffer, *, previous: Product, speaker: Speaker) -> Iterator[str]:
    """The scope is that of the contract in force: it says what a change of it may bind."""
    texts = speaker.texts
    binds_on = day_words(terms.binds_on, language=texts.language)
    yield texts("change.binds", on=binds_on, was=str(terms.previous_simple_percent))
    to_all = previous.notice.price_change_scope is ChangeScope.OUTSTANDING_TOO
    yield texts("change.outstanding_too" if to_all else "change.new_draws", on=binds_on)
    yield texts("change.plans")
    yield texts("change.object", on=binds_on)


def _passage(code: str, sentences: Iterator[str], *, speaker: Speaker, heading: str | None = None) -> Passage:
    return Passage(code=code, heading=speaker.texts(heading or f"{code}.heading"), sentences=tuple(sentences))


def _plan_rate(price: InstallmentPrice, *, rates: RatePercents, texts: DisclosureTexts) -> Iterator[str]:
    yield texts("rate.effective", effective=str(rates.effective))
    if price.merchant_subsidy_ppm == PPM:
        yield texts("rate.free")
        return
    yield texts("rate.basis")
    if price.fee_per_period_ppm:
        yield texts("rate.fee_per_period", share=share_words(price.fee_per_period_ppm))
    if price.interest_per_period_ppm:
        yield texts("rate.interest_per_period", share=share_words(price.interest_per_period_ppm))
    if price.nominal_rate_ppm:
        yield texts("rate.nominal", share=share_words(price.nominal_rate_ppm))


def _line_rate(rates: RatePercents, *, speaker: Speaker) -> Iterator[str]:
    yield speaker.texts("rate.effective", effective=str(rates.effective))
    yield speaker.texts("rate.basis")
    cycle = speaker.product.pay_next_month
    if cycle is not None:
        key = "rate.daily_always" if cycle.interest_free is InterestFree.NEVER else "rate.daily"
        yield speaker.texts(key, share=share_words(cycle.daily_rate_ppm))


def _late(example: LateExample, *, number: int | None, speaker: Speaker) -> Iterator[str]:
    texts, late = speaker.texts, speaker.product.late
    lender = speaker.named(speaker.product.lender.name)
    yield texts("late.grace", days=str(late.grace_days)) if late.grace_days else texts("late.no_grace")
    if late.penalty is not None:
        daily_ppm = speaker.product.penalty_daily_ppm()
        yield texts(
            "late.penalty",
            base=texts(f"late.base_{late.penalty.base}"),
            share=share_words(daily_ppm),
            yearly=share_words(daily_ppm * _DAYS_A_YEAR),
            lender=lender,
        )
    if late.late_fee is not None:
        yield texts("late.fee", formula=late_fee_formula(late.late_fee, speaker=speaker), lender=lender)
    if late.penalty is None and late.late_fee is None:
        yield texts("late.none")
    if example.cost_minor:
        yield _late_example(example, number=number, speaker=speaker)
    yield texts("late.bureau", days=str(speaker.product.delinquency.default_from_days - 1))
    yield texts("late.help")


def _late_example(example: LateExample, *, number: int | None, speaker: Speaker) -> str:
    figures = {
        "overdue": speaker.money(example.overdue_minor),
        "days": str(example.days_late),
        "cost": speaker.money(example.cost_minor),
        "parts": speaker.texts.listed(
            [
                speaker.texts(f"late.part_{code}", cost=speaker.money(part_minor))
                for code, part_minor in (
                    ("interest", example.interest_minor),
                    ("penalty", example.penalty_minor),
                    ("fee", example.late_fee_minor),
                )
                if part_minor
            ]
        ),
    }
    if number is None:
        of_bill = speaker.product.pay_next_month is not None
        return speaker.texts("late.example_bill" if of_bill else "late.example_installment", **figures)
    return speaker.texts("late.example", number=str(number), **figures)


def late_fee_formula(fee: LateFee, *, speaker: Speaker) -> str:
    """How a late fee is reckoned, in words: its parts and its bounds."""
    key = "fee_both" if fee.fixed_minor and fee.share_ppm else "fee_fixed" if fee.fixed_minor else "fee_share"
    parts = speaker.texts(f"late.{key}", fixed=speaker.money(fee.fixed_minor), share=share_words(fee.share_ppm))
    least = speaker.texts("late.fee_least", least=speaker.money(fee.least_minor)) if fee.least_minor else ""
    most = "" if fee.most_minor is None else speaker.texts("late.fee_most", most=speaker.money(fee.most_minor))
    return parts + least + most


def _early(plan: PlanOffer | None, *, speaker: Speaker) -> Iterator[str]:
    texts, early = speaker.texts, speaker.product.early_settlement
    yield texts("early.any_day")
    yield texts("early.fee", share=share_words(early.fee_ppm)) if early.fee_ppm else texts("early.no_fee")
    waived = early.unearned_charges is UnearnedCharges.WAIVED
    yield texts("early.unearned_waived" if waived else "early.unearned_charged")
    if plan is not None and plan.settlement is not None:
        example = plan.settlement
        figures = {
            "on": day_words(example.on, language=texts.language),
            "number": str(example.number),
            "total": speaker.money(example.total_minor),
        }
        if example.saved_minor >= 0:
            yield texts("early.example", saved=speaker.money(example.saved_minor), **figures)
        else:
            yield texts("early.example_dearer", more=speaker.money(-example.saved_minor), **figures)
    yield texts("early.refund")


def _plan_rights(*, offered_on: date, speaker: Speaker) -> Iterator[str]:
    days = speaker.product.notice.cooling_off_days
    if days:
        until = day_words(offered_on + timedelta(days=days), language=speaker.texts.language)
        yield speaker.texts("rights.cooling_off", days=str(days), until=until)
    else:
        yield speaker.texts("rights.no_cooling_off")
    yield from _common_rights(speaker)


def _line_rights(line: LineOffer, *, speaker: Speaker) -> Iterator[str]:
    if line.previous_limit_minor is not None:
        yield speaker.texts("rights.refuse_limit")
    days = speaker.product.notice.cooling_off_days
    yield speaker.texts("rights.cooling_off_line", days=str(days)) if days else speaker.texts("rights.no_cooling_off")
    yield from _common_rights(speaker)


def _common_rights(speaker: Speaker) -> Iterator[str]:
    texts, product = speaker.texts, speaker.product
    to_all = product.notice.price_change_scope is ChangeScope.OUTSTANDING_TOO
    scope = texts("rights.scope_outstanding_too" if to_all else "rights.scope_new_draws")
    yield texts("rights.price_change", days=str(product.notice.price_change_days), scope=scope)
    yield texts("rights.review", channel=speaker.named(product.lender.review_channel))
    yield texts(
        "rights.complaint",
        channel=speaker.named(product.lender.complaint_channel),
        phone=product.lender.complaint_phone,
        regulator=speaker.named(product.lender.regulator),
    )
    if product.purpose.forbidden:
        names = [texts.entries.get(f"purpose.{code}", code) for code in product.purpose.forbidden]
        yield texts("rights.purpose", forbidden=texts.listed(names))


def cost_basis(price: InstallmentPrice, *, texts: DisclosureTexts) -> str:
    """How the cost of a plan is charged, and who pays it."""
    if price.merchant_subsidy_ppm == PPM:
        return texts("cost.paid_by_merchant")
    if price.nominal_rate_ppm is not None:
        basis = texts("cost.interest_on_balance", share=share_words(price.nominal_rate_ppm))
    elif price.interest_per_period_ppm is not None:
        basis = texts("cost.interest_on_principal", share=share_words(price.interest_per_period_ppm))
    else:
        basis = texts("cost.fee_on_principal", share=share_words(price.fee_per_period_ppm or 0))
    if price.merchant_subsidy_ppm:
        share = share_words(price.merchant_subsidy_ppm)
        return texts("cost.partly_paid_by_merchant", basis=basis, share=share)
    return basis


def price_basis(price: InstallmentPrice, *, texts: DisclosureTexts) -> str:
    """How a price of a line is charged, short enough for a table."""
    if price.merchant_subsidy_ppm == PPM:
        return texts("choice.subsidized")
    if price.nominal_rate_ppm is not None:
        return texts("choice.of_balance", share=share_words(price.nominal_rate_ppm))
    return texts(
        "choice.of_principal", share=share_words(price.fee_per_period_ppm or price.interest_per_period_ppm or 0)
    )


def amortization_words(amortization: Amortization, *, texts: DisclosureTexts) -> str:
    """等额本息, 等额本金, 先息后本."""
    return texts(f"choice.{amortization}")
