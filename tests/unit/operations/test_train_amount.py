"""From a flat file to a model of an amount: the same bytes twice, what tells the outcome stays unread, real data."""

import json
import random
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tallystick.operations.progress import Silent
from tallystick.operations.train import TrainRequest
from tallystick.operations.train_amount import deal_of, train_amount
from tallystick.operations.training_sets import TrainingFault
from tallystick.reports.amount_summary import AmountReport
from tallystick.reports.model_summary import Estimate
from tallystick.scoring.two_part import load_two_part
from tallystick.sources.amount_form import parse_amount_config
from tallystick.sources.amount_rows import read_amount_rows
from tallystick.sources.training_form import training_text
from tallystick.terms.form import FormFaults

CONFIG = """
name = "small"
zh = "小样本"
en = "a small sample"
seed = 3

[table]
files = ["loans.csv", "after.csv"]
key = "id"
month = "begun"
tells_outcome = ["*_after"]

[loan]
installment = "installment"
monthly_rate = "rate"
installments = "12"
paid = "paid"

[target]
zh = "回收率"
en = "share recovered"
unit = "share"
unit_zh = "比例"
amount = "CAST(recovered AS DOUBLE)"
of = "exposure_at_default"
link = "share"

[split]
test_from = 2026-04-01

[feature.paid]
zh = "已还期数"
en = "installments paid"
sql = "installments_paid"

[feature.mark]
zh = "标记"
en = "a mark"
sql = "CAST(mark AS DOUBLE)"

[baseline.half]
zh = "一成"
en = "a tenth"
sql = "0.1"

[chance]
kind = "lightgbm"
rounds = 20

[size]
kind = "lightgbm"
rounds = 20
"""


