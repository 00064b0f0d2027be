"""A review from files to files: everything adds up, everything is explained, and the same bytes come again."""

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from tallystick.operations.progress import Silent
from tallystick.operations.review import ReviewFault, ReviewRequest, review
from tallystick.operations.scoring import ScoringFault
from tallystick.operations.strategies import copy_standard_strategy
from tallystick.reports.summary import Scenario
from tallystick.strategy.economics import StrategyFaults

FILES = ("decisions.parquet", "decisions.csv", "rejects.parquet", "summary.json", "report.html")


def _decisions(reviewed: Any) -> pa.Table:
    return pyarrow.parquet.read_table(reviewed.request.out / "decisions.parquet")


def _column(table: pa.Table, name: str) -> Any:
    return table.column(name).to_numpy(zero_copy_only=False)


def test_every_row_read_is_decided_or_rejected(reviewed: Any) -> None:
    rows = reviewed.summary["rows"]
    decisions = _decisions(reviewed)
    rejects = pyarrow.parquet.read_table(reviewed.request.out / "rejects.parquet")
    assert rows["read"] == pyarrow.parquet.read_metadata(reviewed.request.data).num_rows
    assert rows["valid"] == decisions.num_rows
    assert rows["rejected"] == len(set(rejects.column("source_row").to_pylist())) > 0
    assert rows["read"] == rows["valid"] + rows["rejected"]
    decided = set(decisions.column("source_row").to_pylist())
    assert decided.isdisjoint(rejects.column("source_row").to_pylist())


@pytest.mark.parametrize("place", [0, 1, 2])
def test_scenarios_are_the_sums_of_the_decisions_to_the_cent(reviewed: Any, place: int) -> None:
    scenario: Scenario = reviewed.summary["scenarios"][place]
    decisions = _decisions(reviewed)
    name = scenario["name"]
    assert scenario["limit_minor"] == _column(decisions, f"limit_{name}_minor").sum()
    assert scenario["profit_minor"] == _column(decisions, f"profit_{name}_minor").sum()
    assert scenario["expected_loss_minor"] == _column(decisions, f"expected_loss_{name}_minor").sum()
    assert scenario["provision_minor"] == _column(decisions, f"provision_{name}_minor").sum()
    for figure in ("lines", "limit_minor", "drawn_minor", "ead_minor", "profit_minor", "expected_loss_minor"):
        assert scenario[figure] == sum(grade[figure] for grade in scenario["by_grade"])
    for stress, loss in scenario["stress_loss_minor"].items():
        assert loss == sum(grade["stress_loss_minor"][stress] for grade in scenario["by_grade"])


def test_the_cap_bounds_increases_only_and_decreases_have_a_risk_reason(reviewed: Any) -> None:
    decisions = _decisions(reviewed)
    today = _column(decisions, "limit_today_minor")
    for name, cap in (("baseline", 3_000_000), ("new", 5_000_000)):
        limit = _column(decisions, f"limit_{name}_minor")
        action = _column(decisions, f"action_{name}").astype(str)
        effect = _column(decisions, f"effect_{name}").astype(str)
        assert (limit[limit > today] <= cap).all()
        assert (np.where(limit > today, "increase", np.where(limit < today, "decrease", "keep")) == action).all()
        assert set(effect[action == "increase"]) <= {"offer"}
        assert set(effect[action == "decrease"]) <= {"at_once"}
        reasons = _column(decisions, "eligibility").astype(str)[action == "decrease"]
        assert set(reasons) <= {"HIGH_RISK", "PAST_DUE_TWO_MONTHS"}
        assert (limit >= np.minimum(_column(decisions, "drawn_minor"), today)).all()


def test_adverse_decisions_have_one_to_four_distinct_reasons_and_others_none(reviewed: Any) -> None:
    decisions = _decisions(reviewed)
    reasons = np.column_stack([np.asarray(decisions.column(f"reason_{k}").to_pylist(), object) for k in range(1, 5)])
    adverse = _column(decisions, "eligibility").astype(str) != "ELIGIBLE"
    offered = np.asarray(decisions.column("price_ppm").is_valid().to_pylist())
    assert all(first is not None for first in reasons[adverse, 0])
    assert all(reason is None for reason in reasons[~adverse & offered].ravel())
    for row in reasons[adverse]:
        given = [reason for reason in row if reason is not None]
        assert len(given) == len(set(given))
        assert all(reason is None for reason in row[len(given) :])


