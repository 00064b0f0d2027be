"""From raw events to a model folder: the same bytes twice, what is wrong by its field, and nothing knows the future."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from tests.training_sample import CONFIG, write_events

from tallystick.features.as_of_build import StreamFaults, build_as_of
from tallystick.features.as_of_catalog import load_as_of_catalog
from tallystick.operations.progress import Silent
from tallystick.operations.train import TrainRequest, _calibration, features_hash, train
from tallystick.operations.training_sets import Fold, Part, TrainingFault, build_folds, windows_of
from tallystick.operations.whole_files import OutputFault
from tallystick.reports.model_summary import ModelReport
from tallystick.scoring.manifest import load_model
from tallystick.scoring.time_splits import Window
from tallystick.sources.amount_form import is_amount_config, parse_amount_config
from tallystick.sources.files import FileFault
from tallystick.sources.raw_events import RawEvents, read_raw_events
from tallystick.sources.training_form import BUILT_IN, TrainingConfig, parse_training, training_text
from tallystick.terms.form import FormFaults


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The raw file."""
    return write_events(tmp_path_factory.mktemp("raw") / "events.csv")


def trained(folder: Path, events: Path, *, config: str = CONFIG, out: str = "model") -> ModelReport:
    """One run."""
    path = folder / "config.toml"
    path.write_text(config, encoding="utf-8")
    return train(TrainRequest(config=str(path), data=events, out=folder / out), progress=Silent())


def raw_of(events: Path, config: TrainingConfig, *, file: str = "c") -> RawEvents:
    """The raw file as requests and streams."""
    assert config.events is not None
    return read_raw_events(events, source=config.events, rule=config.rule, file=file)


def window_of(fold: Fold) -> Window:
    """The window of a fold that has one."""
    assert fold.window is not None
    return fold.window


