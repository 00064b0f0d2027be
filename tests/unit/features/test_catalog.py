"""The catalog: what it selects, what it never does, and the faults of a bad one."""

import pytest
import sqlglot

from tallystick.features.build import feature_sql
from tallystick.features.catalog import AGGREGATE_KINDS, CatalogFaults, load_catalog, parse, read_catalog
from tallystick.features.tables import LINE, LINE_MONTH

CATALOG = load_catalog()
FIELDS = frozenset(LINE.names) | frozenset(LINE_MONTH.names)
PROTECTED = {"sex", "marital_status", "segment"}

AGGREGATE = '[[aggregate]]\nname = "total"\nsql = "SUM(m.balance_minor)"\n'
FEATURE = """
[[feature]]
name = "x"
zh = "甲"
en = "x"
kind = "numeric"
aggregate = "sum"
direction = "up"
reason = "R"
sql = "a.total / l.credit_limit_minor"
"""
REASON = '[reason.R]\nzh = "理由"\nen = "reason"\n'


def _faults(text: str) -> tuple[str, ...]:
    with pytest.raises(CatalogFaults) as caught:
        read_catalog(text)
    assert str(caught.value) == "\n".join(caught.value.faults)
    return caught.value.faults


def test_a_small_catalog_is_read() -> None:
    catalog = read_catalog(AGGREGATE + FEATURE + REASON)
    assert [feature.name for feature in catalog.features] == ["x"]
    assert catalog.reasons == {"R": ("理由", "reason")}
    assert catalog.select([], months=1) == catalog.features


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("a.total /", "a.totl /", "feature x: sql: a.totl is no column; tables here are l, a"),
        ("l.credit_limit_minor", "m.balance_minor", "feature x: sql: m.balance_minor is no column"),
        ("m.balance_minor", "l.age_years", "aggregate total: sql: l.age_years is no column; tables here are m"),
        ("a.total /", "((a.total /", "feature x: sql: not an SQL expression"),
        ('name = "x"', 'name = " "', "feature  : name: missing or empty"),
        ('zh = "甲"', 'zh = ""', "feature x: zh: missing or empty"),
        ('en = "x"\n', "", "feature x: en: missing or empty"),
        ('kind = "numeric"', 'kind = "number"', "feature x: kind: must be one of numeric, category, not 'number'"),
        ('direction = "up"', 'direction = "more"', "feature x: direction: must be one of up, down, none"),
        ('aggregate = "sum"', 'aggregate = "total"', "feature x: aggregate: must be one of value, count"),
        ('reason = "R"\n', "", "feature x: reason: a feature used for credit names the reason"),
        ('reason = "R"\n', 'reason = "Q"\n', "feature x: reason: Q has no texts; add [reason.Q]"),
        ('reason = "R"\n', 'reason = "R"\nrequires = ["balance"]\n', "feature x: requires: 'balance' is no source"),
        ('reason = "R"\n', 'reason = "R"\nweight = 2\n', "feature x: weight: not known; remove it"),
        ('en = "reason"\n', "", "reason R: give both zh and en"),
        (FEATURE, FEATURE + FEATURE, "feature x: given twice; keep one"),
        ('sql = "SUM(m.balance_minor)"\n', "", "aggregate total: sql: missing or empty"),
        ('name = "total"\n', "", "aggregate (no name): name: missing or empty"),
        ('name = "total"\n', 'name = "total"\nunit = "x"\n', "aggregate total: unit: not known; remove it"),
        (AGGREGATE, "threads = 2\n" + AGGREGATE, "threads: not known; remove it"),
        (
            'reason = "R"\n',
            'reason = "R"\ncredit_use = "no"\n',
            "feature x: credit_use: must be true or false, not 'no'",
        ),
        (AGGREGATE, AGGREGATE + AGGREGATE, "aggregate total: given twice; keep one"),
    ],
)
def test_each_fault_of_a_catalog_names_its_entry(old: str, new: str, fault: str) -> None:
    text = AGGREGATE + FEATURE + REASON
    assert old in text
    told = _faults(text.replace(old, new, 1))
    assert any(line.startswith(f"catalog: {fault}") for line in told), told


def test_no_toml_is_one_fault() -> None:
    assert _faults("[[feature]")[0].startswith("catalog: not TOML")


