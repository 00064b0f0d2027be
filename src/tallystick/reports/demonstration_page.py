"""The demonstration as one HTML page, in Chinese and English: the same summary gives the same bytes."""

from collections.abc import Callable

from tallystick.reports.blocks import Figure, Key, Section, Tile, TileRow
from tallystick.reports.demonstration_chart import changes_chart
from tallystick.reports.demonstration_summary import DemonstrationSummary
from tallystick.reports.demonstration_tables import (
    MEASURES,
    Told,
    caps_table,
    differences_table,
    forecast_table,
    fraud_table,
    happened_table,
    models_table,
    service_table,
    share_text,
    year_table,
)
from tallystick.reports.figures import LANGUAGES, Language, count_text, currency_text
from tallystick.reports.finding import Finding, Verdict
from tallystick.reports.model_sections import drawn
from tallystick.reports.page import Edition, render_editions
from tallystick.reports.palette import SCENARIO_COLORS
from tallystick.reports.sections import page_texts
from tallystick.reports.texts import texts_in

_TILES = ("limit_minor", "drawn_minor", "earned_minor", "lost_minor", "result_minor", "defaulted")
_ARM_COLORS = (SCENARIO_COLORS["baseline"], SCENARIO_COLORS["new"])
# Amounts that are drawn beside each other, on one axis.
_DRAWN = ("earned_minor", "funds_minor", "operations_minor", "lost_minor", "result_minor")


def render_demonstration(summary: DemonstrationSummary) -> str:
    """The report as a self-contained HTML document."""
    return render_editions([demonstration_edition(summary, language=language) for language in LANGUAGES])


def demonstration_edition(summary: DemonstrationSummary, *, language: Language) -> Edition:
    """Everything that the template lays out for one language."""
    say = texts_in(language)
    told = Told(summary, say)
    return Edition(
        language=language,
        title=say("demo.title", champion=_cap(told, 0), challenger=_cap(told, 1)),
        kicker=say("demo.kicker"),
        facts=(
            say("demo.people", count=count_text(summary.borrowers)),
            say(
                "demo.days", begins=str(summary.begins_on), parts=str(summary.arms_begin_on), ends=str(summary.ends_on)
            ),
            say("demo.seed", seed=str(summary.seed)),
            say("page.currency", currency=currency_text(summary.currency, language=language)),
        ),
        words=page_texts(say) | {"footer": say("demo.footer")},
        change=say("demo.versus", champion=_cap(told, 0), challenger=_cap(told, 1)),
        finding=finding(told),
        tiles=tuple(_tile(told, name) for name in _TILES),
        scenarios=differences_table(told),
        sections=(
            _story(told),
            Section("year", say("demo.year"), say("demo.year_lead"), tables=(year_table(told),)),
            Section("models", say("demo.models"), say("demo.models_lead"), tables=(models_table(told),)),
            Section(
                "forecast",
                say("demo.forecast"),
                say("demo.forecast_lead"),
                tables=(forecast_table(told), caps_table(told)),
            ),
            _changes(told),
            Section("happened", say("demo.happened"), say("demo.happened_lead"), tables=(happened_table(told),)),
            Section("fraud", say("demo.fraud"), say("demo.fraud_lead"), tables=(fraud_table(told),)),
            Section("service", say("demo.service"), say("demo.service_lead"), tables=(service_table(told),)),
        ),
    )


def finding(told: Told) -> Finding:
    """What the higher limit did, in one line and a paragraph."""
    say, summary = told.say, told.summary
    result, limit = summary.differences["result_minor"], summary.differences["limit_minor"]
    verdict: Verdict = "equal"
    key = "demo.title_equal"
    if result.is_distinguishable:
        verdict, key = ("better", "demo.title_better") if result.change > 0 else ("worse", "demo.title_worse")
    title = say(
        key, champion=_cap(told, 0), challenger=_cap(told, 1), months=str(summary.months_after),
        amount=told.money(abs(result.change)),
    )  # fmt: skip
    sentences = [
        say(
            "demo.found_change", figure=say(MEASURES[name]), change=told.change(name, each.change),
            interval=told.interval(name, each), verdict=told.verdict(each),
        )
        for name, each in summary.differences.items()
        if name in ("limit_minor", "drawn_minor", "result_minor", "lost_minor")
    ]  # fmt: skip
    if limit.change and summary.spent_out.value is not None:
        sentences.append(say("demo.found_spent", share=share_text(summary.spent_out)))
    return Finding(verdict, title, say.sentences([*sentences, say("demo.found_paired")]))


def _cap(told: Told, place: int) -> str:
    arm = (told.summary.champion, told.summary.challenger)[place]
    return told.exact(arm.highest_minor)


def _tile(told: Told, name: str) -> Tile:
    difference = told.summary.differences[name]
    amounts = (difference.champion, difference.challenger)
    low, high = min(0, *amounts), max(0, *amounts)
    rows = [
        TileRow(
            name=arm,
            value=told.figure(name, amount),
            color=color,
            bar_start=_percent(min(amount, 0) - low, high - low),
            bar_length=_percent(abs(amount), high - low),
        )
        for arm, amount, color in zip((_cap(told, 0), _cap(told, 1)), amounts, _ARM_COLORS, strict=True)
    ]  # fmt: skip
    return Tile(
        name=told.say(MEASURES[name]),
        hint=told.interval(name, difference),
        value=told.figure(name, difference.challenger),
        change=told.change(name, difference.change),
        percent=told.verdict(difference),
        rows=tuple(rows),
    )


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.2f}" if whole else "0"


def _story(told: Told) -> Section:
    say, summary = told.say, told.summary
    months, after = str(summary.months), str(summary.months_after)
    items = (
        say("demo.story_year", months=months, people=count_text(summary.borrowers), champion=_cap(told, 0)),
        say("demo.story_models"),
        say("demo.story_review", champion=_cap(told, 0), challenger=_cap(told, 1)),
        say("demo.story_arms", months=after),
        say("demo.story_truth"),
    )
    return Section("story", say("demo.story"), items=items)


def _changes(told: Told) -> Section:
    say = told.say
    figure = Figure(
        name="changes",
        title=say("demo.changes"),
        found="",
        reading=say("demo.changes_reading"),
        alt=say("demo.changes_alt"),
        drawings=(drawn(_chart(told)),),
        keys=(
            Key(say("demo.key_told"), SCENARIO_COLORS["new"], "dot"),
            Key(say("demo.key_not_told"), SCENARIO_COLORS["today"], "dot"),
        ),
    )
    return Section(
        "differences",
        say("demo.differences"),
        say("demo.differences_lead"),
        figures=(figure,),
        tables=(differences_table(told),),
    )


def _chart(told: Told) -> Callable[[int], str]:
    named = {told.say(MEASURES[name]): told.summary.differences[name] for name in _DRAWN}
    return lambda width: changes_chart(named, currency=told.summary.currency, say=told.say, width=width)
