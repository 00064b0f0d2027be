"""The report of a model of an amount as one HTML page, in Chinese and English; the same summary, the same bytes."""

from collections.abc import Sequence

from tallystick.reports.amount_summary import AmountContender, AmountGroupTold, AmountReport
from tallystick.reports.blocks import Cell, Column, Section, Table, Tile
from tallystick.reports.figures import LANGUAGES, Language, count_text, ratio_text
from tallystick.reports.finding import Finding
from tallystick.reports.model_summary import Estimate
from tallystick.reports.page import Edition, render_editions
from tallystick.reports.sections import page_texts
from tallystick.reports.texts import Texts, texts_in

# The figures of both parts and of both together, in the order of the page.
FIGURES = (
    "chance_auc", "chance_brier", "chance_mean", "chance_observed",
    "size_rank_correlation", "size_mean", "size_observed",
    "rank_correlation", "explained_share", "total_over_observed",
)  # fmt: skip
_TILES = ("chance_auc", "size_rank_correlation", "explained_share", "total_over_observed")
_DIGITS = 4
_ERRORS = ("absolute", "squared")


def render_amount_page(report: AmountReport) -> str:
    """The report of one training run as a self-contained HTML document."""
    return render_editions([amount_edition(report, language=language) for language in LANGUAGES])


def amount_edition(report: AmountReport, *, language: Language) -> Edition:
    """Everything that the template lays out for one language."""
    say = texts_in(language)
    return Edition(
        language=language,
        title=say("amount.title", title=report["title"][language]),
        kicker=say("amount.kicker"),
        facts=tuple(
            say(f"amount.facts_{key}", rows=count_text(part["rows"]), some=count_text(part["some"]))
            for key, part in (("train", report["train"]), ("test", report["test"]))
        ),
        words=page_texts(say) | {"footer": say("trained.footer")},
        change=say("amount.forecasts"),
        finding=Finding("better" if is_better(report) else "equal", amount_verdict(report, say), _told(report, say)),
        tiles=tuple(_tile(report["figures"][name], say(f"amount.{name}"), say) for name in _TILES),
        scenarios=_forecasts_table(report, say),
        sections=(
            _parts_section(report, say), _calibration_section(report, say), _reads_section(report, say),
            _proof_section(report, say),
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
        figures = {end: ratio_text(figure, digits=_DIGITS) for end, figure in _ends(saved).items()}
        told.append(say(key, peer=best["name"][say.language], **figures))
    return say.sentences(told)


def estimate_text(figure: Estimate) -> str:
    """A figure with the ends of its interval."""
    told = {key: ratio_text(each, digits=_DIGITS) for key, each in _ends(figure).items()}
    return told["value"] if figure["low"] is None else f"{told['value']} ({told['low']}–{told['high']})"


def _ends(figure: Estimate) -> dict[str, float | None]:
    return {"value": figure["value"], "low": figure["low"], "high": figure["high"]}


def _saved(report: AmountReport, error: str) -> tuple[AmountContender, Estimate]:
    """The naive forecast nearest to ours, and how much more it errs."""
    naive = [
        (one, one["absolute_saved"] if error == "absolute" else one["squared_saved"]) for one in report["contenders"]
    ]
    return min(((one, saved) for one, saved in naive if saved is not None), key=lambda pair: pair[1]["value"])


def _told(report: AmountReport, say: Texts) -> str:
    words = {"target": report["target"][say.language], "unit": report["unit"]}
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


def _tile(figure: Estimate, name: str, say: Texts) -> Tile:
    low, high = (ratio_text(figure[end]) for end in ("low", "high"))
    reach = say("trained.interval", low=low, high=high)
    return Tile(name=name, hint="", value=ratio_text(figure["value"]), change=reach, percent="", rows=())


def _forecasts_table(report: AmountReport, say: Texts) -> Table:
    heads = ("absolute_error", "absolute_saved", "root_squared_error", "squared_saved", "mean")
    columns = (Column(say("amount.forecast"), "start"), *(Column(say(f"amount.{head}")) for head in heads))
    rows = tuple(
        (
            Cell(one["name"][say.language]),
            Cell(estimate_text(one["absolute_error"])),
            Cell(estimate_text(one["absolute_saved"]) if one["absolute_saved"] else ""),
            Cell(estimate_text(one["root_squared_error"])),
            Cell(estimate_text(one["squared_saved"]) if one["squared_saved"] else ""),
            Cell(ratio_text(one["mean"], digits=_DIGITS)),
        )
        for one in report["contenders"]
    )
    return Table(say("amount.forecasts"), columns, rows)


def _parts_section(report: AmountReport, say: Texts) -> Section:
    columns = (Column(say("amount.figure"), "start"), Column(say("amount.value")))
    rows = tuple((Cell(say(f"amount.{name}")), Cell(estimate_text(report["figures"][name]))) for name in FIGURES)
    table = Table(say("amount.parts"), columns, rows)
    return Section("parts", say("amount.parts"), lead=say("amount.parts_lead"), tables=(table,))


def _calibration_section(report: AmountReport, say: Texts) -> Section:
    distance = ratio_text(report["calibration_distance"], digits=_DIGITS)
    tables = [_groups_table(report["calibration"], say("amount.deciles"), say)]
    if report["months"]:
        tables.append(_groups_table(report["months"], say("amount.months"), say))
    lead = say("amount.deciles_lead", distance=distance)
    return Section("calibration", say("amount.deciles"), lead=lead, tables=tuple(tables))


def _groups_table(groups: Sequence[AmountGroupTold], title: str, say: Texts) -> Table:
    columns = (
        Column(say("amount.group"), "start"),
        *(Column(say(f"amount.{head}")) for head in ("rows", "predicted", "observed")),
    )
    rows = tuple(
        (
            Cell(one["name"]),
            Cell(count_text(one["rows"])),
            Cell(ratio_text(one["predicted"], digits=_DIGITS)),
            Cell(estimate_text(one["observed"])),
        )
        for one in groups
    )
    return Table(title, columns, rows)


def _reads_section(report: AmountReport, say: Texts) -> Section:
    columns = (Column(say("amount.feature"), "start"), Column(say("amount.meaning"), "start"))
    rows = tuple((Cell(name), Cell(meaning[say.language])) for name, meaning in report["features"].items())
    note = say("amount.hidden", columns=say.join(report["hidden"])) if report["hidden"] else ""
    return Section("reads", say("amount.reads"), tables=(Table(say("amount.reads"), columns, rows),), note=note)


def _proof_section(report: AmountReport, say: Texts) -> Section:
    columns = (Column(say("trained.hash"), "start"), Column(say("trained.value"), "start"))
    facts = {"model_id": report["model_id"], **report["hashes"], "seed": str(report["seed"]), **report["settings"]}
    rows = tuple((Cell(name), Cell(value)) for name, value in facts.items())
    return Section("proof", say("trained.proof"), folded=(Table(say("trained.proof"), columns, rows),))
