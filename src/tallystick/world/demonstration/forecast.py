"""What a night of limits expected of what it offered: read back from its record, by the strategy that decided."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
from psycopg import Connection

from tallystick.operations.deciding import Deciders
from tallystick.reports.demonstration_summary import BookForecast, CapForecast, Forecast
from tallystick.storage.limit_reviews import nights_on, traces_of_night
from tallystick.strategy.case_record import decode_record
from tallystick.strategy.limit_targets import NightPrices, review_book
from tallystick.strategy.policy import Strategy
from tallystick.strategy.prices import price_grades
from tallystick.strategy.profit import limit_figures
from tallystick.strategy.recorded_reviews import recorded_lines
from tallystick.strategy.reviewed_lines import ReviewedLines
from tallystick.units.rates import PPM

Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


class NothingReviewed(ValueError):
    """There is nothing to expect anything of; the message tells the way out."""


def forecast_of_night(connection: Connection, day: date, *, deciders: Deciders) -> Forecast:
    """What the last night of a day expected. Its targets are made again from its record, and so the same.

    Raises `NothingReviewed` where no line was looked at.
    """
    night = nights_on(connection, day)[-1]
    strategy = deciders.limits(connection, night.strategy_id, on=day)
    recorded = recorded_lines(map(decode_record, traces_of_night(connection, night.night_id)))
    if not len(recorded):
        raise NothingReviewed(f"{day}: there is no line whose limit could be reviewed; give more borrowers or months")
    reviewed = recorded.reviewed(strategy)
    found = review_book(reviewed, strategy=strategy)
    target = found.targets.target_minor
    before, after = (_expected(reviewed, limit, strategy=strategy) for limit in (reviewed.lines.limit_minor, target))
    raised = np.flatnonzero(target > reviewed.lines.limit_minor)
    previous, offered = reviewed.lines.limit_minor[raised], target[raised]
    return Forecast(
        lines=len(reviewed),
        offers=len(raised),
        offered_minor=int((offered - previous).sum()),
        debt_minor=int((after.amounts["drawn"] - before.amounts["drawn"])[raised].sum()),
        defaults=float(after.pd[raised].sum()),
        before=before.book(),
        after=after.book(),
        gap_ppm=found.gap_ppm,
        caps=tuple(_caps(reviewed, before, after, prices=found.prices, strategy=strategy)),
    )


@dataclass(frozen=True, slots=True)
class _Expected:
    """What lines are expected to come to at some limits; shape (lines,), amounts in whole minor units by measure."""

    pd: Floats
    amounts: Mapping[str, Integers]

    def book(self) -> BookForecast:
        """All lines together."""
        total = {f"{name}_minor": int(amounts.sum()) for name, amounts in self.amounts.items()}
        return BookForecast(**total)


def _expected(reviewed: ReviewedLines, limit_minor: Integers, *, strategy: Strategy) -> _Expected:
    prices = price_grades(strategy.economics, legal_cap_ppm=strategy.price_cap.bound)
    told = limit_figures(reviewed.lines, limit_minor[:, None], economics=strategy.economics, prices=prices)
    amounts = {
        "limit": limit_minor, "drawn": told.drawn, "exposure": told.ead, "expected_loss": told.expected_loss,
        "profit": told.profit,
    }  # fmt: skip
    return _Expected(
        told.pd[:, 0], {name: np.rint(each).astype(np.int64).reshape(-1) for name, each in amounts.items()}
    )


def _caps(
    reviewed: ReviewedLines, before: _Expected, after: _Expected, *, prices: NightPrices, strategy: Strategy
) -> Iterator[CapForecast]:
    price_of = {cap.name: cap.price for cap in prices.caps}
    for rule in strategy.caps:
        within = np.isin(reviewed.grade.astype(str), rule.segment_values)
        segment = None if rule.segment_column is None else within
        present = before.amounts[rule.measure]
        yield CapForecast(
            zh=rule.zh,
            en=rule.en,
            before=_used(present, segment),
            after=_used(after.amounts[rule.measure], segment),
            bound=rule.over(present.astype(np.float64), segment=segment).bound,
            is_share=segment is not None,
            is_binding=price_of[rule.name] > 0,
        )


def _used(amounts: Integers, segment: Flags | None) -> int:
    """All of it or, of a segment, its share in ppm."""
    if segment is None:
        return int(amounts.sum())
    return round(int(amounts[segment].sum()) / max(int(amounts.sum()), 1) * PPM)
