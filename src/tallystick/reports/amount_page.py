"""The report of a model of an amount as one HTML page, in Chinese and English; the same summary, the same bytes."""

from tallystick.reports.amount_summary import AmountContender, AmountReport
from tallystick.reports.blocks import Cell, Column, Figure, Section, Table
from tallystick.reports.evidence import Truth, amounts_chart
from tallystick.reports.figures import Language, count_text, percent_text, ratio_text
from tallystick.reports.finding import Finding
from tallystick.reports.model_layout import estimate_text, figure_tile, model_layout, model_page, promotion
from tallystick.reports.model_sections import (
    DIRECTIONS,
    GainWords,
    drawn,
    effects_section,
    fairness_section,
    gains_section,
    leaks,
    periods_section,
    proof_section,
    proven,
    truth_figure,
)
from tallystick.reports.model_summary import Estimate
from tallystick.reports.page import Edition
from tallystick.reports.texts import Texts, texts_in
from tallystick.units.rates import PPM

# The figures of both parts and of both together, in the order of the page.
FIGURES = (
    "chance_auc", "chance_brier", "chance_mean", "chance_observed",
    "size_rank_correlation", "size_mean", "size_observed",
    "rank_correlation", "explained_share", "total_over_observed",
)  # fmt: skip
_AMOUNT_GAINS = GainWords("amount.ranking", "amount.ranking_found", "amount.ranking_reading", "amount.bads_axis")
_CHANCE_GAINS = GainWords("amount.chance_ranking", "amount.chance_found", "amount.chance_reading", "amount.chance_axis")
_TILES = ("chance_auc", "size_rank_correlation", "explained_share", "total_over_observed")
DIGITS = 4  # amounts are small: what is recovered is some hundredths of what was lent
_ERRORS = ("absolute", "squared")


def render_amount_page(report: AmountReport) -> str:
    """The report of one training run as a self-contained HTML document."""
    return model_page(lambda language: amount_edition(report, language=language))


def amount_edition(report: AmountReport, *, language: Language) -> Edition:
    """Everything that the template lays out for one language."""
    say = texts_in(language)
    refused = not report["promotable"]
    better = is_better(report)
    promoted = promotion(report["fairness"], report["suspects"], say)
    title = promoted if refused else say("amount.better") if better else say("amount.not_better")
    told = [amount_verdict(report, say), _told(report, say)]
    proof = {"model_id": report["model_id"], **report["hashes"], "seed": report["seed"], **report["settings"]}
    directions = {key: say(f"amount.direction_{key}") for key in DIRECTIONS}
    return model_layout(
        say,
        title=report["title"],
        facts=[
            say(f"amount.facts_{key}", rows=count_text(part["rows"]), some=count_text(part["some"]))
            for key, part in (("train", report["train"]), ("test", report["test"]))
        ],
        finding=Finding(
            "infeasible" if refused else "better" if better else "equal", title, say.sentences(told)
        ),
        tiles=[figure_tile(say(f"amount.{name}"), report["figures"][name], say) for name in _TILES],
        figures=_forecasts_table(report, say),
        sections=(
            _parts_section(report, say),
            gains_section(report["gains"], say, words=_AMOUNT_GAINS),
            gains_section(report["chance_gains"], say, name="chance_gains", words=_CHANCE_GAINS),
            _calibration_section(report, say),
            periods_section(
                report["periods"], say, bads=say("amount.bads"), ranked=say("amount.chance_auc"), told=_figure_text
            ),
            effects_section(
                report["effects"], say, name="effects", title=say("amount.effects"), directions=directions,
                items=(proven(report["monotone"], say), leaks(report["suspects"], say)),
            ),
            effects_section(
                report["size_effects"], say, name="size_effects", title=say("amount.size_effects"),
                directions=directions, items=(proven(report["size_monotone"], say),),
            ),
            fairness_section(
                report["fairness"], say, lead=say("amount.fairness_lead", percent=str(report["take_percent"]))
            ),
            _card_section(report, say),
            proof_section(proof, say),
        ),
    )  # fmt: skip


def is_better(report: AmountReport) -> bool:
    """Whether the model errs reliably less than the best of the naive forecasts, by both errors."""
    return all((_saved(report, error)[1]["low"] or 0.0) > 0 for error in _ERRORS)


def amount_verdict(report: AmountReport, say: Texts) -> str:
    """The model beside the naive forecast that errs least: its median by absolute error, its mean by squared error."""
    told = []
    for error in _ERRORS:
        best, saved = _saved(report, error)
        key = f"amount.{error}_{'better' if (saved['low'] or 0.0) > 0 else 'not_better'}"
        figures = {end: ratio_text(figure, digits=DIGITS) for end, figure in _ends(saved).items()}
        told.append(say(key, peer=best["name"][say.language], **figures))
    return say.sentences(told)


