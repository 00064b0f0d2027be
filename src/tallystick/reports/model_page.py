"""The report of a trained model as one HTML page, in Chinese and English: the same summary gives the same bytes."""

from tallystick.reports.blocks import Cell, Column, Table
from tallystick.reports.figures import Language, count_text, percent_text, ratio_text
from tallystick.reports.finding import Finding
from tallystick.reports.model_layout import estimate_text, figure_tile, model_layout, model_page, promotion
from tallystick.reports.model_sections import (
    DIRECTIONS,
    calibration_section,
    card_section,
    effects_section,
    fairness_section,
    gains_section,
    leaks,
    periods_section,
    proof_section,
    proven,
)
from tallystick.reports.model_summary import Contender, ModelReport
from tallystick.reports.page import Edition
from tallystick.reports.texts import Texts, texts_in


def render_model_page(report: ModelReport) -> str:
    """The report of one training run as a self-contained HTML document."""
    return model_page(lambda language: model_edition(report, language=language))


def model_edition(report: ModelReport, *, language: Language) -> Edition:
    """Everything that the template lays out for one language."""
    say = texts_in(language)
    proof = {"model_id": report["model_id"], **report["hashes"], "seed": report["seed"], **report["settings"]}
    return model_layout(
        say,
        title=report["title"],
        facts=[
            say(f"trained.facts_{key}", rows=count_text(rows["rows"]), bads=count_text(rows["bads"]))
            for key, rows in (("rows", report["train"]), ("test", report["test"]))
        ],
        finding=Finding("equal" if report["promotable"] else "infeasible", verdict(report, say), _told(report, say)),
        tiles=[
            figure_tile(name[language], report["contenders"][0]["figures"][key], say)
            for key, name in report["figure_names"].items()
        ],
        figures=figures_table(report, say),
        sections=(
            gains_section(report["gains"], say),
            calibration_section(report["calibration"], say),
            periods_section(report["periods"], say, bads=say("trained.bads"), ranked="AUC", told=_share_text),
            effects_section(
                report["effects"],
                say,
                name="effects",
                title=say("trained.effects"),
                directions={key: say(f"trained.direction_{key}") for key in DIRECTIONS},
                items=(proven(report["monotone"], say), leaks(report["suspects"], say)),
            ),
            fairness_section(report["fairness"], say, lead=say("trained.fairness_lead")),
            card_section(report, say),
            proof_section(proof, say),
        ),
    )


def _share_text(share: float) -> str:
    return percent_text(share, digits=2)


def verdict(report: ModelReport, say: Texts) -> str:
    """Whether it may be promoted, and if not why."""
    return promotion(report["fairness"], report["suspects"], say)


def _told(report: ModelReport, say: Texts) -> str:
    """When it learned and was tested, or that no time is known."""
    outcome = report["outcome"][say.language]
    train, test = report["train"], report["test"]
    if not report["has_time"]:
        return say("trained.no_time", outcome=outcome)
    days = {
        "train_from": train["first_on"], "train_until": train["until"],
        "test_from": test["first_on"], "test_until": test["until"],
    }  # fmt: skip
    tuned = (
        say("trained.figures_note", folds=str(report["earlier_folds"]))
        if report["earlier_folds"]
        else say("trained.figures_note_none")
    )
    told = say("trained.time", outcome=outcome, **{key: str(day) for key, day in days.items()})
    return say.sentences([told, say("trained.figures_lead"), tuned])


def figures_table(report: ModelReport, say: Texts) -> Table:
    """Ours, what was fitted beside it, and what was published."""
    names = report["figure_names"]
    columns = [Column(say("trained.model"), "start"), Column(say("trained.features"))]
    for name in names.values():
        columns += [Column(name[say.language]), Column(say("trained.earlier"))]
    rows = [_figures_row(one, list(names), say) for one in (*report["contenders"], *report["published"])]
    return Table(say("trained.figures"), tuple(columns), tuple(rows))


def _figures_row(one: Contender, names: list[str], say: Texts) -> tuple[Cell, ...]:
    name = one["name"][say.language]
    if one["source"]:
        name = say("trained.published", name=name, source=one["source"])
    cells = [Cell(name), Cell("" if one["features"] is None else str(one["features"]))]
    for key in names:
        figure = one["figures"].get(key)
        cells += [
            Cell(estimate_text(figure) if figure else ratio_text(None)),
            Cell(ratio_text(one["earlier"].get(key))),
        ]
    return tuple(cells)