def test_every_reason_that_is_given_has_both_texts_in_the_summary(reviewed: Any) -> None:
    told = {reason["code"]: reason["text"] for reason in reviewed.summary["reasons"]}
    decisions = _decisions(reviewed)
    for rank in range(1, 5):
        for code in set(decisions.column(f"reason_{rank}").to_pylist()) - {None}:
            assert told[code]["zh"]
            assert told[code]["en"]


def test_the_new_cap_is_no_worse_than_the_baseline_within_the_certified_gap(reviewed: Any) -> None:
    _, baseline, new = reviewed.summary["scenarios"]
    assert baseline["gap_ppm"] <= 100
    assert new["gap_ppm"] <= 100
    assert new["profit_minor"] >= baseline["profit_minor"] * (1 - 2e-4)
    for scenario in (baseline, new):
        for cap in scenario["caps"]:
            assert cap["used"] <= cap["bound"] * (1 + 1e-6)


def test_the_same_request_gives_the_same_bytes(reviewed: Any, tmp_path: Path) -> None:
    review(replace(reviewed.request, out=tmp_path), progress=Silent())
    for name in FILES:
        assert (tmp_path / name).read_bytes() == (reviewed.request.out / name).read_bytes(), name
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(FILES)


def test_summary_json_is_what_the_review_returned_and_csv_holds_the_same_decisions(reviewed: Any) -> None:
    assert json.loads((reviewed.request.out / "summary.json").read_text(encoding="utf-8")) == reviewed.summary
    from_csv = pyarrow.csv.read_csv(reviewed.request.out / "decisions.csv")
    assert from_csv.column_names == _decisions(reviewed).column_names
    assert from_csv.column("pd_ppm").to_pylist() == _decisions(reviewed).column("pd_ppm").to_pylist()


def test_csv_and_parquet_of_the_same_portfolio_are_decided_alike(reviewed: Any, tmp_path: Path) -> None:
    table = pyarrow.parquet.read_table(reviewed.request.data)
    folder = tmp_path / "parts"
    folder.mkdir()
    half = table.num_rows // 2
    pyarrow.csv.write_csv(table.slice(0, half), folder / "a.csv")
    pyarrow.csv.write_csv(table.slice(half), folder / "b.csv")
    request = replace(reviewed.request, data=folder, out=tmp_path / "out", formats=("parquet",))
    summary = review(request, progress=Silent())
    assert summary["scenarios"] == reviewed.summary["scenarios"]
    assert summary["inputs"]["data_files"] == ["a.csv", "b.csv"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cap_major": 0}, "--cap is 0"),
        ({"baseline_cap_major": 60_000}, "--baseline-cap 60,000 is above --cap 50,000"),
        ({"formats": ("xlsx",)}, "format 'xlsx'"),
    ],
)
def test_requests_that_make_no_sense_are_refused_by_name(reviewed: Any, change: dict[str, Any], message: str) -> None:
    with pytest.raises(ReviewFault, match=message):
        review(replace(reviewed.request, **change), progress=Silent())


def test_a_day_without_a_known_legal_cap_is_refused(reviewed: Any) -> None:
    with pytest.raises(StrategyFaults, match="no price cap is known for jurisdiction 'CN' on 2020-01-01"):
        review(replace(reviewed.request, as_of=date(2020, 1, 1)), progress=Silent())


def test_from_2028_the_lower_legal_cap_leaves_fewer_grades_with_an_offer(reviewed: Any, tmp_path: Path) -> None:
    later = review(replace(reviewed.request, as_of=date(2028, 1, 1), out=tmp_path), progress=Silent())
    offered = [price["grade"] for price in later["prices"] if price["offered"]]
    assert offered == ["A", "B", "C"]
    assert [price["grade"] for price in reviewed.summary["prices"] if price["offered"]] == ["A", "B", "C", "D", "E"]


def test_a_portfolio_without_outcomes_says_how_to_go_on(reviewed: Any, tmp_path: Path) -> None:
    table = pyarrow.parquet.read_table(reviewed.request.data)
    unknown = table.set_column(table.column_names.index("outcome"), "outcome", pa.nulls(table.num_rows, pa.int8()))
    pyarrow.parquet.write_table(unknown, tmp_path / "open.parquet")
    with pytest.raises(ScoringFault, match=r"the outcome is missing on .* lines"):
        review(replace(reviewed.request, data=tmp_path / "open.parquet", out=tmp_path / "out"), progress=Silent())