def test_a_division_of_whole_numbers_is_one_of_doubles_in_every_dialect() -> None:
    for dialect in ("duckdb", "postgres", "spark"):
        text = parse("a.x / 2 + a.y / l.z").sql(dialect=dialect)
        assert text.upper().count("AS DOUBLE") == 4, text


def test_a_division_inside_a_division_is_one_of_doubles_too() -> None:
    assert parse("a.x / (a.y / 2)").sql(dialect="postgres").upper().count("AS DOUBLE") == 4


@pytest.mark.parametrize("feature", CATALOG.features, ids=lambda feature: feature.name)
@pytest.mark.parametrize("dialect", ["postgres", "spark"])
def test_every_feature_alone_renders_and_parses_elsewhere(feature: object, dialect: str) -> None:
    text = feature_sql([feature], dialect=dialect)  # type: ignore[list-item]
    assert [column.alias_or_name for column in sqlglot.parse_one(text, read=dialect).selects] == [
        "position",
        feature.name,  # type: ignore[attr-defined]
    ]


def test_protected_attributes_are_in_no_selection_whatever_the_fields_and_months() -> None:
    protected = {feature.name for feature in CATALOG.features if not feature.credit_use}
    assert protected == PROTECTED
    for months in range(8):
        assert {feature.name for feature in CATALOG.select(FIELDS, months=months)}.isdisjoint(PROTECTED)
    for feature in CATALOG.features:
        if feature.credit_use:  # not through another feature's SQL either
            columns = {column.name for column in parse(feature.sql).find_all(sqlglot.exp.Column) if column.table == "l"}
            assert columns.isdisjoint(PROTECTED), feature.name


def test_more_months_and_more_fields_only_add_features() -> None:
    chosen: set[str] = set()
    for months in range(1, 8):
        more = {feature.name for feature in CATALOG.select(FIELDS, months=months)}
        assert chosen <= more
        chosen = more
    assert {feature.name for feature in CATALOG.select({"age_years"}, months=6)} == {"age_years"}
    assert CATALOG.select([], months=6) == ()
    one_month = {feature.name for feature in CATALOG.select(FIELDS, months=1)}
    assert "utilization_m0" in one_month
    assert one_month.isdisjoint({"utilization_m1", "utilization_change_1m", "payment_ratio_m0", "repayment_pattern_2m"})


def test_features_are_named_in_the_order_asked_for_and_an_unknown_one_is_an_error() -> None:
    assert [feature.name for feature in CATALOG.named(["undrawn", "age_years"])] == ["undrawn", "age_years"]
    with pytest.raises(KeyError, match="no_such"):
        CATALOG.named(["undrawn", "no_such"])


def test_every_reason_has_both_texts_and_some_feature_gives_it() -> None:
    given = {feature.reason for feature in CATALOG.features if feature.reason}
    assert given == set(CATALOG.reasons)
    for code, (zh, en) in CATALOG.reasons.items():
        assert zh.strip(), code
        assert en.strip(), code
        assert any("\u4e00" <= letter <= "\u9fff" for letter in zh), code


def test_every_feature_has_a_direction_a_kind_and_a_known_aggregate() -> None:
    for feature in CATALOG.features:
        assert feature.direction in ("up", "down", "none")
        assert feature.kind in ("numeric", "category")
        assert feature.aggregate in AGGREGATE_KINDS
        assert feature.direction == "none" or feature.kind == "numeric", feature.name


def test_a_bad_catalog_is_refused_with_all_of_its_faults() -> None:
    text = """
[[aggregate]]
name = "total"
sql = "SUM(m.balanse_minor)"
[[feature]]
name = "x"
zh = "甲"
en = ""
kind = "numerical"
aggregate = "sum"
direction = "up"
reason = "NOWHERE"
requires = ["balance"]
sql = "a.totl / l.credit_limit_minor"
[[feature]]
name = "x"
zh = "甲"
en = "x"
kind = "numeric"
aggregate = "sum"
direction = "none"
reason = "NOWHERE"
sql = "((a.total"
"""
    with pytest.raises(CatalogFaults) as caught:
        read_catalog(text)
    told = "\n".join(caught.value.faults)
    for part in (
        "m.balanse_minor is no column",
        "feature x: en: missing",
        "kind: must be one of numeric, category, not 'numerical'",
        "a.totl is no column",
        "reason: NOWHERE has no texts",
        "requires: 'balance' is no source field",
        "feature x: given twice",
        "not an SQL expression",
    ):
        assert part in told
