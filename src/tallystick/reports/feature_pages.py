"""The catalog of features as people read it: a table in the terminal, one feature explained, a page of the docs."""

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

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
    @property
    def written(self) -> str: ...
    @property
    def reads(self) -> tuple[str, ...]: ...


class Column(Protocol):
    """A column of a source table."""

    @property
    def name(self) -> str: ...
    @property
    def type(self) -> str: ...


class Source(Protocol):
    """A source table that features read."""

    @property
    def name(self) -> str: ...
    @property
    def zh(self) -> str: ...
    @property
    def en(self) -> str: ...
    @property
    def columns(self) -> Sequence[Column]: ...


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


def feature_facts(feature: Known, *, read: Sequence[Known], tables: Mapping[str, Source], language: Language) -> Table:
    """One feature with all that the catalog knows of it: the features that it reads, and its sums."""
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
        "source": ", ".join(f"{name} ({_meaning(tables[name], language)})" for name in feature.sources),
        "personal_data": feature.personal_data,
        "credit": say("features.yes" if feature.credit_use else "features.no"),
        "sql": feature.written,
    }
    for head, fact in facts.items():
        table.add_row(Text(say(f"features.{head}"), style="bold"), Text(fact or "-"))
    for other in read:
        table.add_row(Text(f"f.{other.name}"), Text(_meaning(other, language)))
    for one in feature.aggregates:
        table.add_row(Text(f"a.{one.name}"), Text(sum_text(one, language=language)))
    return table


_KINDS: Final[Mapping[str, str]] = {
    "count": "features.kind_count",
    "sum": "features.kind_sum",
    "maximum": "features.kind_maximum",
    "minimum": "features.kind_minimum",
    "distinct": "features.kind_distinct",
    "last_tick": "features.kind_last_tick",
    "first_tick": "features.kind_first_tick",
    "last": "features.kind_last",
    "streak": "features.kind_streak",
}


def sum_text(one: Summed, *, language: Language) -> str:
    """A sum in one line: what of which rows, over which entity, how far back."""
    say = texts_in(language)
    return say(
        "features.sum",
        kind=say(_KINDS[one.kind]),
        of=say("features.sum_of", value=one.value) if one.value else "",
        source=one.source,
        where=say("features.sum_where", where=one.where) if one.where else "",
        entity=say.join([one.entity, *one.within]),
        window=one.window,
        until=say("features.sum_until", ago=one.ago) if one.ago else "",
    )


def catalog_page(features: Sequence[Known], tables: Sequence[Source]) -> str:
    """docs/features.md: what is read, and every feature in both languages, by the streams that it reads."""
    parts = [_PAGE_HEAD]
    for table in tables:
        columns = ", ".join(f"`{column.name}` {column.type}" for column in table.columns)
        parts.append(f"| `{table.name}` | {table.zh} | {table.en} | {columns} |")
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
file of requests from a folder of streams. How, and why so: [decision 15](decisions/0015-features-at-an-instant.md).

## What is read

`features build --at` takes a Parquet file of requests, `--events` a folder with a file or a folder of files for each
stream (`purchase.parquet`, or `purchase/`), each with all the columns below; more columns are left alone. A `tick` is
the microsecond since 1970 (UTC) from which a decision may know the row: a label that is confirmed a week after its
purchase has the tick of its confirmation. `request_id` and `event_id` are unique in their table, and a request that
is a row of its own stream has that row's id. Amounts are minor units, places (`_udeg`) millionths of a degree, days
(`_day`) count from 1970-01-01, `utc_offset_minutes` is the lender's at that instant. `request_id`, `event_id`,
`tick`, `kind` and `utc_offset_minutes` are never null; elsewhere null is what nobody knows. `kind` is purchase,
application or review.

| table | 含义 | meaning | columns |
|---|---|---|---|"""


def _meaning(feature: Known | Source, language: Language) -> str:
    return feature.zh if language == "zh" else feature.en