def test_a_strategy_of_ones_own_decides(reviewed: Any, tmp_path: Path) -> None:
    folder = tmp_path / "policy"
    copy_standard_strategy(folder)
    path = folder / "strategy.toml"
    text = path.read_text(encoding="utf-8").replace("largest_increase_minor = 2_000_000", "largest_increase_minor = 0")
    path.write_text(text, encoding="utf-8")
    summary = review(replace(reviewed.request, strategy=folder, out=tmp_path / "out"), progress=Silent())
    assert [scenario["increases"] for scenario in summary["scenarios"]] == [0, 0, 0]
    assert summary["inputs"]["strategy_sha256"] != reviewed.summary["inputs"]["strategy_sha256"]
    with pytest.raises(StrategyFaults, match="is not empty"):
        copy_standard_strategy(folder)


def test_portfolio_caps_that_cannot_be_kept_are_named(reviewed: Any, tmp_path: Path) -> None:
    folder = tmp_path / "policy"
    copy_standard_strategy(folder)
    path = folder / "strategy.toml"
    text = path.read_text(encoding="utf-8").replace("most_ratio_to_today_ppm = 1_100_000", "most_minor = 1")
    path.write_text(text, encoding="utf-8")
    request: ReviewRequest = replace(reviewed.request, strategy=folder, out=tmp_path / "out")
    with pytest.raises(ValueError, match=r"expected_loss: at least .* is used, .* above its bound of 1"):
        review(request, progress=Silent())


def test_the_law_holds_whatever_the_table_says_and_a_segment_can_be_capped(reviewed: Any, tmp_path: Path) -> None:
    folder = tmp_path / "policy"
    copy_standard_strategy(folder)
    (folder / "eligibility.csv").write_text(
        "id,when,increase,decrease,reason,zh,en\nall,otherwise,allowed,refused,EVERYONE,全部,Everyone\n",
        encoding="utf-8",
    )
    rules = folder / "strategy.toml"
    text = rules.read_text(encoding="utf-8").replace('segment_column = "grade"', 'segment_column = "segment"')
    rules.write_text(text.replace('["E", "F", "G", "H"]', '["tier1"]'), encoding="utf-8")
    request = replace(reviewed.request, strategy=folder, out=tmp_path / "out", formats=("parquet",))
    summary = review(request, progress=Silent())
    decisions = pyarrow.parquet.read_table(tmp_path / "out" / "decisions.parquet")
    unpriced = ~np.asarray(decisions.column("price_ppm").is_valid().to_pylist())
    assert unpriced.any()
    assert not (_column(decisions, "action_new").astype(str)[unpriced] == "increase").any()
    assert set(_column(decisions, "reason_1")[unpriced]) == {"PRICE_ABOVE_LEGAL_CAP"}
    told = {reason["code"]: reason for reason in summary["reasons"] if reason["kind"] == "eligibility"}
    assert list(told) == ["PRICE_ABOVE_LEGAL_CAP"]
    assert told["PRICE_ABOVE_LEGAL_CAP"]["lines"] == unpriced.sum()
    share = next(cap for cap in summary["scenarios"][2]["caps"] if cap["name"] == "weak_grades_share")
    assert 0 < share["used"] <= share["bound"] < 1_000_000


def test_lines_whose_latest_balance_nobody_told_are_counted_in_the_report(reviewed: Any, tmp_path: Path) -> None:
    table = pyarrow.parquet.read_table(reviewed.request.data)
    balance = table.column("balance_minor_m0").to_pylist()
    gone = table.set_column(
        table.column_names.index("balance_minor_m0"), "balance_minor_m0", pa.array([None, *balance[1:]], pa.int64())
    )
    pyarrow.parquet.write_table(gone, tmp_path / "gone.parquet")
    summary = review(replace(reviewed.request, data=tmp_path / "gone.parquet", out=tmp_path / "out"), progress=Silent())
    before, after = (
        [text["en"] for text in each["statements"] if "no latest statement balance" in text["en"]]
        for each in (reviewed.summary, summary)
    )
    assert int(after[0].split()[0]) == (int(before[0].split()[0]) if before else 0) + 1
