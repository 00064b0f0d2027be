"""The catalog of features as people read it: a table in the terminal, one feature explained, a page of the docs."""

from collections.abc import Sequence
from typing import Protocol

from rich.table import Table
from rich.text import Text

from tallystick.reports.figures import Language
from tallystick.reports.terminal import plain_table
from tallystick.reports.texts import texts_in


class Summed(Protocol):
    """One sum over one stream, as the catalog has it."""

    @property
    def name(self) -> str: ...
    @property
    def source(self) -> str: ...
    @property
    def entity(self) -> str: ...
    @property
    def window(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def value(self) -> str | None: ...
    @property
    def where(self) -> str | None: ...
    @property
    def within(self) -> tuple[str, ...]: ...
    @property
    def ago(self) -> str | None: ...


class Known(Protocol):
    """A feature and what is known of it."""

    @property
    def name(self) -> str: ...
    @property
    def zh(self) -> str: ...
    @property
    def en(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def unit(self) -> str: ...
    @property
    def sql(self) -> str: ...
    @property
    def credit_use(self) -> bool: ...
    @property
    def entities(self) -> tuple[str, ...]: ...
    @property
    def windows(self) -> tuple[str, ...]: ...
    @property
    def sources(self) -> tuple[str, ...]: ...
    @property
    def personal_data(self) -> str: ...
    @property
    def aggregates(self) -> Sequence[Summed]: ...


def feature_table(features: Sequence[Known], *, language: Language) -> Table:
    """A row per feature: its name, what it means, and whether credit may read it."""
    say = texts_in(language)
    table = plain_table(say("features.title", count=f"{len(features):,}"))
    for head in ("name", "meaning", "credit"):
        table.add_column(Text(say(f"features.{head}")), overflow="fold")
    for feature in features:
        use = say("features.yes" if feature.credit_use else "features.no")
        table.add_row(Text(feature.name), Text(_meaning(feature, language)), Text(use))
    return table


def feature_facts(feature: Known, *, language: Language) -> Table:
    """One feature with all that the catalog knows of it, its sums included."""
    say = texts_in(language)
    table = plain_table(feature.name)
    table.show_header = False
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    facts = {
        "meaning": _meaning(feature, language),
        "type": " ".join(filter(None, (feature.type, feature.unit))),
        "entity": ", ".join(feature.entities),
        "window": ", ".join(feature.windows),
        "source": ", ".join(feature.sources),
        "personal_data": feature.personal_data,
        "credit": say("features.yes" if feature.credit_use else "features.no"),
        "sql": feature.sql,
    }
    for head, fact in facts.items():
        table.add_row(Text(say(f"features.{head}"), style="bold"), Text(fact or "-"))
    for one in feature.aggregates:
        table.add_row(Text(f"a.{one.name}"), Text(sum_text(one)))
    return table


def sum_text(one: Summed) -> str:
    """A sum in one line: what of which rows, over which entity, how far back."""
    of = f" of {one.value}" if one.value else ""
    where = f" where {one.where}" if one.where else ""
    entity = " and ".join((one.entity, *one.within))
    until = f" until {one.ago} before" if one.ago else ""
    return f"{one.kind}{of} over {one.source}{where}, by {entity}, {one.window}{until}"


def catalog_page(features: Sequence[Known]) -> str:
    """docs/features.md: every feature in both languages, by the streams that it reads."""
    parts = [_PAGE_HEAD]
    for sources in dict.fromkeys(feature.sources for feature in features):
        parts.append(f"\n## {', '.join(sources) if sources else 'the request itself'}\n")
        parts.append("| feature | 含义 | meaning | type | entity | window | personal data | credit |")
        parts.append("|---|---|---|---|---|---|---|---|")
        for feature in (one for one in features if one.sources == sources):
            cells = (
                f"`{feature.name}`",
                feature.zh,
                feature.en,
                ", ".join(filter(None, (feature.type, feature.unit))),
                ", ".join(feature.entities) or "-",
                ", ".join(feature.windows) or "-",
                feature.personal_data,
                "yes" if feature.credit_use else "no",
            )
            parts.append(f"| {' | '.join(cells)} |")
    return "\n".join(parts) + "\n"


_PAGE_HEAD = """# Features at an instant

What is known about a line, a borrower, a device, a merchant when a decision is made. This page is made from the
catalog (`src/tallystick/features/as_of.toml`) by `tallystick features list --out docs/features.md`;
`tallystick features explain NAME` shows one feature with its SQL, and `tallystick features build` computes them for a
file of requests from a folder of streams. How, and why so: [decision 15](decisions/0015-features-at-an-instant.md)."""


def _meaning(feature: Known, language: Language) -> str:
    return feature.zh if language == "zh" else feature.en