@pytest.fixture(scope="module")
def loans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two thousand loans without interest in default, of which those marked give more back."""
    folder, draws = tmp_path_factory.mktemp("loans"), random.Random(1)
    rows, after = ["id,begun,installment,rate,paid,mark"], ["id,recovered,calls_after"]
    for number in range(2_000):
        mark, paid = draws.random(), draws.randrange(12)
        comes = draws.random() < 0.2 + 0.6 * mark
        share = (0.1 + 0.5 * mark) * draws.uniform(0.5, 1.4) if comes else 0.0
        rows.append(f"{number},2026-0{1 + number % 5}-01,100,0,{100 * paid},{mark:.4f}")
        after.append(f"{number},{share * 100 * (12 - paid):.2f},{int(comes)}")
    for name, (head, *lines) in (("loans.csv", rows), ("after.csv", after)):
        (folder / name).write_text("\n".join([head, *draws.sample(lines, len(lines))]) + "\n")
    return folder


def trained(folder: Path, data: Path | None, *, config: str = CONFIG, out: str = "model") -> AmountReport:
    """One run."""
    path = folder / "config.toml"
    path.write_text(config, encoding="utf-8")
    return train_amount(TrainRequest(config=str(path), data=data, out=folder / out), progress=Silent())


def test_the_same_file_and_configuration_give_the_same_bytes(tmp_path: Path, loans: Path) -> None:
    first, second = (trained(tmp_path, loans, out=out) for out in ("one", "two"))
    assert first == second
    files = {path.relative_to(tmp_path / "one"): path.read_bytes() for path in (tmp_path / "one").rglob("*.*")}
    assert files == {path.relative_to(tmp_path / "two"): path.read_bytes() for path in (tmp_path / "two").rglob("*.*")}
    assert len(files) == 13
    told = json.loads((tmp_path / "one/evidence/report.json").read_text())
    assert told["train"] == {
        "rows": 1_200, "some": told["train"]["some"], "mean": told["train"]["mean"],
        "first_month": "2026-01", "last_month": "2026-03",
    }  # fmt: skip
    assert [one["name"] for one in told["periods"]] == ["2026-04", "2026-05"]
    assert [one["rows"] for one in told["periods"]] == [400, 400]
    assert told["gains"][-1]["bads_share"] == told["chance_gains"][-1]["bads_share"] == 1.0
    assert told["gains"][9]["lift"] > 1.1  # of the half with the most expected
    assert told["effects"][0]["feature"] == "mark"
    assert len(told["calibration"]) == 10
    page = (tmp_path / "one/evidence/report.html").read_text()
    assert "The median&#39;s mean absolute error is" in page
    assert "中位数预测的平均绝对误差比" in page
    for part in ("gains", "chance_gains", "calibration", "periods", "effects", "size_effects", "fairness", "card"):
        assert page.count(f'data-part="{part}"') == 2
    assert "Neither sex nor age is known in this data" in page
    assert "数据不含性别与年龄" in page


def test_groups_are_beside_each_other_where_they_are_known_and_may_refuse(tmp_path: Path, loans: Path) -> None:
    sex = "sex = \"CASE WHEN CAST(id AS INTEGER) % 2 = 0 THEN 'female' ELSE 'male' END\""
    fair = trained(tmp_path, loans, config=CONFIG.replace('month = "begun"', f'month = "begun"\n{sex}'))
    [by_sex] = fair["fairness"]
    assert [one["group"]["zh"] for one in by_sex["groups"]] == ["女", "男"]
    assert fair["promotable"]
    # who is marked is old, and the mark is what the amount is told by
    old = CONFIG.replace('month = "begun"', 'month = "begun"\nage_years = "80 * CAST(mark AS DOUBLE)"')
    unfair = trained(tmp_path, loans, config=old)
    assert unfair["fairness"][0]["refused"]
    assert not unfair["promotable"]
    page = (tmp_path / "model/evidence/report.html").read_text()
    assert "May not be promoted: groups of people fare too differently (age band)" in page
    reads = CONFIG.replace('month = "begun"', 'month = "begun"\nsex = "mark"')
    with pytest.raises(FormFaults, match=r"feature\.mark\.sql: mark is what the law protects"):
        trained(tmp_path, loans, config=reads)


def test_amounts_that_are_not_final_neither_teach_nor_test(tmp_path: Path, loans: Path) -> None:
    known = CONFIG.replace('link = "share"', 'link = "share"\nknown = "CAST(id AS INTEGER) % 10 > 0"')
    report = trained(tmp_path, loans, config=known)
    assert report["immature"] == 200
    assert (report["train"]["rows"], report["test"]["rows"]) == (1_000, 800)
    page = (tmp_path / "model/evidence/report.html").read_text()
    assert "which neither taught nor tested: 200." in page


def test_the_model_in_the_folder_is_the_one_that_was_measured(tmp_path: Path, loans: Path) -> None:
    report = trained(tmp_path, loans)
    fitted = load_two_part({path.name: path.read_bytes() for path in (tmp_path / "model").glob("*.*")})
    assert fitted.model_id == report["model_id"]
    config = parse_amount_config(CONFIG, file="c")
    rows = read_amount_rows(loans, config, file="c")
    test = deal_of(config, rows).test
    told = fitted.model.score(rows.features)
    error = np.abs(told.expected - rows.amount)[test].mean()
    assert report["contenders"][0]["absolute_error"]["value"] == error
    assert error < report["contenders"][2]["absolute_error"]["value"]
    assert rows.features.column("paid").to_pylist()[:3] == [float(p) for p in _paid(loans)[:3]]
    assert rows.of[0] == 100 * (12 - _paid(loans)[0])


def _paid(loans: Path) -> list[int]:
    lines = (loans / "loans.csv").read_text().splitlines()[1:]
    return [int(line.split(",")[4]) // 100 for line in sorted(lines, key=lambda line: line.split(",")[0])]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"CAST(mark AS DOUBLE)"', '"CAST(calls_after AS DOUBLE)"', "feature.mark.sql: calls_after tells the outcome"),
        ('"CAST(mark AS DOUBLE)"', '"CAST(recovered AS DOUBLE)"', "feature.mark.sql: recovered tells the outcome"),
        ('sql = "0.1"', 'sql = "recovered / 100"', "baseline.half.sql: recovered tells the outcome"),
        ('paid = "paid"', 'paid = "recovered"', "loan.paid: recovered tells the outcome"),
        ('"CAST(mark AS DOUBLE)"', '"(SELECT max(mark) FROM known)"', "feature.mark.sql: reads more than its own row"),
        ('"CAST(mark AS DOUBLE)"', '''"COLUMNS('calls_.*')"''', "feature.mark.sql: cannot be computed"),
        ('["*_after"]', '["*_afterwards"]', r"tells_outcome\[0\]: no column is \*_afterwards"),
        ('key = "id"', 'key = "begun"', "table.key: after.csv has no column begun"),
        ('of = "exposure_at_default"\n', "", "target.of: missing"),
        ('month = "begun"\n', "", "table.month: missing"),
        ('kind = "lightgbm"', 'kind = "logistic"', "chance.kind: logistic has no two parts"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_by_its_field(loans: Path, old: str, new: str, told: str) -> None:
    assert old in CONFIG
    with pytest.raises(FormFaults, match=told):
        read_amount_rows(loans, parse_amount_config(CONFIG.replace(old, new, 1), file="c"), file="c")


def test_a_key_that_a_file_repeats_is_refused(tmp_path: Path, loans: Path) -> None:
    for name in ("loans.csv", "after.csv"):
        lines = (loans / name).read_text().splitlines()
        (tmp_path / name).write_text("\n".join([*lines, lines[-1]] if name == "after.csv" else lines) + "\n")
    with pytest.raises(FormFaults, match=r"table\.key: after\.csv repeats id, or lacks it, on 1 rows"):
        read_amount_rows(tmp_path, parse_amount_config(CONFIG, file="c"), file="c")


def test_a_part_without_rows_is_refused(tmp_path: Path, loans: Path) -> None:
    with pytest.raises(TrainingFault, match="the test part holds 0 rows"):
        trained(tmp_path, loans, config=CONFIG.replace("2026-04-01", "2027-04-01"))
    with pytest.raises(TrainingFault, match="data: missing"):
        trained(tmp_path, None)


def ends(figure: Estimate | None) -> tuple[float, float]:
    """The ends of a figure's interval."""
    assert figure is not None
    assert figure["low"] is not None
    assert figure["high"] is not None
    return figure["low"], figure["high"]