def all_files(folder: Path) -> dict[str, bytes]:
    """Every file of a model's folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_the_same_events_and_configuration_give_the_same_bytes(tmp_path: Path, events: Path) -> None:
    report = trained(tmp_path, events)
    trained(tmp_path, events, out="again")
    first = all_files(tmp_path / "model")
    assert first == all_files(tmp_path / "again")
    assert set(first) == {
        "calibration.json", "features.json", "manifest.json", "reference.json", "trees.txt",
        "evidence/config.toml", "evidence/libraries.txt", "evidence/report.html", "evidence/report.json",
    }  # fmt: skip
    assert json.loads(first["evidence/report.json"]) == report
    assert report["contenders"][0]["figures"]["auc"]["value"] > 0.75
    assert 0.5 < report["contenders"][0]["earlier"]["auc"] < 1
    assert str(tmp_path).encode() not in b"".join(first.values())


def test_the_folder_is_a_model_that_loads_and_tells_what_it_is_made_of(tmp_path: Path, events: Path) -> None:
    report = trained(tmp_path, events)
    files = {path.name: path.read_bytes() for path in (tmp_path / "model").iterdir() if path.is_file()}
    model = load_model(files)
    assert model.model_id == report["model_id"]
    assert model.manifest.label == "the purchase is confirmed as fraud within 7 days"
    for name in ("data_sha256", "config_sha256", "features_sha256", "lock_sha256"):
        assert model.manifest.settings[name] == report["hashes"][name]
    assert "lightgbm==" in (tmp_path / "model" / "evidence" / "libraries.txt").read_text()
    assert [one["attribute"]["en"] for one in report["fairness"]] == ["sex"]


def test_a_stated_base_rate_moves_what_ships_and_nothing_else(tmp_path: Path, events: Path) -> None:
    """All odds by one factor; what was measured stays at the base rate that it was measured at."""
    report = trained(tmp_path, events)
    stated = '\n[base_rate]\nbad_ppm = 1_000\nzh = "假设"\nen = "an assumption"\n'
    moved = trained(tmp_path, events, config=CONFIG + stated, out="moved")
    before, after = (
        {name: text for name, text in all_files(tmp_path / folder).items() if "/" not in name}
        for folder in ("model", "moved")
    )
    assert {name for name in before if before[name] != after[name]} == {"calibration.json", "manifest.json"}
    share = report["train"]["bads"] / report["train"]["rows"]
    rows = pa.table({name: [0.0, 1.0, 9.0] for name in parse_training(CONFIG, file="c").features})
    plain, shifted = load_model(before).pd(rows), load_model(after).pd(rows)
    factor = 0.001 / 0.999 / (share / (1 - share))
    np.testing.assert_allclose(shifted / (1 - shifted), plain / (1 - plain) * factor)
    assert moved["calibration"] == report["calibration"]
    assert moved["base_rate"] == {
        "learned_share": share, "stated_share": 0.001, "source": {"zh": "假设", "en": "an assumption"},
    }  # fmt: skip
    assert report["base_rate"] is None


def test_training_learns_only_from_what_was_known_when_the_test_began(tmp_path: Path, events: Path) -> None:
    config = parse_training(CONFIG.replace("gap_days = 7", "gap_days = 3"), file="c")
    raw = raw_of(events, config)
    fold = build_folds(config, raw, progress=Silent())[0]
    week = 7 * 86_400_000_000
    assert fold.train.tick.max() <= window_of(fold).test_from - week
    assert fold.train.apart["immature"] > 100
    longer = parse_training(CONFIG.replace("test_days = 14", "test_days = 20"), file="c")
    ends = build_folds(longer, raw, progress=Silent())[0].test
    assert ends.tick.max() <= raw.known_until_tick - week
    assert ends.apart["immature"] > 100


def test_cards_known_bad_when_the_day_began_are_no_part_of_the_test(events: Path) -> None:
    config = parse_training(CONFIG, file="c")
    raw = raw_of(events, config)
    fold = build_folds(config, raw, progress=Silent())[0]
    everybody = build_folds(
        parse_training(CONFIG.replace('leave_out_known = "borrower"', ""), file="c"), raw, progress=Silent()
    )[0]
    day = 86_400_000_000
    known: dict[int, int] = {}
    labels = raw.streams["fraud_label"].select(["borrower_id", "tick", "is_fraud"]).to_pylist()
    for label in labels:
        if label["is_fraud"] and label["tick"] - 7 * day >= window_of(fold).train_from:
            known[label["borrower_id"]] = min(label["tick"], known.get(label["borrower_id"], label["tick"]))
    wanted = [
        (tick, key)
        for tick, key in zip(everybody.test.tick.tolist(), everybody.test.key.tolist(), strict=True)
        if known.get(key, tick) > tick // day * day
    ]
    assert list(zip(fold.test.tick.tolist(), fold.test.key.tolist(), strict=True)) == wanted
    assert fold.test.apart["known_bad"] == len(everybody.test.tick) - len(wanted) > 0


AMOUNT = 'amount_minor = "CAST(amount AS BIGINT)"'


@pytest.mark.parametrize(
    ("place", "planted"),
    [
        ("[events.columns]", 'amount_minor = "CAST(fraud AS BIGINT)"'),
        ("[events.streams.purchase.columns]", 'amount_minor = "CAST(scenario AS BIGINT)"'),
        ("[events.streams.fraud_label]", "delay_days = 0"),
        ("[events.streams.purchase_outcome]", "delay_days = 6"),
    ],
)
def test_what_tells_the_outcome_enters_with_its_delay_alone(events: Path, place: str, planted: str) -> None:
    """A stream that tells it after six days, where the outcome's own takes seven, knows too much as well."""
    sooner = """[events.streams.purchase_outcome]
delay_days = 7

[events.streams.purchase_outcome.columns]
borrower_id = "card"
is_declined = "fraud = '1'"

[split]"""
    config_text = CONFIG.replace("[split]", sooner)
    assert raw_of(events, parse_training(config_text, file="c")).streams["purchase_outcome"].num_rows == 6_000
    head, tail = config_text.split(f"{place}\n")
    field = "delay_days = 7" if "delay" in planted else AMOUNT
    config = parse_training(f"{head}{place}\n{tail.replace(field, planted, 1)}", file="planted.toml")
    with pytest.raises(FormFaults, match=r"planted\.toml: events\..*(fraud|scenario) tells the outcome"):
        raw_of(events, config, file="planted.toml")


