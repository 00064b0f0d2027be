"""Annual rates against the examples that the laws themselves print, and the ways in which flows have none."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from tallystick.terms.annual_rates import (
    DatedFlow,
    annual_rates,
    cn_irr_rates,
    eu_effective_rate,
    published_percent,
    us_nominal_rate,
)
from tallystick.terms.rate_equation import NoAnnualRate, RateFault
from tallystick.terms.unit_periods import Interval, UnitPeriod, series_days, unit_period_of


def _months_after(first: date, *, months: int) -> date:
    year, month = divmod(first.year * 12 + first.month - 1 + months, 12)
    return date(year, month + 1, first.day)


def _flows(advanced: str, on: str, payments: list[tuple[date, str]]) -> list[DatedFlow]:
    advance = DatedFlow(on=date.fromisoformat(on), paid_minor=-_cents(advanced))
    return [advance, *(DatedFlow(on=day, paid_minor=_cents(amount)) for day, amount in payments)]


def _cents(amount: str) -> int:
    return int(Decimal(amount) * 100)


def _monthly(first: str, count: int, amount: str, *, step: int = 1) -> list[tuple[date, str]]:
    return [(_months_after(date.fromisoformat(first), months=step * place), amount) for place in range(count)]


def _every(days: int, first: str, count: int, amount: str) -> list[tuple[date, str]]:
    return [(date.fromisoformat(first) + timedelta(days=days * place), amount) for place in range(count)]


def _semimonthly(first: str, count: int, amount: str) -> list[tuple[date, str]]:
    months = _monthly(first, count // 2, amount)
    return sorted(months + [(day.replace(day=16), amount) for day, _ in months])


# 12 CFR 1026 (Regulation Z) Appendix J (c), in its order.
APPENDIX_J = {
    "c1i-regular": ("9.69", _flows("5000", "1978-01-10", _monthly("1978-02-10", 24, "230"))),
    "c1ii-long-first-period": ("11.82", _flows("6000", "1978-02-10", _monthly("1978-04-01", 36, "200"))),
    "c1iii-semimonthly": ("10.34", _flows("5000", "1978-02-23", _semimonthly("1978-03-01", 24, "219.17"))),
    "c1iv-quarterly": ("8.97", _flows("10000", "1978-05-23", _monthly("1978-10-01", 40, "385", step=3))),
    "c1v-weekly": ("14.96", _flows("500", "1978-03-20", _every(7, "1978-04-21", 30, "17.60"))),
    "c2i-odd-first-payment": (
        "10.08",
        _flows("5000", "1978-01-10", [(date(1978, 2, 10), "250"), *_monthly("1978-03-10", 23, "230")]),
    ),
    "c2ii-every-4-weeks": (
        "28.50",
        _flows("400", "1978-03-18", [(date(1978, 4, 20), "39.50"), *_every(28, "1978-05-18", 11, "38.31")]),
    ),
    "c3i-odd-last-payment": (
        "10.50",
        _flows("5000", "1978-01-10", [*_monthly("1978-02-10", 23, "230"), (date(1980, 1, 10), "280")]),
    ),
    "c3ii-every-2-weeks": (
        "12.22",
        _flows("200", "1978-04-03", [*_every(14, "1978-04-11", 19, "9.50"), (date(1979, 1, 2), "30")]),
    ),
    "c4i-odd-first-and-last": (
        "10.90",
        _flows(
            "5000",
            "1978-01-10",
            [(date(1978, 2, 10), "250"), *_monthly("1978-03-10", 22, "230"), (date(1980, 1, 10), "280")],
        ),
    ),
    "c4ii-every-2-months": (
        "7.30",
        _flows(
            "8000",
            "1978-01-10",
            [(date(1978, 3, 1), "449.36"), *_monthly("1978-05-01", 18, "465", step=2), (date(1981, 5, 1), "200")],
        ),
    ),
    "c5i-one-payment-in-days": ("11.45", _flows("1000", "1978-01-03", [(date(1978, 9, 15), "1080")])),
    "c5ii-one-payment-in-months": ("8.80", _flows("1000", "1978-07-15", [(date(1979, 1, 15), "1044")])),
    "c5iii-one-payment-after-18-months": ("8.76", _flows("1000", "1978-01-17", [(date(1979, 7, 17), "1135.19")])),
    "c5iv-one-payment-after-2-years": ("11.36", _flows("1000", "1978-01-10", [(date(1980, 1, 10), "1240")])),
}


@pytest.mark.parametrize("example", APPENDIX_J)
def test_us_nominal_is_what_appendix_j_prints(example: str) -> None:
    answer, flows = APPENDIX_J[example]
    assert published_percent(us_nominal_rate(flows), decimals=2) == Decimal(answer)


def test_several_draws_and_a_skipped_month_stay_in_the_unit_period_of_the_payments() -> None:
    draws = [DatedFlow(on=date(2026, month, 1), paid_minor=-100_00) for month in (1, 2)]
    payments = [DatedFlow(on=date(2026, month, 1), paid_minor=70_00) for month in (3, 4, 6)]
    days = series_days(start_on=date(2026, 1, 1), dates=[flow.on for flow in [*draws, *payments]])
    assert unit_period_of(start_on=date(2026, 1, 1), days=days) == UnitPeriod(interval=Interval.MONTH, count=1)
    assert published_percent(us_nominal_rate([*draws, *payments]), decimals=2) == Decimal("20.93")


@pytest.mark.parametrize(
    ("dates", "unit_period"),
    [
        (["2026-01-15", "2026-01-30", "2026-02-15", "2026-02-28"], UnitPeriod(interval=Interval.SEMIMONTH, count=1)),
        (["2026-01-01", "2026-01-16", "2026-02-01"], UnitPeriod(interval=Interval.SEMIMONTH, count=1)),
        (["2026-01-01", "2026-01-15", "2026-01-29"], UnitPeriod(interval=Interval.WEEK, count=2)),
        (["2026-01-31", "2026-02-28", "2026-03-31"], UnitPeriod(interval=Interval.MONTH, count=1)),
        (["2026-01-31", "2028-01-31", "2030-01-31"], UnitPeriod(interval=Interval.MONTH, count=12)),
        (["2026-01-05", "2026-01-06", "2026-01-07"], UnitPeriod(interval=Interval.DAY, count=1)),
        # 26, 50 and 71 days occur once each: 49 on average, seven weeks.
        (["2026-01-10", "2026-03-01", "2026-05-11"], UnitPeriod(interval=Interval.WEEK, count=7)),
        # A month and two weeks twice each: the shorter counts.
        (["2026-01-15", "2026-02-15", "2026-03-01", "2026-03-15"], UnitPeriod(interval=Interval.WEEK, count=2)),
    ],
)
def test_the_unit_period_is_the_commonest_distance(dates: list[str], unit_period: UnitPeriod) -> None:
    start_on = date(2025, 12, 15)
    days = series_days(start_on=start_on, dates=[date.fromisoformat(day) for day in dates])
    assert unit_period_of(start_on=start_on, days=days) == unit_period


@pytest.mark.parametrize(
    ("paid_on", "odd_year"),
    [
        (date(2023, 4, 20), Decimal(10) / 365),  # the year before 20 March 2023 has no 29 February
        (date(2024, 4, 20), Decimal(10) / 366),  # the year before 20 March 2024 has one
    ],
)
def test_eu_odd_days_are_divided_by_the_year_that_ends_with_them(paid_on: date, odd_year: Decimal) -> None:
    start_on = paid_on.replace(month=3, day=10)
    flows = [DatedFlow(on=start_on, paid_minor=-100_000), DatedFlow(on=paid_on, paid_minor=101_000)]
    years = Decimal(1) / 12 + odd_year
    expected = Decimal("1.01") ** (1 / years) - 1
    assert abs(eu_effective_rate(flows) - expected) < Decimal("1e-12")


def test_eu_weeks_are_a_52nd_of_a_year_and_month_ends_are_whole_months() -> None:
    weekly = [DatedFlow(on=date(2026, 1, 5), paid_minor=-100_000), DatedFlow(on=date(2026, 1, 19), paid_minor=101_000)]
    assert abs(eu_effective_rate(weekly) - (Decimal("1.01") ** 26 - 1)) < Decimal("1e-12")
    monthly = [
        DatedFlow(on=date(2026, 1, 31), paid_minor=-100_000),
        DatedFlow(on=date(2026, 2, 28), paid_minor=101_000),
    ]
    assert abs(eu_effective_rate(monthly) - (Decimal("1.01") ** 12 - 1)) < Decimal("1e-12")


def test_a_fee_taken_from_the_payout_raises_the_rate_over_what_was_actually_received() -> None:
    payments = [
        DatedFlow(on=_months_after(date(2026, 1, 10), months=month), paid_minor=1_072_00) for month in range(1, 13)
    ]
    whole = DatedFlow(on=date(2026, 1, 10), paid_minor=-12_000_00)
    less_fee = DatedFlow(on=date(2026, 1, 10), paid_minor=360_00)
    assert published_percent(cn_irr_rates([whole, *payments]).simple, decimals=2) == Decimal("13.03")
    assert published_percent(cn_irr_rates([whole, less_fee, *payments]).simple, decimals=2) == Decimal("18.87")


def test_a_down_payment_on_the_day_of_the_draw_is_simply_not_received() -> None:
    payments = [DatedFlow(on=_months_after(date(2026, 12, 5), months=month), paid_minor=150_00) for month in range(6)]
    draw, down = (
        DatedFlow(on=date(2026, 11, 23), paid_minor=-1_000_00),
        DatedFlow(on=date(2026, 11, 23), paid_minor=200_00),
    )
    net = DatedFlow(on=date(2026, 11, 23), paid_minor=-800_00)
    assert annual_rates([draw, down, *payments]) == annual_rates([net, *payments])


def test_free_credit_costs_exactly_nothing_and_giving_back_less_costs_less_than_nothing() -> None:
    free = annual_rates(_flows("300", "2026-01-10", _monthly("2026-02-10", 3, "100")))
    assert (free.us_nominal, free.eu_effective, free.cn.simple) == (Decimal(0),) * 3
    gift = cn_irr_rates(_flows("300", "2026-01-10", _monthly("2026-02-10", 3, "90")))
    assert gift.simple < 0


@pytest.mark.parametrize(
    ("flows", "fault"),
    [
        ([], RateFault.NO_FLOWS),
        ([DatedFlow(on=date(2026, 1, 1), paid_minor=-100)], RateFault.ONE_DAY),
        (_flows("100", "2026-01-01", [(date(2026, 2, 1), "-10")]), RateFault.ONE_SIGN),
        ([DatedFlow(on=date(2026, 1, 1), paid_minor=100)], RateFault.ONE_SIGN),
        (_flows("100", "2026-02-01", [(date(2026, 1, 1), "110")]), RateFault.BEGINS_WITH_PAYMENT),
        (_flows("100", "2026-01-01", [(date(2026, 1, 1), "110")]), RateFault.ONE_DAY),
        (_flows("100", "2026-01-01", [(date(2026, 2, 1), "10"), (date(2026, 3, 1), "-100")]), RateFault.NO_ROOT),
    ],
)
def test_flows_without_a_rate_say_why(flows: list[DatedFlow], fault: RateFault) -> None:
    with pytest.raises(NoAnnualRate, match="flows: ") as found:
        annual_rates(flows)
    assert found.value.fault is fault


def test_of_two_rates_that_solve_the_flows_the_lower_one_counts() -> None:
    flows = _flows("100", "2026-01-01", [(date(2027, 1, 1), "230"), (date(2028, 1, 1), "-132")])
    assert published_percent(eu_effective_rate(flows), decimals=6) == Decimal("10.000000")  # 20 % solves them too


def test_a_rate_of_zero_or_above_counts_before_a_negative_one() -> None:
    flows = _flows("100", "2026-01-01", [(date(2027, 1, 1), "210"), (date(2028, 1, 1), "-105")])
    assert published_percent(eu_effective_rate(flows), decimals=2) == Decimal("27.91")  # -17.91 % solves them too


def test_a_loan_for_a_day_at_a_dollar_has_a_rate_too() -> None:
    rate = us_nominal_rate(_flows("100", "2026-01-01", [(date(2026, 1, 2), "101")]))
    assert published_percent(rate, decimals=2) == Decimal("365.00")
