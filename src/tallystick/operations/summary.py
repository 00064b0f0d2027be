"""Assembles `summary.json`: every figure of the report, from the judged lines and the plans under both caps."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from tallystick.operations.judging import CappedPlan, Judged
from tallystick.portfolio.book import BookFigures, LineBook, sum_book, sum_by_grade
from tallystick.reports.summary import (
    Bilingual,
    CapUse,
    FrontierPoint,
    GradeFigures,
    LimitMove,
    PriceParts,
    ReasonCount,
    Scenario,
    ScenarioName,
    SwapCell,
)
from tallystick.strategy.limits import PortfolioCap
from tallystick.units.rates import PPM

Integers = npt.NDArray[np.int64]

# A cap counts as binding when less than this share of it is left and one more unit of it would earn something.
_BINDING_SLACK_PPM = 1_000


def scenarios(judged: Judged, *, baseline: CappedPlan, new: CappedPlan) -> list[Scenario]:
    """Today, the baseline cap and the new cap, side by side, whole and per grade."""
    return [
        _scenario("today", judged, book=judged.today, capped=None),
        _scenario("baseline", judged, book=baseline.book, capped=baseline),
        _scenario("new", judged, book=new.book, capped=new),
    ]


def _scenario(name: ScenarioName, judged: Judged, *, book: LineBook, capped: CappedPlan | None) -> Scenario:
    present = judged.lines.limit_minor
    change = book.limit_minor - present
    grades = len(judged.grade_names)
    by_grade = zip(judged.grade_names, sum_by_grade(book, judged.lines.grade, grades=grades), strict=True)
    total = sum_book(book)
    cap_minor = capped.plan.cap_minor if capped else None
    return {
        "name": name,
        "cap_minor": cap_minor,
        "lines": total.lines,
        "limit_minor": total.limit_minor,
        "drawn_minor": total.drawn_minor,
        "ead_minor": total.ead_minor,
        "profit_minor": total.profit_minor,
        "expected_loss_minor": total.expected_loss_minor,
        "provision_minor": total.provision_minor,
        "capital_minor": total.capital_minor,
        "stress_loss_minor": _stress(total),
        "increases": int((change > 0).sum()),
        "decreases": int((change < 0).sum()),
        "unchanged": int((change == 0).sum()),
        "increase_minor": int(change[change > 0].sum()),
        "decrease_minor": int(-change[change < 0].sum()),
        "lines_above_cap_already": 0 if cap_minor is None else int((present > cap_minor).sum()),
        "gap_ppm": None if capped is None else round(capped.plan.gap_ppm, 3),
        "caps": [] if capped is None else [_cap_use(cap, capped) for cap in capped.caps],
        "by_grade": [_grade_figures(grade, figures) for grade, figures in by_grade],
    }


def _stress(figures: BookFigures) -> dict[Literal["base", "adverse", "severe"], int]:
    losses = figures.stress_loss_minor
    return {"base": losses["base"], "adverse": losses["adverse"], "severe": losses["severe"]}


def _grade_figures(grade: str, figures: BookFigures) -> GradeFigures:
    return {
        "grade": grade,
        "lines": figures.lines,
        "limit_minor": figures.limit_minor,
        "drawn_minor": figures.drawn_minor,
        "ead_minor": figures.ead_minor,
        "profit_minor": figures.profit_minor,
        "expected_loss_minor": figures.expected_loss_minor,
        "provision_minor": figures.provision_minor,
        "capital_minor": figures.capital_minor,
        "stress_loss_minor": _stress(figures),
    }


def _cap_use(cap: PortfolioCap, capped: CappedPlan) -> CapUse:
    usage = {
        "limit": capped.book.limit_minor,
        "drawn": capped.book.drawn_minor,
        "expected_loss": capped.book.expected_loss_minor,
    }[cap.measure]
    used = total = int(usage.sum())
    if cap.segment is not None:
        used = round(int(usage[cap.segment].sum()) / total * PPM) if total else 0
    multiplier = capped.plan.multipliers[cap.name]
    slack_ppm = (cap.bound - used) / max(cap.bound, 1) * PPM
    return {
        "name": cap.name,
        "text": {"zh": cap.zh, "en": cap.en},
        "measure": cap.measure,
        "used": used,
        "bound": cap.bound,
        "binding": multiplier > 0 and slack_ppm < _BINDING_SLACK_PPM,
        "shadow_price_ppm": round(multiplier * PPM),
    }


def swap_set(judged: Judged, *, baseline: CappedPlan, new: CappedPlan) -> list[SwapCell]:
    """Per grade: whose limit the new cap makes higher, equal or lower than the baseline cap does."""
    change = new.book.limit_minor - baseline.book.limit_minor
    cells: list[SwapCell] = []
    for index, grade in enumerate(judged.grade_names):
        here = change[judged.lines.grade == index]
        cells.append(
            {
                "grade": grade,
                "more": int((here > 0).sum()),
                "same": int((here == 0).sum()),
                "less": int((here < 0).sum()),
                "more_minor": int(here[here > 0].sum()),
                "less_minor": int(-here[here < 0].sum()),
            }
        )
    return cells


def frontier(*, baseline: CappedPlan, new: CappedPlan) -> list[FrontierPoint]:
    """Both frontiers, the points of each by rising loss."""
    caps: list[tuple[Literal["baseline", "new"], CappedPlan]] = [("baseline", baseline), ("new", new)]
    return [
        {
            "cap": name,
            "expected_loss_minor": point.expected_loss_minor,
            "profit_minor": point.profit_minor,
            "limit_minor": point.limit_minor,
        }
        for name, capped in caps
        for point in sorted(capped.frontier, key=lambda point: point.expected_loss_minor)
    ]


def price_parts(judged: Judged) -> list[PriceParts]:
    """The price of each grade as its parts, with the number of lines that stand in it."""
    counts = np.bincount(judged.lines.grade, minlength=len(judged.grade_names))
    return [
        {
            "grade": price.grade,
            "lines": int(count),
            "pd_ppm": price.pd_ppm,
            "funds_ppm": price.funds_ppm,
            "expected_loss_ppm": price.expected_loss_ppm,
            "operations_ppm": price.operations_ppm,
            "capital_ppm": price.capital_ppm,
            "margin_ppm": price.margin_ppm,
            "price_ppm": price.price_ppm,
            "legal_cap_ppm": price.legal_cap_ppm,
            "offered": price.is_offered,
        }
        for price, count in zip(judged.prices, counts, strict=True)
    ]


def limit_bands(judged: Judged, *, baseline: CappedPlan, new: CappedPlan) -> list[LimitMove]:
    """How many lines stand in each of ten bands of limits; the two caps are edges, so that each is visible."""
    caps = (baseline.plan.cap_minor, new.plan.cap_minor)
    step = max(caps) // 5
    edges = sorted({*range(0, max(caps) + 1, step), *caps, 2 * max(caps), 4 * max(caps)}) if step else [0]
    counts = [_counts_in_bands(book.limit_minor, edges) for book in (judged.today, baseline.book, new.book)]
    return [
        {
            "low_minor": low,
            "high_minor": edges[index + 1] if index + 1 < len(edges) else None,
            "today": counts[0][index],
            "baseline": counts[1][index],
            "new": counts[2][index],
        }
        for index, low in enumerate(edges)
    ]


def _counts_in_bands(limit_minor: Integers, edges: Sequence[int]) -> list[int]:
    band = np.searchsorted(np.asarray(edges), limit_minor, side="right") - 1
    counts: list[int] = np.bincount(band, minlength=len(edges)).tolist()
    return counts


def count_reasons(
    codes: Sequence[npt.NDArray[np.str_]],
    *,
    texts: Mapping[str, Bilingual],
    kind: Literal["eligibility", "decrease", "score", "limit"],
) -> list[ReasonCount]:
    """How many lines carry each code, the most frequent first; an empty code is none."""
    counts: Counter[str] = Counter()
    for column in codes:
        names, lines = np.unique(column.astype(str), return_counts=True)
        counts.update(dict(zip(names.tolist(), lines.tolist(), strict=True)))
    counts.pop("", None)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [{"code": code, "text": texts[code], "kind": kind, "lines": lines} for code, lines in ordered]