def test_a_label_known_too_early_is_refused_and_a_feature_that_knows_too_much_is_told(
    tmp_path: Path, events: Path
) -> None:
    hidden = "id,at,card,terminal,amount,sex,fraud,scenario"
    lines = events.read_text().splitlines()
    assert lines[0] == hidden
    told = [line.split(",") for line in lines[1:]]
    leaking = [",".join([*row[:4], str(90_000 + int(row[4]) if row[6] == "1" else row[4]), *row[5:]]) for row in told]
    path = tmp_path / "leaking.csv"
    path.write_text("\n".join([hidden, *leaking]) + "\n")
    report = trained(tmp_path, path)
    assert report["suspects"]["amount"] == 1.0
    assert report["promotable"] is False
    early = (
        CONFIG.replace('"fraud_7d"', '"own"')
        + """
[[definition]]
name = "own"
zh = "自定"
en = "own"
performance_days = 7
bad = [{ stream = "purchase", of = "request", where = "e.event_id > 5" }]
"""
    )
    with pytest.raises(StreamFaults, match="purchase: 6,000 outcomes are told at or before their own request"):
        trained(tmp_path, events, config=early)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('features = ["amount"', 'features = ["amuont"', r"features\[0\]: 'amuont' is not in the catalog"),
        ('outcome = "fraud_7d"', 'outcome = "fraud_8d"', "outcome: 'fraud_8d' is not defined"),
        ('[events.streams.fraud_label]\n', "[events.streams.fraud_lable]\n", "fraud_lable"),
        ('borrower_id = "card"', 'borrower = "card"', "events.columns.borrower: no column to be mapped"),
        ("train_days = 14", "train_weeks = 2", "split.train_weeks: unknown key; did you mean train_days"),
        ("train_days = 14\n", "", "split: train_days missing"),
        ('kind = "lightgbm"', 'kind = "forest"', "learner.kind: 'forest' is none of its words"),
        ('["terminal_fraud_count_30d"]', '["local_hour"]', "learner.riskier_up: 'local_hour' is not among"),
        ('leave_out_known = "borrower"', 'leave_out_known = "card"', "split.leave_out_known: 'card' is no entity"),
        ('features = ["amount"', 'features = ["amount", "amount"', r"features\[1\]: 'amount' is given twice"),
        ('observe = "purchase"', 'observe = "purchase"\ntime_zone = "Berlin"', "time_zone: 'Berlin' is no time zone"),
        ('observe = "purchase"', 'observe = "purchase"\ntime_zone = "UTC"\nutc_offset_minutes = 60', "two clocks"),
    ],
)  # fmt: skip
def test_a_fault_of_the_configuration_names_its_field(old: str, new: str, told: str) -> None:
    assert old in CONFIG
    with pytest.raises(FormFaults, match=told):
        parse_training(CONFIG.replace(old, new, 1), file="c.toml")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('borrower_id = "card"', 'borrower_id = "crad"', r"columns\.borrower_id: events\.csv has no column crad"),
        ('sex = "sex"', 'sex = "(SELECT 1)"', r"events\.columns\.sex: reads more than its own row"),
        ('amount_minor = "CAST(amount AS BIGINT)"\nsex', 'amount_minor = "CAST(sex AS BIGINT)"\nsex',
         r"events\.columns\.amount_minor: CAST\(sex AS BIGINT\) cannot be computed"),
    ],
)  # fmt: skip
def test_an_expression_that_does_not_fit_the_file_names_its_field(events: Path, old: str, new: str, told: str) -> None:
    config = parse_training(CONFIG.replace(old, new, 1), file="c.toml")
    with pytest.raises(FormFaults, match=told):
        raw_of(events, config, file="c.toml")


