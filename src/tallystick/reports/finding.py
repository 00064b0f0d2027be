"""The finding in plain words: what the new cap does, as the figures say it, better, worse, equal or impossible."""

from dataclasses import dataclass
from typing import Literal

from tallystick.reports.figures import (
    count_text,
    percent_change_text,
    percent_text,
)
from tallystick.reports.names import broken_caps, scenarios_of
from tallystick.reports.summary import CapUse, Scenario, Summary
from tallystick.reports.texts import Texts
from tallystick.reports.view import View
from tallystick.units.rates import PPM

Verdict = Literal["better", "worse", "equal", "infeasible"]
_MOST_GRADES = 3
_MOST_OF_ALL = 0.6  # the grades named as gaining most hold at least this share of what is added


@dataclass(frozen=True, slots=True)
class Finding:
    """One line that says the verdict, and the paragraph that explains it."""

    verdict: Verdict
    title: str
    paragraph: str


def verdict_of(summary: Summary) -> Verdict:
    """Whether the new cap earns more than the baseline cap, by more than both optima are uncertain."""
    _, baseline, new = scenarios_of(summary)
    if broken_caps(new):
        return "infeasible"
    change = new["profit_minor"] - baseline["profit_minor"]
    if abs(change) <= _uncertainty_minor(baseline) + _uncertainty_minor(new):
        return "equal"
    return "better" if change > 0 else "worse"


def find(summary: Summary, *, texts: Texts) -> Finding:
    """The finding in one language."""
    verdict = verdict_of(summary)
    view = View(summary, texts)
    if verdict == "infeasible":
        sentences = [*_infeasible(view), *_offers(view)]  # nothing else of a plan that cannot be kept is worth saying
    else:
        sentences = [*_profit(view, verdict), *_who(view), *_stress(view, verdict), *_today(view), *_offers(view)]
        sentences += [*_binding(view), *_certificate(view)]
    return Finding(verdict=verdict, title=_title(view, verdict), paragraph=texts.sentences(sentences))


def _loss_change(view: View) -> str:
    """How expected loss moves from the baseline to the new cap."""
    _, baseline, new = view.scenarios
    after, before = new["expected_loss_minor"], baseline["expected_loss_minor"]
    if after == before:
        return view.texts("finding.loss_same")
    key = "finding.loss_up" if after > before else "finding.loss_down"
    return view.texts(key, amount=view.money(abs(after - before)), percent=percent_change_text(after, before))


def _uncertainty_minor(scenario: Scenario) -> float:
    return abs(scenario["profit_minor"]) * (scenario["gap_ppm"] or 0.0) / PPM


def _title(view: View, verdict: Verdict) -> str:
    caps = view.caps
    if verdict == "infeasible":
        return view.texts("finding.title_infeasible", new=caps["new"], caps=_broken(view))
    if verdict == "equal":
        return view.texts("finding.title_equal", **caps)
    _, baseline, new = view.scenarios
    change = abs(new["profit_minor"] - baseline["profit_minor"])
    losing = "_losing" if max(new["profit_minor"], baseline["profit_minor"]) < 0 else ""
    key = f"finding.title_{verdict}{losing}"
    return view.texts(key, new=caps["new"], profit=view.money(change), loss=_loss_change(view))


def _infeasible(view: View) -> list[str]:
    return [view.texts("finding.infeasible", new=view.caps["new"], caps=_broken(view))]


def _broken(view: View) -> str:
    return view.texts.join([_broken_cap(view, cap) for cap in broken_caps(view.scenarios[2])])


def _broken_cap(view: View, cap: CapUse) -> str:
    use = percent_text(cap["used"] / cap["bound"] if cap["bound"] else None)
    return view.texts("finding.broken_cap", cap=view.pick(cap["text"]), use=use)


def _profit(view: View, verdict: Verdict) -> list[str]:
    after, before = view.scenarios[2]["profit_minor"], view.scenarios[1]["profit_minor"]
    values = {"after": view.money(after), "before": view.money(before), "loss": _loss_change(view), **view.caps}
    if verdict == "equal":
        return [view.texts("finding.profit_equal", **values)]
    values |= {"change": view.money(abs(after - before)), "percent": percent_change_text(after, before)}
    sentences = [view.texts("finding.profit_better" if after >= before else "finding.profit_worse", **values)]
    extra_loss = view.scenarios[2]["expected_loss_minor"] - view.scenarios[1]["expected_loss_minor"]
    if extra_loss > 0 and after > before:
        sentences.append(view.texts("finding.trade", ratio=f"{(after - before) / extra_loss:,.2f}"))
    elif extra_loss > 0:
        sentences.append(view.texts("finding.trade_negative"))
    if after < 0:
        sentences.append(view.texts("finding.losing", new=view.caps["new"]))
    return sentences


