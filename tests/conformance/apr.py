"""Annual rates against worked examples with published answers: `python -m tests.conformance.apr FILE --json`."""

import argparse
import re
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from tests.conformance.judging import UNREADABLE, judged, number_of, problem_of, run_command

from tallystick.terms.annual_rates import (
    DatedFlow,
    IrrRates,
    cn_irr_rates,
    effective_rate,
    eu_effective_rate,
    irr_rates,
    published_percent,
    us_nominal_rate,
)
from tallystick.terms.rate_equation import NoAnnualRate, PlacedFlow, period_rate
from tallystick.terms.unit_periods import Interval, UnitPeriod, UnitSpan, series_days, unit_spans

Example = Mapping[str, Any]
_UNIT_PERIOD: Final = re.compile(r"(?P<count>\d+)?\s*(?P<interval>day|week|semi-?month|half-?month|month|quarter|year)")
_INTERVALS: Final = {
    "day": (Interval.DAY, 1),
    "week": (Interval.WEEK, 1),
    "semimonth": (Interval.SEMIMONTH, 1),
    "halfmonth": (Interval.SEMIMONTH, 1),
    "month": (Interval.MONTH, 1),
    "quarter": (Interval.MONTH, 3),
    "year": (Interval.MONTH, 12),
}

# A figure recomputed by another solver may be a unit of its last digit off; a published one may not.
_SPARED_UNITS: Final = {"recomputed_percent": 1}

# Remark (c) of Annex I: a year has 12 equal months, 52 weeks, or 365 days.
_PER_YEAR: Final = {"t_years": 1, "t_months": 12, "t_weeks": 52, "t_days": 365}


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what passed and what differs; 0 where nothing differs, 1 where something does, 2 where nothing is read."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, help="examples in the form of apr_examples.json")
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    chosen = parser.parse_args(arguments)
    return run_command(chosen.file, key="examples", difference=difference, as_json=chosen.json)


def judge(examples: Sequence[Example]) -> dict[str, Any]:
    """Count the examples that match at every printed digit, and tell the first difference of each that does not.

    An example that says that its published answer does not follow from its flows (`agrees` is false) is held to the
    figure that it recomputed.
    """
    return judged(examples, difference=difference)


def difference(example: Example) -> dict[str, str] | None:
    """The first published figure that ours differs from, or why we have none; `None` where all agree."""
    try:
        return _difference(example, ours=_our_rates(example))
    except (NoAnnualRate, *UNREADABLE) as fault:
        return {"id": str(example.get("id")), "key": "answer_percent", "problem": problem_of(fault)}


def _difference(example: Example, *, ours: Mapping[str, Decimal]) -> dict[str, str] | None:
    if not any(key in example for key in ours):
        raise ValueError(f"no published figure; give one of {', '.join(ours)}")
    for key, rate in ours.items():
        if key not in example or (key == "answer_percent" and _disowns_its_answer(example)):
            continue
        expected = number_of(example[key], field=key)
        decimals = _decimals(example, key=key)
        percent = published_percent(rate, decimals=decimals)
        if abs(percent - expected) > _SPARED_UNITS.get(key, 0) * Decimal(1).scaleb(-decimals):
            return {"id": example["id"], "key": key, "expected": str(expected), "ours": str(percent)}
    return None


def _disowns_its_answer(example: Example) -> bool:
    """Whether the example says itself that its published answer does not follow from its flows."""
    return example.get("agrees") is False and "recomputed_percent" in example


def _decimals(example: Example, *, key: str) -> int:
    """Digits after the point: as the example says for its answer, else as its figure is written."""
    if key == "answer_percent" and "answer_decimals" in example:
        return int(example["answer_decimals"])
    return len(str(example[key]).partition(".")[2])


def _our_rates(example: Example) -> dict[str, Decimal]:
    regime = example["regime"]
    if regime.startswith("US_"):
        return _answers(_us_rate(example))
    if regime.startswith(("EU_", "UK_")):
        return _answers(_eu_rate(example))
    if regime.startswith("CN_"):
        rates = _cn_rates(example)
        first = rates.effective if "EFFECTIVE" in regime else rates.simple
        return {**_answers(first), "simple_percent": rates.simple, "effective_percent": rates.effective}
    raise ValueError(f"regime: {regime!r} is not known; known begin with US_, EU_, UK_ or CN_")


def _answers(rate: Decimal) -> dict[str, Decimal]:
    """The published answer, and the same recomputed to more digits where the example has it."""
    return {"answer_percent": rate, "recomputed_percent": rate}


def _us_rate(example: Example) -> Decimal:
    flows = _dated_flows(example)
    if "unit_period" not in example:
        return us_nominal_rate(flows)
    unit_period = stated_unit_period(example)
    if "first_payment_full_unit_periods" not in example:
        return us_nominal_rate(flows, unit_period=unit_period)
    rate = period_rate(_placed_after_first(example, flows=flows, unit_period=unit_period))
    per_year = unit_period.periods_per_year()
    return rate * per_year.numerator / per_year.denominator