def test_what_is_recovered_is_told_better_than_by_its_mean(tmp_path: Path, shared_data: Path) -> None:
    data = shared_data / "lending_club_2015_outcomes"
    report = train_amount(
        TrainRequest(config="lending-club-recovery", data=data, out=tmp_path / "model"), progress=Silent()
    )
    assert (report["train"]["rows"], report["test"]["rows"]) == (9_878, 7_920)
    figures, naive = report["figures"], report["contenders"][2]
    assert figures["chance_auc"]["value"] > 0.61
    assert figures["size_rank_correlation"]["value"] > 0.31
    low, high = ends(figures["total_over_observed"])
    assert low < 1 < high
    assert ends(naive["squared_saved"])[0] > 0.00005
    assert all(ends(one["absolute_saved"])[0] > 0 for one in report["contenders"][2:])
    assert report["calibration_distance"] < 0.012


def test_the_published_cure_rate_is_what_the_file_says(shared_data: Path) -> None:
    table = pq.read_table(shared_data / "uci_taiwan_default" / "uci_taiwan_default.parquet")
    late = np.stack([table.column(f"PAY_{month}").to_numpy() for month in (6, 5, 4, 3, 2, 0)], axis=1)
    cases, cured = 0, 0
    for month in range(2):  # April and May, with four months after each
        is_late = late[:, month] == 3
        cases += int(is_late.sum())
        cured += int((is_late & (late[:, month + 1 : month + 5] <= 0).any(axis=1)).sum())
    text, name = training_text("lending-club-recovery")
    cures = parse_amount_config(text, file=name).cures
    assert cures is not None
    assert (cases, cures.share_ppm) == (362, round(cured / cases, 3) * 1_000_000)