def _who(view: View) -> list[str]:
    caps, cells = view.caps, view.summary["swap"]
    more, less = sum(cell["more"] for cell in cells), sum(cell["less"] for cell in cells)
    sentences = [view.texts("finding.more_none", baseline=caps["baseline"])]
    if more:
        lines = sum(cell["more"] + cell["same"] + cell["less"] for cell in cells)
        amount = view.money(sum(cell["more_minor"] for cell in cells))
        sentences = [
            view.texts("finding.more_lines", count=count_text(more), share=percent_text(more / lines),
                        baseline=caps["baseline"], amount=amount, grades=view.texts.join(_gaining_most(view.summary)))
        ]  # fmt: skip
    if less:
        amount = view.money(sum(cell["less_minor"] for cell in cells))
        sentences.append(view.texts("finding.less_lines", count=count_text(less), amount=amount))
    if above := view.scenarios[2]["lines_above_cap_already"]:
        sentences.append(view.texts("finding.above_cap", count=count_text(above), new=caps["new"]))
    return sentences


def _gaining_most(summary: Summary) -> list[str]:
    """The fewest grades, at most three, that hold most of what is added, in the order of the grades."""
    ranked = sorted(summary["swap"], key=lambda cell: -cell["more_minor"])
    total, reached, named = sum(cell["more_minor"] for cell in ranked), 0, set[str]()
    for cell in ranked[:_MOST_GRADES]:
        if cell["more_minor"] and reached < _MOST_OF_ALL * total:
            named.add(cell["grade"])
            reached += cell["more_minor"]
    return [cell["grade"] for cell in summary["swap"] if cell["grade"] in named]


def _stress(view: View, verdict: Verdict) -> list[str]:
    baseline = view.caps["baseline"]
    change = view.scenarios[2]["stress_loss_minor"]["severe"] - view.scenarios[1]["stress_loss_minor"]["severe"]
    if not change:
        return [view.texts("finding.stress_same", baseline=baseline)]
    amount = view.money(abs(change))
    if change < 0:
        return [view.texts("finding.stress_down", baseline=baseline, amount=amount)]
    if verdict != "better":  # without a certified gain there is nothing to weigh the loss against
        return [view.texts("finding.stress_up", baseline=baseline, amount=amount)]
    extra_profit = view.scenarios[2]["profit_minor"] - view.scenarios[1]["profit_minor"]
    years = f"{change / extra_profit:,.1f}"
    return [view.texts("finding.stress_up_years", baseline=baseline, amount=amount, years=years)]


def _today(view: View) -> list[str]:
    after, before = view.scenarios[2]["profit_minor"], view.scenarios[0]["profit_minor"]
    if after == before:
        return [view.texts("finding.today_same")]
    key = "finding.today_better" if after > before else "finding.today_worse"
    percent = percent_change_text(after, before)
    return [view.texts(key, amount=view.money(abs(after - before)), percent=percent)]


def _offers(view: View) -> list[str]:
    refused = [price["grade"] for price in view.summary["prices"] if not price["offered"]]
    if not refused:
        return []
    if len(refused) == len(view.summary["prices"]):
        return [view.texts("finding.no_offers_all")]
    return [view.texts("finding.no_offers", grades=view.texts.join(refused))]


def _binding(view: View) -> list[str]:
    names = [view.pick(cap["text"]) for cap in view.scenarios[2]["caps"] if cap["binding"]]
    if not names:
        return [view.texts("finding.binding_none")]
    return [view.texts("finding.binding", caps=view.texts.join(names))]


def _certificate(view: View) -> list[str]:
    gaps = [scenario["gap_ppm"] for scenario in view.scenarios[1:]]
    known = [gap for gap in gaps if gap is not None]
    if len(known) < len(gaps):
        return [view.texts("finding.uncertified")]
    if not max(known):
        return [view.texts("finding.certified_best")]
    return [view.texts("finding.certified", gap=f"{max(known):,.3g}")]
