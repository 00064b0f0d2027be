"""What every model's page has alike: frame, tiles, figures with intervals, whether it may be promoted."""

from collections.abc import Callable, Mapping, Sequence

from tallystick.reports.blocks import Section, Table, Tile
from tallystick.reports.figures import LANGUAGES, Language, ratio_text
from tallystick.reports.finding import Finding
from tallystick.reports.model_summary import Estimate, Fairness
from tallystick.reports.page import Edition, render_editions
from tallystick.reports.sections import page_texts
from tallystick.reports.summary import Bilingual
from tallystick.reports.texts import Texts


def model_page(edition: Callable[[Language], Edition]) -> str:
    """One self-contained HTML document in every language."""
    return render_editions([edition(language) for language in LANGUAGES])


def model_layout(
    say: Texts,
    *,
    title: Bilingual,
    facts: Sequence[str],
    finding: Finding,
    tiles: Sequence[Tile],
    figures: Table,
    sections: Sequence[Section],
) -> Edition:
    """Everything that the template lays out for one language, of a model of any kind."""
    return Edition(
        language=say.language,
        title=say("trained.title", title=title[say.language]),
        kicker=say("trained.kicker"),
        facts=tuple(facts),
        words=page_texts(say) | {"footer": say("trained.footer")},
        change=figures.title,
        finding=finding,
        tiles=tuple(tiles),
        scenarios=figures,
        sections=tuple(sections),
    )


def promotion(fairness: Sequence[Fairness], suspects: Mapping[str, float], say: Texts) -> str:
    """Whether it may be promoted, and if not why."""
    why = []
    refused = [one["attribute"][say.language] for one in fairness if one["refused"]]
    if refused:
        why.append(say("trained.why_fairness", groups=say.join(refused)))
    if suspects:
        why.append(say("trained.why_leak", features=say.join(list(suspects))))
    return say("trained.may_not", why=say.join(why)) if why else say("trained.may")


def figure_tile(name: str, figure: Estimate, say: Texts) -> Tile:
    """A figure large, with its interval below."""
    return Tile(
        name=name, hint="", value=ratio_text(figure["value"]), change=interval_text(figure, say), percent="", rows=()
    )


def interval_text(figure: Estimate, say: Texts) -> str:
    """The interval of a figure in words, nothing where it has none."""
    if figure["low"] is None or figure["high"] is None:
        return ""
    return say("trained.interval", low=ratio_text(figure["low"]), high=ratio_text(figure["high"]))


def estimate_text(figure: Estimate, *, digits: int = 3) -> str:
    """A figure with the ends of its interval where it has one."""
    value, low, high = (ratio_text(each, digits=digits) for each in (figure["value"], figure["low"], figure["high"]))
    return value if figure["low"] is None else f"{value} ({low}–{high})"