def test_cures_lower_the_loss_of_a_share_and_of_nothing_else(tmp_path: Path, loans: Path) -> None:
    cures = '\n[cures]\nshare_ppm = 250000\nzh = "来源"\nen = "a source"\n'
    told = trained(tmp_path, loans, config=CONFIG + cures)["cures"]
    assert told is not None
    assert 0 < told["uncured_loss"] < 1
    assert told["loss"] == pytest.approx(0.75 * told["uncured_loss"])
    with pytest.raises(FormFaults, match="cures: only of a share"):
        parse_amount_config((CONFIG + cures).replace('link = "share"', 'link = "amount"'), file="c")


def test_no_shipped_feature_may_read_what_recovery_tells(shared_data: Path) -> None:
    text, name = training_text("lending-club-recovery")
    for column in ("recoveries", "settlement_term", "total_pymnt", "total_rec_late_fee"):
        planted = text.replace('sql = "int_rate"', f'sql = "{column}"')
        with pytest.raises(FormFaults, match=f"feature.rate_percent.sql: {column} tells the outcome"):
            read_amount_rows(
                shared_data / "lending_club_2015_outcomes", parse_amount_config(planted, file=name), file=name
            )


def test_november_cannot_be_read_to_predict_november(tmp_path: Path, shared_data: Path) -> None:
    data = shared_data / "jdd2017_baitiao"
    text, name = training_text("jdd-demand")
    config = parse_amount_config(text, file=name)
    read = {one.sql for one in (*config.feature.values(), *config.baseline.values())}
    told = pq.read_table(data / "derived_user_aggregates_cefanmin.parquet")
    november = [column for column in told.column_names if column.endswith("_9_11") or column.endswith("11")]
    assert len(november) == 7
    for column in (*november, "loan_sum", "loan_sum_cny_decoded", "month"):
        assert not any(column in sql for sql in read)
        planted = text.replace('sql = "order_8_10"', f'sql = "{column}"')
        with pytest.raises(FormFaults, match=f"feature.mean_order.sql: {column} tells the outcome"):
            read_amount_rows(data, parse_amount_config(planted, file=name), file=name)
    # whatever November was, features and baselines are the same
    for path in data.glob("*.parquet"):
        table = pq.read_table(path)
        for place, column in enumerate(table.column_names):
            if column in november:
                table = table.set_column(place, column, pa.array(np.arange(table.num_rows) % 7 + 0.5))
        pq.write_table(table, tmp_path / path.name)
    real, altered = (read_amount_rows(folder, config, file=name) for folder in (data, tmp_path))
    assert real.sha256 != altered.sha256
    for key in config.feature:
        one, other = (rows.features.column(key).to_numpy() for rows in (real, altered))
        assert np.array_equal(one, other, equal_nan=True), key
    for key in config.baseline:
        assert np.array_equal(altered.baselines[key], real.baselines[key], equal_nan=True), key


def test_demand_is_told_better_than_by_the_months_before(tmp_path: Path, shared_data: Path) -> None:
    text, _ = training_text("jdd-demand")
    quick = text.replace("rounds = 200", "rounds = 60").replace("members = 3", "members = 1")
    report = trained(tmp_path, shared_data / "jdd2017_baitiao", config=quick)
    assert report["has_time"] is False
    assert (report["train"]["rows"], report["test"]["rows"]) == (68_223, 22_770)
    naive = {one["name"]["en"]: one for one in report["contenders"][2:]}
    assert {"October again", "the mean of September and October", "nobody borrows"} < set(naive)
    for one in naive.values():
        assert ends(one["absolute_saved"])[0] > 0.03
        assert ends(one["squared_saved"])[0] > 0.015
    assert report["figures"]["chance_auc"]["value"] > 0.855
    low, high = ends(report["figures"]["total_over_observed"])
    assert low < 1 < high
