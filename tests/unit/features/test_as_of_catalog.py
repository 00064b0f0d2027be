"""What the catalog of features at an instant refuses, and what it reads off its own SQL."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from tallystick.features.as_of_catalog import load_as_of_catalog, read_as_of_catalog
from tallystick.features.catalog import CatalogFaults
from tallystick.features.event_tables import EVENT_TABLES, REQUEST_TABLE, PersonalData
from tallystick.reports.feature_pages import catalog_page, feature_facts, sum_text
from tallystick.reports.figures import Language

CATALOG = load_as_of_catalog()
SUM = '[[aggregate]]\nname="s"\nwindows=["7d"]\nsource="purchase"\nentity="line"\nkind="sum"\nvalue="e.amount_minor"\n'
FEATURE = '[[feature]]\nname="f"\nzh="和"\nen="sum"\ntype="{type}"\ncredit_use={credit}\nsql="{sql}"\n'


def faults_of(text: str) -> str:
    """Everything that is wrong with a catalog."""
    with pytest.raises(CatalogFaults) as refused:
        read_as_of_catalog(text)
    return "\n".join(refused.value.faults)


def feature(sql: str, *, kind: str = "double", credit: str = "true") -> str:
    """One feature."""
    return FEATURE.format(sql=sql, type=kind, credit=credit)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (SUM + feature("a.s / r.amount_minor"), "divides by r.amount_minor, which may be zero"),
        (SUM + feature("a.s / 2", kind="bigint"), "must say how it rounds"),
        (SUM + feature("MOD(FLOOR(a.s / 2), 7)"), "is of a fraction, which PostgreSQL refuses"),
        (SUM + feature("a.s + e.tick"), "e.tick is no column"),
        (SUM + feature("a.t"), "a.t is no column"),
        (SUM + feature("RANDOM() * a.s"), "is not in the subset that all engines compute alike"),
        (SUM + feature("SIN(a.s)"), "is not in the subset"),
        (SUM + feature("(SELECT 1)"), "is not in the subset"),
        (feature("r.sex", kind="text"), "it reads what the law protects"),
        (feature("r.amount_minor") + feature("r.amount_minor"), "f: given twice"),
        (SUM.replace('"7d"', '"8d"') + feature("r.tick"), "8d: not known"),
        (SUM.replace('windows=["7d"]\n', "") + feature("r.tick"), "every look back has an end"),
        (SUM.replace('value="e.amount_minor"\n', "") + feature("a.s"), "a sum is of something"),
        (SUM.replace('"sum"', '"distinct"').replace('"line"', '"merchant"') + feature("a.s"), "served from tiles"),
        (SUM.replace("purchase", "payment").replace('"line"', '"device"') + feature("a.s"), "payment has no device_id"),
        (SUM.replace("e.amount_minor", "e.amount_minor / 2") + feature("a.s"), "divide in the feature, once"),
        (SUM + feature("r.tick"), "s: no feature reads it"),
        (feature("r.tick").replace('zh="和"\n', ""), "zh: missing or empty"),
        ("[[feature]", "not TOML"),
        ("[more]\n" + feature("r.tick"), "more: not known"),
    ],
)  # fmt: skip
def test_what_engines_would_compute_differently_or_nobody_may_read_is_refused(text: str, told: str) -> None:
    assert told in faults_of(text)


def test_a_feature_reads_others_above_it_with_their_type() -> None:
    text = SUM + feature("FLOOR(a.s / 2)", kind="bigint") + feature("f.f / 3").replace('name="f"', 'name="g"', 1)
    catalog = read_as_of_catalog(text)
    assert catalog.by_name["g"].sql == "CAST(FLOOR(a.s / 2) AS BIGINT) / 3"


def test_what_a_feature_is_about_is_read_off_its_sql() -> None:
    known = CATALOG.by_name["line_kilometers_since_purchase"]
    assert (known.entities, known.windows, known.sources) == (("line",), ("30d",), ("purchase",))
    assert known.personal_data is PersonalData.LOCATION
    assert CATALOG.by_name["debt_to_income"].personal_data is PersonalData.FINANCIAL
    assert CATALOG.by_name["amount"].personal_data is PersonalData.NONE


def test_nothing_protected_and_no_label_of_fraud_decides_credit() -> None:
    for one in CATALOG.features:
        if one.credit_use:
            assert one.personal_data is not PersonalData.PROTECTED, one.name
            assert "fraud_label" not in one.sources, one.name


def test_the_page_of_the_docs_is_that_of_the_catalog() -> None:
    page = Path(__file__).resolve().parents[3] / "docs" / "features.md"
    told = "run: uv run tallystick features list --out docs/features.md"
    assert page.read_text(encoding="utf-8") == catalog_page(
        CATALOG.features, [REQUEST_TABLE, *EVENT_TABLES.values()]
    ), told


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_feature_is_explained(language: Language) -> None:
    """All that it reads is told by name and in words: features, sums and streams."""
    for feature in CATALOG.features:
        read = CATALOG.named(feature.reads)
        shown = io.StringIO()
        Console(file=shown, width=4_000).print(
            feature_facts(feature, read=read, tables=EVENT_TABLES, language=language)
        )
        text = shown.getvalue()
        assert (feature.zh if language == "zh" else feature.en) in text
        assert feature.written in text
        assert all(f"f.{one.name}" in text and getattr(one, language) in text for one in read)
        assert all(f"a.{one.name}" in text for one in feature.aggregates)
        assert all(getattr(EVENT_TABLES[name], language) in text for name in feature.sources)
        assert "{" not in text


def test_a_feature_that_reads_others_is_shown_as_it_is_written() -> None:
    speed = CATALOG.by_name["line_kilometers_per_hour"]
    assert speed.reads == ("line_kilometers_since_purchase",)
    assert speed.written.startswith("f.line_kilometers_since_purchase / ")
    one = next(one for one in speed.aggregates if one.name == "line_last_placed_30d")
    condition = "e.latitude_udeg IS NOT NULL AND e.longitude_udeg IS NOT NULL"
    assert sum_text(one, language="en") == f"time of the last row over purchase where {condition}, by line, 30d"
    assert sum_text(one, language="zh") == f"purchase 中满足 {condition} 的最近一行的时刻，按 line，30d"
