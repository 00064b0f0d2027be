"""The sections of a model report: what it is worth, how true, how stable, what moves it, whom it treats how."""

from collections.abc import Callable

from tallystick.reports.blocks import Cell, Column, Drawing, Figure, Section, Table
from tallystick.reports.evidence import WIDE, reliability_chart
from tallystick.reports.figures import count_text, percent_text, ratio_text
from tallystick.reports.model_charts import effect_chart, gain_chart
from tallystick.reports.model_summary import Effect, Estimate, Fairness, ModelReport
from tallystick.reports.texts import Texts

NARROW = 340
_CURVES = 8
_APART = ("indeterminate", "immature", "known_bad")


def _drawn(chart: Callable[[int], str]) -> Drawing:
    return Drawing(wide=chart(WIDE), narrow=chart(NARROW))


def gains_section(report: ModelReport, say: Texts) -> Section:
    """Lift and gain."""
    points = report["gains"]
    first = next(point for point in points if point["share"] == 0.01)
    figure = Figure(
        name="gain",
        title=say("trained.ranking_figure"),
        found=say("trained.ranking_found", share=percent_text(first["bads_share"]), lift=f"{first['lift']:.0f}"),
        reading=say("trained.ranking_reading"),
        alt=say("trained.ranking_alt"),
        drawings=(_drawn(lambda width: gain_chart(points, texts=say, width=width)),),
        table=Table(
            say("trained.ranking"),
            (Column(say("trained.taken_axis")), Column(say("trained.bads_axis")), Column(say("trained.lift"))),
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
    return Section("gains", say("trained.ranking"), figures=(figure,))


def calibration_section(report: ModelReport, say: Texts) -> Section:
    """Predicted against observed."""
    points = report["calibration"]
    rows = sum(point["lines"] for point in points)
    means = [sum(point[key] * point["lines"] for point in points) / rows for key in ("pd_mean", "bad_share")]
    figure = Figure(
        name="truth",
        title=say("trained.truth_figure"),
        found=say("trained.truth_found", pd=percent_text(means[0], digits=2), share=percent_text(means[1], digits=2)),
        reading=say("trained.truth_reading"),
        alt=say("trained.truth_alt"),
        drawings=(_drawn(lambda width: reliability_chart(points, texts=say, width=width)),),
    )
    return Section("calibration", say("trained.truth"), figures=(figure,))


def periods_section(report: ModelReport, say: Texts) -> Section:
    """Whether the test's parts are like each other and like the training."""
    if not report["periods"]:
        return Section("periods", say("trained.periods"), lead=say("trained.periods_none"))
    heads = ("period", "rows", "bads", "predicted", "observed")
    columns = (*(Column(say(f"trained.{key}")) for key in heads), Column("AUC"), Column(say("trained.psi")))
    rows = tuple(
        (
            Cell(one["name"]),
            Cell(count_text(one["rows"])),
            Cell(count_text(one["bads"])),
            Cell(percent_text(one["pd_mean"], digits=2)),
            Cell(percent_text(one["bad_share"], digits=2)),
            Cell(ratio_text(one["auc"])),
            Cell(f"{one['psi']:.4f} ({one['psi_limit']:.4f})", alarm="alarm" if one["psi"] > one["psi_limit"] else ""),
        )
        for one in report["periods"]
    )
    table = Table(say("trained.periods"), columns, rows)
    return Section("periods", say("trained.periods"), lead=say("trained.periods_lead"), tables=(table,))


def effects_section(report: ModelReport, say: Texts) -> Section:
    """What each feature does to the score, and what was proven of it."""
    effects = report["effects"]
    strongest = max([one["strength"] for one in effects], default=0.0) or 1.0
    rows = tuple(
        (
            Cell(one["feature"]),
            Cell(one["meaning"][say.language]),
            Cell(ratio_text(one["strength"]), bar=one["strength"] / strongest, color="#b4bcc6"),
            Cell(say(f"trained.direction_{one['direction']}")),
        )
        for one in effects
    )
    heads = (("feature", "start"), ("meaning", "start"), ("strength", "end"), ("direction", "start"))
    table = Table(
        say("trained.effect_table"), tuple(Column(say(f"trained.{key}"), align) for key, align in heads), rows
    )
    count = len(report["monotone"])
    monotone = say("trained.monotone", count=str(count)) if count else say("trained.monotone_none")
    told = [f"{name} {value:.3f}" for name, value in report["suspects"].items()]
    suspects = say("trained.suspects", features=say.join(told)) if told else say("trained.suspects_none")
    curved = [one for one in effects if len(one["curve"]) > 1][:_CURVES]
    pairs = [curved[place : place + 2] for place in range(0, len(curved), 2)]
    return Section(
        "effects",
        say("trained.effects"),
        lead=say("trained.effects_lead"),
        items=(monotone, suspects),
        figures=tuple(_pair(pair, say, place=2 * place) for place, pair in enumerate(pairs)),
        tables=(table,),
    )


def _pair(effects: list[Effect], say: Texts, *, place: int) -> Figure:
    names = say.join([one["feature"] for one in effects])
    return Figure(
        name=f"effect-{place}",
        title=names,
        found=say.sentences(
            [f"{one['meaning'][say.language]}{'。' if say.language == 'zh' else '.'}" for one in effects]
        ),
        reading="",
        alt=say("trained.effect_alt", feature=names),
        drawings=tuple(
            Drawing(
                wide=effect_chart(one, texts=say, width=NARROW, place=place + number), narrow="", title=one["feature"]
            )
            for number, one in enumerate(effects)
        ),
    )


def fairness_section(report: ModelReport, say: Texts) -> Section:
    """Groups of people beside each other, or that nobody knows them."""
    known = report["fairness"]
    return Section(
        "fairness",
        say("trained.fairness"),
        lead=say("trained.fairness_lead") if known else say("trained.fairness_none"),
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
        *([say("trained.card_credit")] if report["reads_what_credit_may_not"] else []),
    ]
    return Section("card", say("trained.card"), items=tuple(items))


def _apart(counts: dict[str, int], say: Texts) -> str:
    told = [say(f"trained.{key}", count=count_text(counts[key])) for key in _APART if counts.get(key)]
    return say.join(told) if told else say("trained.nothing")


def proof_section(report: ModelReport, say: Texts) -> Section:
    """Hashes and settings: who has the same gets the same."""
    columns = (Column(say("trained.hash"), "start"), Column(say("trained.value"), "start"))
    facts = {"model_id": report["model_id"], **report["hashes"], "seed": str(report["seed"])}
    facts |= {name: str(value) for name, value in report["settings"].items()}
    rows = tuple((Cell(name), Cell(value)) for name, value in facts.items())
    return Section("proof", say("trained.proof"), folded=(Table(say("trained.proof"), columns, rows),))
