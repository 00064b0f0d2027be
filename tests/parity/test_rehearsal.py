"""Real purchases live through the database and offline from their file: the same features, scores and outcomes."""

from dataclasses import replace
from pathlib import Path

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet
import pytest
from tests.conftest import ROOT

from tallystick.features.event_tables import DAY_TICKS
from tallystick.operations.rehearsal import Phase, Rehearsal, differences, intercepted_by, rehearsal_of
from tallystick.operations.rehearsal_live import LiveRehearsal
from tallystick.operations.rehearsal_offline import OfflineRehearsal
from tallystick.operations.rehearsal_strategy import purchase_strategy, with_threshold
from tallystick.sources.raw_events import read_raw_events
from tallystick.sources.training_form import parse_training, training_text
from tallystick.strategy.case_columns import CheckpointName
from tallystick.strategy.interception import review_from_ppm
from tallystick.strategy.model_places import with_model
from tallystick.strategy.policy import standard_strategy_files
from tallystick.strategy.purchase_economics import ECONOMICS_FILE, read_purchase_economics
from tallystick.terms.catalog import shipped_products

STRATEGY = ROOT / "benchmarks" / "handbook_strategy"
CONFIG = "handbook-fraud"
CUSTOMERS = 80
LIMIT_MINOR = 300_000
REVIEWS_PER_DAY = 2


@pytest.fixture(scope="module")
def rehearsal(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Rehearsal:
    """Nine days of some customers of the handbook, half of them with a fraud in them; the last two are reported."""
    rows = pa.parquet.read_table(shared_data / "fraud_handbook_raw" / "transactions.parquet")
    is_late_fraud = pc.and_(pc.equal(rows["TX_FRAUD"], 1), pc.is_in(rows["TX_TIME_DAYS"], pa.array(range(122, 131))))
    of_fraud = pc.unique(rows.filter(is_late_fraud)["CUSTOMER_ID"]).sort()[: CUSTOMERS // 2]
    chosen = pa.concat_arrays([of_fraud, pa.array(range(CUSTOMERS // 2), pa.int32())])
    path = tmp_path_factory.mktemp("rehearsal") / "transactions.parquet"
    pa.parquet.write_table(rows.filter(pc.is_in(rows["CUSTOMER_ID"], chosen)), path)
    config = parse_training(training_text(CONFIG)[0], file=CONFIG)
    assert config.events is not None
    raw = read_raw_events(path, source=config.events, rule=config.rule, file=CONFIG)
    return rehearsal_of(config, raw, days=2, batch_seconds=14_400, weeks_later=417)


def test_live_is_offline_to_the_last_bit(connection: psycopg.Connection, rehearsal: Rehearsal) -> None:
    connection.autocommit = True
    before = purchase_strategy(STRATEGY)
    # The model that ships has learned from the same file; what trains one of all features takes minutes.
    inside = "models/fraud/"
    standard = standard_strategy_files().items()
    prior = {name.removeprefix(inside): text.encode() for name, text in standard if name.startswith(inside)}
    scored = with_model(before, prior, name="fraud", checkpoints=[CheckpointName.AUTHORIZE])
    offline = OfflineRehearsal(rehearsal, [before, scored], limit_minor=LIMIT_MINOR)
    threshold = review_from_ppm(offline.scores_to_review(scored), days=7, per_day=REVIEWS_PER_DAY)
    first, every = rehearsal.tested_from, rehearsal.requests.num_rows
    phases = [Phase(0, before), Phase(first, with_threshold(scored, threshold), reviews_per_day=REVIEWS_PER_DAY)]
    told = offline.answers(phases)

    live = LiveRehearsal(connection, rehearsal)
    live.begin(shipped_products()["baitiao"], limit_minor=LIMIT_MINOR)
    for phase, until in zip(phases, (first, every), strict=True):
        assert list(live.run(phase, until=until))[-1] == 1.0
    found = live.answers()
    assert len(found.final) == every
    assert differences(found, told) == {}

    economics = read_purchase_economics(before[ECONOMICS_FILE].decode())
    rows = slice(first, every)
    figures = intercepted_by(found, rehearsal, rows=rows, economics=economics)
    assert figures == intercepted_by(told, rehearsal, rows=rows, economics=economics)
    # All that could differ did happen.
    assert 0 < figures.frauds_stopped < figures.frauds
    assert 0 < figures.good_customers_stopped < figures.good_customers
    assert figures.saved_minor > 0
    looked_at = connection.execute("SELECT kind, outcome, count(*) FROM review_acts GROUP BY 1, 2").fetchall()
    assert {("judged", "decline"), ("judged", "approve"), ("timed_out", "decline")} <= {each[:2] for each in looked_at}
    assert ("OVER_AVAILABLE",) in found.columns["reasons"]
    labeled = connection.execute("SELECT count(*) FROM purchase_labels WHERE is_fraud").fetchone()
    assert labeled is not None
    assert labeled[0] > 0

    # And would be seen: labels a day late, or a day with room for one review more.
    late = replace(rehearsal, label_delay_ticks=rehearsal.label_delay_ticks + DAY_TICKS)
    told_late = OfflineRehearsal(late, [before, scored], limit_minor=LIMIT_MINOR).answers(phases)
    assert {"features.terminal_label_count_7d", "scores.fraud_ppm"} <= set(differences(found, told_late))
    more = [phases[0], replace(phases[1], reviews_per_day=REVIEWS_PER_DAY + 1)]
    assert {"final", "held_minor"} <= set(differences(found, offline.answers(more)))