def _ends(figure: Estimate) -> dict[str, float | None]:
    return {"value": figure["value"], "low": figure["low"], "high": figure["high"]}


def _saved(report: AmountReport, error: str) -> tuple[AmountContender, Estimate]:
    """The naive forecast nearest to ours, and how much more it errs."""
    naive = [
        (one, one["absolute_saved"] if error == "absolute" else one["squared_saved"]) for one in report["contenders"]
    ]
    return min(((one, saved) for one, saved in naive if saved is not None), key=lambda pair: pair[1]["value"])


def _told(report: AmountReport, say: Texts) -> str:
    words = {"target": report["target"][say.language], "unit": report["unit"][say.language]}
    if report["has_time"]:
        months = {
            f"{name}_{end}": str(report[name][f"{end}_month"])  # type: ignore[literal-required]
            for name in ("train", "test")
            for end in ("first", "last")
        }
        told = [say("amount.time", **words, **months)]
    else:
        told = [say("amount.no_time", **words)]
    if report["capped"]:
        told.append(say("amount.capped", count=count_text(report["capped"])))
    return say.sentences(told)


def _forecasts_table(report: AmountReport, say: Texts) -> Table:
    heads = ("absolute_error", "absolute_saved", "root_squared_error", "squared_saved", "mean")
    columns = (Column(say("amount.forecast"), "start"), *(Column(say(f"amount.{head}")) for head in heads))
    rows = tuple(
        (
            Cell(one["name"][say.language]),
            Cell(estimate_text(one["absolute_error"], digits=DIGITS)),
            Cell(estimate_text(one["absolute_saved"], digits=DIGITS) if one["absolute_saved"] else ""),
            Cell(estimate_text(one["root_squared_error"], digits=DIGITS)),
            Cell(estimate_text(one["squared_saved"], digits=DIGITS) if one["squared_saved"] else ""),
            Cell(ratio_text(one["mean"], digits=DIGITS)),
        )
        for one in report["contenders"]
    )
    return Table(say("amount.forecasts"), columns, rows)


def _parts_section(report: AmountReport, say: Texts) -> Section:
    columns = (Column(say("amount.figure"), "start"), Column(say("amount.value")))
    rows = tuple(
        (Cell(say(f"amount.{name}")), Cell(estimate_text(report["figures"][name], digits=DIGITS))) for name in FIGURES
    )
    table = Table(say("amount.parts"), columns, rows)
    return Section("parts", say("amount.parts"), lead=say("amount.parts_lead"), tables=(table,))


def _calibration_section(report: AmountReport, say: Texts) -> Section:
    """The chance of anything, and the amount, each against what came."""
    groups = report["calibration"]
    columns = (
        Column(say("amount.group"), "start"),
        *(Column(say(f"amount.{head}")) for head in ("rows", "predicted", "observed")),
    )
    rows = tuple(
        (
            Cell(one["name"]),
            Cell(count_text(one["rows"])),
            Cell(_figure_text(one["predicted"])),
            Cell(estimate_text(one["observed"], digits=DIGITS)),
        )
        for one in groups
    )
    points = [(one["predicted"], one["observed"]) for one in groups]
    amount = Truth("amounts", say("amount.predicted"), say("amount.came_axis"))
    amounts = Figure(
        name="amounts",
        title=say("amount.truth_amount"),
        found=say("amount.deciles_lead", distance=_figure_text(report["calibration_distance"])),
        reading=say("amount.truth_reading", unit=report["unit"][say.language]),
        alt=say("trained.truth_alt"),
        drawings=(drawn(lambda width: amounts_chart(points, truth=amount, texts=say, width=width)),),
        table=Table(say("amount.deciles"), columns, rows),
    )
    chance = truth_figure(
        report["chance_calibration"],
        say,
        truth=Truth("chance", say("amount.chance_axis_predicted"), say("amount.chance_axis_observed")),
        title=say("amount.truth_figure"),
        reading=say("amount.chance_truth_reading"),
    )
    return Section("calibration", say("trained.truth"), figures=(chance, amounts))


def _card_section(report: AmountReport, say: Texts) -> Section:
    """What it is for, what was kept apart, and what its features could not read."""
    items = [
        say("amount.card_use", target=report["target"][say.language]),
        say("amount.card_apart", count=count_text(report["immature"])),
        say("amount.card_selected"),
    ]
    if report["cures"] is not None:
        cures = report["cures"]
        figures = {"share": cures["share_ppm"] / PPM, "uncured": cures["uncured_loss"], "loss": cures["loss"]}
        told = {name: percent_text(figure) for name, figure in figures.items()}
        items.append(say("amount.card_cures", source=cures["source"][say.language], **told))
    if report["hidden"]:
        items.append(say("amount.hidden", columns=say.join(report["hidden"])))
    return Section("card", say("trained.card"), items=tuple(items))


def _figure_text(figure: float) -> str:
    return ratio_text(figure, digits=DIGITS)