def test_local_hours_follow_the_clocks_of_the_zone(tmp_path: Path) -> None:
    """Clocks in Berlin went forward on 29 March 2026: half past six in the evening before, half past seven after."""
    path = tmp_path / "events.csv"
    rows = [f"{n},2026-03-{day} 17:30:00,1,1,100,f,0,0" for n, day in enumerate((28, 29))]
    path.write_text("\n".join(["id,at,card,terminal,amount,sex,fraud,scenario", *rows]) + "\n")
    observed = 'observe = "purchase"'
    config = parse_training(CONFIG.replace(observed, f'{observed}\ntime_zone = "Europe/Berlin"'), file="c")
    raw = raw_of(path, config)
    assert raw.requests.column("utc_offset_minutes").to_pylist() == [60, 120]
    built = build_as_of(raw.requests, raw.streams, features=load_as_of_catalog().named(["local_hour"]))
    assert built.column("local_hour").to_pylist() == [18, 19]


def test_what_cannot_be_trained_is_refused_by_name(tmp_path: Path, events: Path) -> None:
    with pytest.raises(FileFault, match="no built-in configuration: authorize-prior"):
        train(TrainRequest(config="nothing", out=tmp_path / "m"), progress=Silent())
    with pytest.raises(TrainingFault, match="data: missing"):
        trained(tmp_path, None)  # type: ignore[arg-type]
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    with pytest.raises(OutputFault, match="holds other files"):
        trained(tmp_path, events, out="full")
    with pytest.raises(TrainingFault, match="the train window holds 0 known outcomes"):
        trained(tmp_path, events, config=CONFIG.replace("2026-02-15", "2026-06-01").replace("earlier_folds = 1", ""))
    with pytest.raises(TrainingFault, match="logistic is there to compare with"):
        trained(tmp_path, events, config=CONFIG.replace('kind = "lightgbm"', 'kind = "logistic"'))


def test_earlier_folds_are_tested_on_what_was_known_when_the_test_began() -> None:
    config = parse_training(CONFIG.replace("earlier_folds = 1", "earlier_folds = 2"), file="c")
    window, latest, before = windows_of(config.split, np.array([0]))
    day = 86_400_000_000
    assert latest.test_until == window.train_until
    assert window.test_from - window.train_until == 7 * day
    assert before == latest.earlier(14 * day)
    undated = parse_training(CONFIG.split("[split]")[0] + CONFIG[CONFIG.index("[alerts]") :], file="c")
    assert windows_of(undated.split, np.array([0, 99])) == (Window(0, 75, 75, 100),)


TABLE = """
name = "cases"
zh = "案例"
en = "cases"
outcome = "default"
features = ["late", "job"]

[learner]
kind = "lightgbm"
rounds = 15

[table]
id = "id"
bad = "CASE WHEN told = 'yes' THEN TRUE WHEN told = 'no' THEN FALSE END"
zh = "违约"
en = "default"
performance_days = 365
sex = "sex"
age_years = "age"

[[table.feature]]
name = "late"
sql = "CAST(late AS INTEGER)"
zh = "逾期"
en = "months late"

[[table.feature]]
name = "job"
sql = "job"
zh = "职业"
en = "job"
kind = "category"
"""


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """4,000 cases that nobody dated; women are late far more often, and nobody knows what became of some."""
    chance = np.random.default_rng(4)
    lines = ["id,late,job,sex,age,told"]
    for number in range(4_000):
        woman = chance.random() < 0.5
        late = int(chance.poisson(1.5 if woman else 0.1))
        told = "" if chance.random() < 0.05 else "yes" if chance.random() < 0.05 + 0.2 * late else "no"
        lines.append(f"{number},{late},{chance.choice(['clerk', 'cook'])},{'fm'[not woman]},{20 + number % 60},{told}")
    path = tmp_path_factory.mktemp("raw") / "cases.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_cases_without_dates_are_dealt_by_the_seed_and_an_unfair_model_is_refused(tmp_path: Path, cases: Path) -> None:
    report = trained(tmp_path, cases, config=TABLE)
    trained(tmp_path, cases, config=TABLE, out="again")
    assert all_files(tmp_path / "model") == all_files(tmp_path / "again")
    assert report["has_time"] is False
    assert report["periods"] == []
    assert report["train"]["first_on"] is None
    assert report["train"]["apart"]["indeterminate"] > 150
    assert report["test"]["rows"] == pytest.approx(0.25 * (report["test"]["rows"] + report["train"]["rows"]), rel=0.02)
    sex, age = report["fairness"]
    assert sex["refused"] is True
    assert age["refused"] is False
    assert report["promotable"] is False
    page = (tmp_path / "model" / "evidence" / "report.html").read_text()
    assert "Not tested over time" in page
    assert "May not be promoted: groups of people fare too differently (sex)" in page


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('sql = "job"', 'sql = "told"', r"table\.feature\[1\]\.sql: told tells the outcome"),
        ('sql = "job"', 'sql = "sex"', r"table\.feature\[1\]\.sql: sex is what the law protects"),
        ('sql = "job"', 'sql = "jbo"', r"table\.feature\[1\]\.sql: cases\.csv has no column jbo"),
        ("CAST(late AS", "CAST(job AS", r"table\.feature\[0\]\.sql: CAST\(job AS INTEGER\) cannot be computed"),
        ('"late", "job"]', '"late", "jbo"]', r"features\[1\]: 'jbo' is not defined"),
        ("[table]", "[split]\ntrain_from = 2026-01-01\ntrain_days = 1\ntest_days = 1\n[table]", "has no dates"),
        ("[learner]", '[alerts]\nentity = "line"\n[learner]', "alerts are per day"),
        ("[table]", '[[compare]]\nzh = "一"\nen = "a"\nfeatures = ["job"]\nlearner = { kind = "logistic" }\n[table]',
         r"compare\[0\]\.features: logistic reads numbers: job"),
    ],
)  # fmt: skip
def test_a_fault_of_a_table_names_its_field(tmp_path: Path, cases: Path, old: str, new: str, told: str) -> None:
    assert old in TABLE
    with pytest.raises(FormFaults, match=told):
        trained(tmp_path, cases, config=TABLE.replace(old, new, 1))


