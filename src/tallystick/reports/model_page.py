"""The report of a trained model as one HTML page, in Chinese and English: the same summary gives the same bytes."""

from tallystick.reports.blocks import Cell, Column, Table, Tile
from tallystick.reports.figures import LANGUAGES, Language, count_text, ratio_text
from tallystick.reports.finding import Finding
from tallystick.reports.model_sections import (
    calibration_section,
    card_section,
    effects_section,
    fairness_section,
    gains_section,
    periods_section,
    proof_section,
)
from tallystick.reports.model_summary import Contender, Estimate, ModelReport
from tallystick.reports.page import Edition, render_editions
from tallystick.reports.sections import page_texts
from tallystick.reports.texts import Texts, texts_in

_SECTIONS = (
    gains_section, calibration_section, periods_section, effects_section, fairness_section, card_section, proof_section,
)  # fmt: skip


def render_model_page(report: ModelReport) -> str:
    """The report of one training run as a self-contained HTML document."""
    return render_editions([model_edition(report, language=language) for language in LANGUAGES])


def model_edition(report: ModelReport, *, language: Language) -> Edition:
    """Everything that the template lays out for one language."""
    say = texts_in(language)
    return Edition(
        language=language,
        title=say("trained.title", title=report["title"][language]),
        kicker=say("trained.kicker"),
        facts=tuple(
            say(f"trained.facts_{key}", rows=count_text(rows["rows"]), bads=count_text(rows["bads"]))
            for key, rows in (("rows", report["train"]), ("test", report["test"]))
        ),
        words=page_texts(say) | {"footer": say("trained.footer")},
        change=say("trained.figures"),
        finding=Finding("equal" if report["promotable"] else "infeasible", verdict(report, say), _told(report, say)),
        tiles=tuple(_tile(report, name, say) for name in report["figure_names"]),
        scenarios=figures_table(report, say),
        sections=tuple(section(report, say) for section in _SECTIONS),
    )


def verdict(report: ModelReport, say: Texts) -> str:
    """Whether it may be promoted, and if not why."""
    why = []
    refused = [one["attribute"][say.language] for one in report["fairness"] if one["refused"]]
    if refused:
        why.append(say("trained.why_fairness", groups=say.join(refused)))
    if report["suspects"]:
        why.append(say("trained.why_leak", features=say.join(list(report["suspects"]))))
    return say("trained.may_not", why=say.join(why)) if why else say("trained.may")


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


def _tile(report: ModelReport, name: str, say: Texts) -> Tile:
    figure = report["contenders"][0]["figures"][name]
    return Tile(
        name=report["figure_names"][name][say.language],
        hint="",
        value=ratio_text(figure["value"]),
        change=interval_text(figure, say),
        percent="",
        rows=(),
    )


def interval_text(figure: Estimate, say: Texts) -> str:
    """The interval of a figure in words, nothing where it has none."""
    if figure["low"] is None or figure["high"] is None:
        return ""
    return say("trained.interval", low=ratio_text(figure["low"]), high=ratio_text(figure["high"]))


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
        text = ratio_text(figure["value"] if figure else None)
        if figure and figure["low"] is not None:
            text += f" ({ratio_text(figure['low'])}–{ratio_text(figure['high'])})"
        cells += [Cell(text), Cell(ratio_text(one["earlier"].get(key)))]
    return tuple(cells)
