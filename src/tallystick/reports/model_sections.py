"""The sections of a model report: what it is worth, how true, how stable, what moves it, whom it treats how."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tallystick.reports.blocks import Cell, Column, Drawing, Figure, Section, Table
from tallystick.reports.evidence import WIDE, Truth, pd_truth, reliability_chart
from tallystick.reports.figures import count_text, percent_text, ratio_text
from tallystick.reports.model_charts import effect_chart, gain_chart
from tallystick.reports.model_summary import Effect, Estimate, Fairness, GainPoint, ModelReport, Period
from tallystick.reports.summary import CalibrationPoint
from tallystick.reports.texts import Texts

NARROW = 340
_CURVES = 8
_APART = ("indeterminate", "immature", "known_bad")


def drawn(chart: Callable[[int], str]) -> Drawing:
    """A drawing for a screen and for a phone."""
    return Drawing(wide=chart(WIDE), narrow=chart(NARROW))


@dataclass(frozen=True, slots=True)
class GainWords:
    """What a gain is told by: keys of texts."""

    title: str
    found: str
    reading: str
    axis: str


DIRECTIONS: Final = ("up", "down", "none")
BAD_GAINS: Final = GainWords("trained.ranking", "trained.ranking_found", "trained.ranking_reading", "trained.bads_axis")


def gains_section(
    points: Sequence[GainPoint], say: Texts, *, name: str = "gains", words: GainWords = BAD_GAINS
) -> Section:
    """Lift and gain."""
    first = next(point for point in points if point["share"] == 0.01)
    axis = say(words.axis)
    figure = Figure(
        name=name,
        title=say("trained.ranking_figure"),
        found=say(words.found, share=percent_text(first["bads_share"]), lift=f"{first['lift']:.1f}"),
        reading=say(words.reading),
        alt=say("trained.ranking_alt"),
        drawings=(drawn(lambda width: gain_chart(points, found_axis=axis, texts=say, width=width, name=name)),),
        table=Table(
            say(words.title),
            (Column(say("trained.taken_axis")), Column(axis), Column(say("trained.lift"))),
            tuple(
                (
                    Cell(percent_text(one["share"])),
                    Cell(percent_text(one["bads_share"])),
                    Cell(ratio_text(one["lift"], digits=1)),
                )
                for one in points
            ),
        ),
    )
    return Section(name, say(words.title), figures=(figure,))


def truth_figure(points: Sequence[CalibrationPoint], say: Texts, *, truth: Truth, title: str, reading: str) -> Figure:
    """Predicted probabilities against what happened."""
    rows = sum(point["lines"] for point in points)
    means = [sum(point[key] * point["lines"] for point in points) / rows for key in ("pd_mean", "bad_share")]
    return Figure(
        name=truth.name,
        title=title,
        found=say("trained.truth_found", pd=percent_text(means[0], digits=2), share=percent_text(means[1], digits=2)),
        reading=reading,
        alt=say("trained.truth_alt"),
        drawings=(drawn(lambda width: reliability_chart(points, truth=truth, texts=say, width=width)),),
    )


def calibration_section(points: Sequence[CalibrationPoint], say: Texts) -> Section:
    """Predicted against observed."""
    figure = truth_figure(
        points,
        say,
        truth=pd_truth("truth", say),
        title=say("trained.truth_figure"),
        reading=say("trained.truth_reading"),
    )
    return Section("calibration", say("trained.truth"), figures=(figure,))


def periods_section(
    periods: Sequence[Period], say: Texts, *, bads: str, ranked: str, told: Callable[[float], str]
) -> Section:
    """Whether the test's parts are like each other and like the training.

    `bads` and `ranked` are the heads of what happened and of how well it is ranked; `told` writes what is predicted.
    """
    if not periods:
        return Section("periods", say("trained.periods"), lead=say("trained.periods_none"))
    heads = (
        say("trained.period"), say("trained.rows"), bads, say("trained.predicted"),
        say("trained.observed"), ranked, say("trained.psi"),
    )  # fmt: skip
    rows = tuple(
        (
            Cell(one["name"]),
            Cell(count_text(one["rows"])),
            Cell(count_text(one["bads"])),
            Cell(told(one["pd_mean"])),
            Cell(told(one["bad_share"])),
            Cell(ratio_text(one["auc"])),
            Cell(f"{one['psi']:.4f} ({one['psi_limit']:.4f})", alarm="alarm" if one["psi"] > one["psi_limit"] else ""),
        )
        for one in periods
    )
    table = Table(say("trained.periods"), (Column(heads[0], "start"), *(Column(head) for head in heads[1:])), rows)
    return Section("periods", say("trained.periods"), lead=say("trained.periods_lead"), tables=(table,))


def effects_section(
    effects: Sequence[Effect], say: Texts, *, name: str, title: str, directions: Mapping[str, str], items: Sequence[str]
) -> Section:
    """What each feature does to the score, `directions` in words, and in `items` what was proven of it."""
    strongest = max([one["strength"] for one in effects], default=0.0) or 1.0
    rows = tuple(
        (
            Cell(one["feature"]),
            Cell(one["meaning"][say.language]),
            Cell(ratio_text(one["strength"]), bar=one["strength"] / strongest, color="#b4bcc6"),
            Cell(directions[one["direction"]]),
        )
        for one in effects
    )
    heads = (("feature", "start"), ("meaning", "start"), ("strength", "end"), ("direction", "start"))
    table = Table(
        say("trained.effect_table"), tuple(Column(say(f"trained.{key}"), align) for key, align in heads), rows
    )
    curved = [one for one in effects if len(one["curve"]) > 1][:_CURVES]
    pairs = [curved[place : place + 2] for place in range(0, len(curved), 2)]
    return Section(
        name,
        title,
        lead=say("trained.effects_lead"),
        items=tuple(items),
        figures=tuple(_pair(pair, say, name=f"{name}-{place}") for place, pair in enumerate(pairs)),
        tables=(table,),
    )


def proven(monotone: Mapping[str, str], say: Texts) -> str:
    """How many directions were declared, all of them proven."""
    return say("trained.monotone", count=str(len(monotone))) if monotone else say("trained.monotone_none")


def leaks(suspects: Mapping[str, float], say: Texts) -> str:
    """Features that know too much, or that there are none."""
    told = [f"{name} {value:.3f}" for name, value in suspects.items()]
    return say("trained.suspects", features=say.join(told)) if told else say("trained.suspects_none")


def _pair(effects: Sequence[Effect], say: Texts, *, name: str) -> Figure:
    names = say.join([one["feature"] for one in effects])
    return Figure(
        name=name,
        title=names,
        found=say.sentences(
            [_sentence(one["meaning"][say.language], stop="。" if say.language == "zh" else ".") for one in effects]
        ),
        reading="",
        alt=say("trained.effect_alt", feature=names),
        drawings=tuple(
            Drawing(
                wide=effect_chart(one, texts=say, width=NARROW, name=f"{name}-{number}"),
                narrow="",
                title=one["feature"],
            )
            for number, one in enumerate(effects)
        ),
    )


def _sentence(words: str, *, stop: str) -> str:
    return f"{words[:1].upper()}{words[1:]}{stop}"


def fairness_section(known: Sequence[Fairness], say: Texts, *, lead: str) -> Section:
    """Groups of people beside each other, or that nobody knows them."""
    return Section(
        "fairness",
        say("trained.fairness"),
        lead=lead if known else say("trained.fairness_none"),
        tables=tuple(_fairness_table(one, say) for one in known),
    )


def _fairness_table(one: Fairness, say: Texts) -> Table:
    heads = ("group", "rows", "approved", "impact", "gap")
    columns = tuple(Column(say(f"trained.{key}"), "start" if key == "group" else "end") for key in heads)
    rows = tuple(
        (
            Cell(group["group"][say.language]),
            Cell(count_text(group["rows"])),
            Cell(percent_text(group["approved_share"])),
            Cell(_with_ends(group["impact_ratio"]), alarm="alarm" if group["refused"] else ""),
            Cell(_with_ends(group["opportunity_gap"]), alarm="alarm" if group["refused"] else ""),
        )
        for group in one["groups"]
    )
    return Table(say("trained.fairness_table", attribute=one["attribute"][say.language]), columns, rows)


def _with_ends(figure: Estimate) -> str:
    return f"{ratio_text(figure['value'])} ({ratio_text(figure['low'])}–{ratio_text(figure['high'])})"


def card_section(report: ModelReport, say: Texts) -> Section:
    """What it is for, what it is not for, and what could not be learned."""
    apart = {key: _apart(report[key]["apart"], say) for key in ("train", "test")}
    items = [
        say("trained.card_use", outcome=report["outcome"][say.language]),
        say("trained.card_apart", **apart),
        say("trained.card_reject"),
        *_base_rate(report, say),
        *(limit[say.language] for limit in report["limits"]),
        *([say("trained.card_credit")] if report["reads_what_credit_may_not"] else []),
    ]
    return Section("card", say("trained.card"), items=tuple(items))


def _base_rate(report: ModelReport, say: Texts) -> list[str]:
    moved = report["base_rate"]
    if moved is None:
        return []
    learned, stated = (percent_text(moved["learned_share"]), percent_text(moved["stated_share"]))
    return [say("trained.card_base_rate", learned=learned, stated=stated, source=moved["source"][say.language])]


def _apart(counts: dict[str, int], say: Texts) -> str:
    told = [say(f"trained.{key}", count=count_text(counts[key])) for key in _APART if counts.get(key)]
    return say.join(told) if told else say("trained.nothing")


def proof_section(facts: Mapping[str, object], say: Texts) -> Section:
    """Hashes and settings: who has the same gets the same."""
    columns = (Column(say("trained.hash"), "start"), Column(say("trained.value"), "start"))
    rows = tuple((Cell(name), Cell(str(value))) for name, value in facts.items())
    return Section("proof", say("trained.proof"), folded=(Table(say("trained.proof"), columns, rows),))