def _placed_after_first(example: Example, *, flows: Sequence[DatedFlow], unit_period: UnitPeriod) -> list[PlacedFlow]:
    """Flows placed as the example itself counts its first period; later ones by their distance from the first."""
    start_on = flows[0].on
    payments = [flow for flow in flows if flow.paid_minor >= 0]
    days = series_days(start_on=start_on, dates=[flow.on for flow in payments])
    spans = unit_spans(start_on=start_on, days=days, unit_period=unit_period)
    stated = UnitSpan(
        periods=int(example["first_payment_full_unit_periods"]),
        odd_period=Fraction(str(example["first_payment_fraction"])),
    )
    placed = [
        PlacedFlow(
            periods=Fraction(span.periods + stated.periods - spans[0].periods),
            odd_period=stated.odd_period if span.odd_period == spans[0].odd_period else span.odd_period,
            paid_minor=flow.paid_minor,
        )
        for flow, span in zip(payments, spans, strict=True)
    ]
    advances = [flow for flow in flows if flow.paid_minor < 0]
    days = series_days(start_on=start_on, dates=[flow.on for flow in advances])
    return placed + [
        PlacedFlow(periods=Fraction(span.periods), odd_period=span.odd_period, paid_minor=flow.paid_minor)
        for flow, span in zip(advances, unit_spans(start_on=start_on, days=days, unit_period=unit_period), strict=True)
    ]


def stated_unit_period(example: Example) -> UnitPeriod:
    """The unit period as it is written (`2 weeks`, `1 month`, `255 days`), else as its number per year tells it."""
    found = _UNIT_PERIOD.search(str(example["unit_period"]).lower())
    if found is not None:
        interval, multiple = _INTERVALS[found["interval"].replace("-", "")]
        written = UnitPeriod(interval=interval, count=multiple * int(found["count"] or 1))
        if _is_about(written.periods_per_year(), example.get("unit_periods_per_year")):
            return written
    return _unit_period_per_year(Fraction(str(example["unit_periods_per_year"])))


def _is_about(per_year: Fraction, stated: object) -> bool:
    """Whether a number per year is the stated one, which may be rounded; where none is stated, any is."""
    return stated is None or abs(Fraction(str(stated)) / per_year - 1) < Fraction(1, 1000)


def _unit_period_per_year(per_year: Fraction) -> UnitPeriod:
    """24 a year are half months, 52 and its parts weeks, 12 and its parts months, all else days."""
    if per_year == 24:
        return UnitPeriod(interval=Interval.SEMIMONTH, count=1)
    for interval, most in ((Interval.MONTH, 12), (Interval.WEEK, 52)):
        if (most / per_year).denominator == 1:
            return UnitPeriod(interval=interval, count=int(most / per_year))
    return UnitPeriod(interval=Interval.DAY, count=round(365 / per_year))


def _eu_rate(example: Example) -> Decimal:
    if "payments" in example or "date" in example["flows"][0]:
        return eu_effective_rate(_dated_flows(example))
    amounts = _whole([flow["amount"] for flow in example["flows"]])
    return effective_rate(
        [
            PlacedFlow(periods=_years(flow), paid_minor=amount)
            for flow, amount in zip(example["flows"], amounts, strict=True)
        ]
    )


def _years(flow: Mapping[str, Any]) -> Fraction:
    for key, per_year in _PER_YEAR.items():
        if key in flow:
            return Fraction(str(flow[key])) / per_year
    raise KeyError(f"a flow needs one of {', '.join(_PER_YEAR)}, or a date")


def _cn_rates(example: Example) -> IrrRates:
    if "period_flows" not in example:
        return cn_irr_rates(_dated_flows(example))
    flows = example["period_flows"]
    placed = [
        PlacedFlow(periods=Fraction(str(flow["k"])), paid_minor=amount)
        for flow, amount in zip(flows, _whole([flow["amount"] for flow in flows]), strict=True)
    ]
    return irr_rates(placed, periods_per_year=int(example["periods_per_year"]))


def _dated_flows(example: Example) -> list[DatedFlow]:
    """Flows by date: one list with signs, or advances (one, or a list) and payments, both told as positive."""
    if "flows" in example:
        signed = [(flow["date"], flow["amount"]) for flow in example["flows"]]
    else:
        advances = example.get("advances") or [{"date": example["advance_date"], "amount": example["amount_advanced"]}]
        signed = [(flow["date"], -number_of(flow["amount"], field="amount")) for flow in advances]
        signed += [(flow["date"], flow["amount"]) for flow in example["payments"]]
    amounts = _whole([amount for _, amount in signed])
    flows = [
        DatedFlow(on=date.fromisoformat(day), paid_minor=amount)
        for (day, _), amount in zip(signed, amounts, strict=True)
    ]
    return sorted(flows, key=lambda flow: (flow.on, flow.paid_minor))


def _whole(amounts: Sequence[str | float | Decimal]) -> list[int]:
    """Amounts as whole numbers of one small unit, whatever digits the example writes."""
    if not amounts:
        raise ValueError("flows: there are none")
    decimals = [number_of(amount, field="amount") for amount in amounts]
    digits = max(max(0, -int(amount.as_tuple().exponent)) for amount in decimals)
    return [int(amount.scaleb(digits)) for amount in decimals]


if __name__ == "__main__":
    raise SystemExit(main())