def test_one_source_is_needed_and_too_few_cases_teach_nothing(tmp_path: Path, cases: Path) -> None:
    with pytest.raises(FormFaults, match="events: one source is needed"):
        parse_training(TABLE[: TABLE.index("[table]")], file="c")
    few = tmp_path / "cases.csv"
    few.write_text("\n".join(cases.read_text().splitlines()[:100]) + "\n")
    with pytest.raises(TrainingFault, match="give at least 200 of each"):
        trained(tmp_path, few, config=TABLE)


@pytest.mark.parametrize("name", BUILT_IN)
def test_what_ships_can_be_read(name: str) -> None:
    text, file = training_text(name)
    parse = parse_amount_config if is_amount_config(text) else parse_training
    assert parse(text, file=file).name == name


def test_without_what_came_after_a_request_its_features_are_the_same(events: Path) -> None:
    config = parse_training(CONFIG, file="c")
    raw = raw_of(events, config)
    features = load_as_of_catalog().named(config.features)
    whole = build_as_of(raw.requests, raw.streams, features=features).to_pylist()
    for place in range(3_000, 6_000, 250):
        asked = raw.requests.slice(place, 1)
        tick = asked.column("tick")[0]
        past = {name: rows.filter(pc.less(rows.column("tick"), tick)) for name, rows in raw.streams.items()}
        assert build_as_of(asked, past, features=features).to_pylist() == [whole[place]]


def test_the_hash_of_the_features_is_of_the_outcome_too() -> None:
    config = parse_training(CONFIG, file="c")
    assert features_hash(config) != features_hash(parse_training(CONFIG.replace("fraud_7d", "fraud_30d", 1), file="c"))


def test_probabilities_are_calibrated_on_rows_that_the_model_did_not_see() -> None:
    """Of noise nothing can be known: a model's own rows would say that it can."""
    config = parse_training(CONFIG.replace("rounds = 20", "rounds = 200"), file="c")
    chance = np.random.default_rng(1)
    table = pa.table({name: chance.normal(size=600) for name in config.features})
    is_bad, nothing = chance.random(600) < 0.3, np.zeros(600, dtype=np.int64)
    part = Part(table, is_bad, nothing, nothing, {}, {})
    low, high = _calibration(config, Fold(None, part, part)).pd(np.array([-2.0, 0.5]))
    assert high - low < 0.2
