"""Laws of annual rates: at the rate found the flows are worth nothing, and more cost is never a lower rate."""

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tallystick.terms.annual_rates import DatedFlow, annual_rates, cn_irr_rates, irr_rates
from tallystick.terms.rate_equation import PlacedFlow, period_rate

no_deadline = settings(deadline=None)  # the first rate waits for its solver to be imported
amounts_minor = st.integers(min_value=1_00, max_value=50_000_00)
days = st.dates(min_value=date(2020, 1, 1), max_value=date(2030, 1, 1))


@st.composite
def credits(draw: st.DrawFn) -> list[DatedFlow]:
    """One to three draws, then payments that come to at least what was drawn."""
    start_on = draw(days)
    draws = [
        DatedFlow(
            on=start_on + timedelta(days=draw(st.integers(0, 60)) if later else 0), paid_minor=-draw(amounts_minor)
        )
        for later in range(draw(st.integers(1, 3)))
    ]
    gaps = draw(st.lists(st.integers(1, 62), min_size=1, max_size=24))
    owed_minor = -sum(flow.paid_minor for flow in draws)
    each_minor = -(-owed_minor // len(gaps)) + draw(st.integers(0, 5_000))
    payments, on = [], start_on + timedelta(days=61)
    for gap in gaps:
        on += timedelta(days=gap)
        payments.append(DatedFlow(on=on, paid_minor=each_minor))
    return [*draws, *payments]


@no_deadline
@given(credits())
def test_every_credit_has_its_rates_and_none_is_negative(flows: list[DatedFlow]) -> None:
    rates = annual_rates(flows)
    assert min(rates.us_nominal, rates.eu_effective, rates.cn.simple) >= 0
    assert rates.cn.effective >= rates.cn.simple
    assert abs(rates.cn.effective - rates.eu_effective) <= (1 + rates.eu_effective) * Decimal("1e-14")


@no_deadline
@given(credits(), st.integers(1, 10_000))
def test_a_fee_on_top_never_lowers_the_rate(flows: list[DatedFlow], fee_minor: int) -> None:
    dearer = [*flows[:-1], DatedFlow(on=flows[-1].on, paid_minor=flows[-1].paid_minor + fee_minor)]
    assert cn_irr_rates(dearer).simple > cn_irr_rates(flows).simple


@no_deadline
@given(credits())
def test_the_order_of_the_flows_does_not_matter(flows: list[DatedFlow]) -> None:
    assert annual_rates(flows[::-1]) == annual_rates(flows)


@no_deadline
@given(
    st.lists(st.tuples(st.integers(1, 60), amounts_minor), min_size=1, max_size=30),
    amounts_minor,
)
def test_at_the_rate_found_all_flows_are_worth_nothing(payments: list[tuple[int, int]], advanced_minor: int) -> None:
    assume(100 * sum(paid_minor for _, paid_minor in payments) >= advanced_minor)  # a gift of nearly all has no rate
    flows = [PlacedFlow(periods=Fraction(0), paid_minor=-advanced_minor)]
    flows += [PlacedFlow(periods=Fraction(place), paid_minor=paid_minor) for place, paid_minor in payments]
    rate = period_rate(flows)
    worth: Decimal = sum((flow.paid_minor / (1 + rate) ** int(flow.periods) for flow in flows), Decimal(0))
    size: Decimal = sum((abs(flow.paid_minor) / (1 + rate) ** int(flow.periods) for flow in flows), Decimal(0))
    assert abs(worth) <= size * Decimal("1e-12")


@no_deadline
@given(st.integers(1, 400), st.integers(1, 36))
def test_interest_on_the_balance_costs_exactly_its_own_rate(rate_bp: int, count: int) -> None:
    """Interest monthly and principal at the end, without rounding: the rate per month comes back to the last digit."""
    advanced = 1_000_000
    flows = [PlacedFlow(periods=Fraction(0), paid_minor=-advanced)]
    flows += [PlacedFlow(periods=Fraction(month), paid_minor=rate_bp * 100) for month in range(1, count + 1)]
    flows += [PlacedFlow(periods=Fraction(count), paid_minor=advanced)]
    assert irr_rates(flows, periods_per_year=12).simple == Decimal(rate_bp) / 10_000 * 12
