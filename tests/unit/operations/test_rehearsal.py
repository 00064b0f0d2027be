"""What arrives in a rehearsal, when it is decided, and what cannot be rehearsed."""

import csv
import io
from pathlib import Path

import msgspec
import numpy as np
import pytest
from tests.conftest import ROOT
from tests.training_sample import CONFIG, write_events

from tallystick.features.event_tables import DAY_TICKS
from tallystick.operations.authorizing import MOST_TOGETHER
from tallystick.operations.rehearsal import Answers, Phase, Rehearsal, RehearsalFault, differences, rehearsal_of
from tallystick.operations.rehearsal_offline import OfflineRehearsal, streams_of
from tallystick.operations.rehearsal_strategy import purchase_strategy, with_threshold
from tallystick.sources.raw_events import RawEvents, read_raw_events
from tallystick.sources.training_form import TrainingConfig, parse_training

SPAN_S = 6 * 3_600
SPAN = SPAN_S * 1_000_000
STRATEGY = purchase_strategy(ROOT / "benchmarks" / "handbook_strategy")


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_events(tmp_path_factory.mktemp("events") / "events.csv")


def given(file: Path, **changed: str) -> tuple[TrainingConfig, RawEvents]:
    text = CONFIG
    for old, new in changed.items():
        text = text.replace(old, new)
    config = parse_training(text, file="small.toml")
    assert config.events is not None
    return config, read_raw_events(file, source=config.events, rule=config.rule, file="small.toml")


def rehearsed(file: Path, **changed: str) -> Rehearsal:
    config, raw = given(file, **changed)
    return rehearsal_of(config, raw, days=3, batch_seconds=SPAN_S)


def test_each_is_decided_at_the_end_of_its_span_and_two_of_one_person_apart(file: Path) -> None:
    _, raw = given(file)
    found = rehearsed(file)
    asked = dict(zip(raw.requests["request_id"].to_pylist(), raw.requests["tick"].to_pylist(), strict=True))
    waited = found.tick - [asked[number] for number in found.requests["request_id"].to_pylist()]
    assert (waited > 0).all()
    assert (found.tick % SPAN == 0).all()
    for first, last in found.batches(0, len(found.tick)):
        together = found.requests.slice(first, last - first)
        assert len(set(together["tick"].to_pylist())) == 1
        assert len(set(together["borrower_id"].to_pylist())) == last - first
    # Only who bought twice in a span waits longer than one.
    is_put_off = waited > SPAN
    assert 0 < np.count_nonzero(is_put_off) < 30
    borrowers = found.requests["borrower_id"].to_numpy()
    for place in np.flatnonzero(is_put_off).tolist():
        same = found.tick[borrowers == borrowers[place]]
        assert found.tick[place] - SPAN in same


def test_a_batch_has_no_more_than_a_transaction_takes(file: Path) -> None:
    config, raw = given(file)
    found = rehearsal_of(config, raw, days=14, batch_seconds=7 * 86_400)
    sizes = [last - first for first, last in found.batches(0, len(found.tick))]
    assert max(sizes) == MOST_TOGETHER
    assert sum(sizes) == len(found.tick)


def test_what_arrives_is_the_time_after_the_training_and_is_moved_as_a_whole(file: Path) -> None:
    config, raw = given(file)
    found = rehearsal_of(config, raw, days=3, batch_seconds=SPAN_S, weeks_later=2)
    moved = 14 * DAY_TICKS
    begins = found.begins_tick - moved
    tick = raw.requests["tick"].to_numpy()
    assert found.requests.num_rows == np.count_nonzero((tick >= begins) & (tick < begins + 10 * DAY_TICKS))
    assert found.purchases_before.num_rows == np.count_nonzero(tick < begins)
    assert (found.tick[: found.tested_from] <= found.begins_tick + 7 * DAY_TICKS).all()
    assert (found.tick[found.tested_from :] > found.begins_tick + 7 * DAY_TICKS).all()
    still = rehearsed(file)
    assert (found.tick - still.tick == moved).all()
    # Every purchase is labeled once, each after it was asked for.
    labels = streams_of(found)["fraud_label"]
    assert labels.num_rows == found.purchases_before.num_rows + found.requests.num_rows
    assert len(set(labels["event_id"].to_pylist())) == labels.num_rows
    late = found.labels_before["tick"].to_numpy() > found.begins_tick
    assert 0 < np.count_nonzero(late) < len(late)


def test_numbers_begin_with_one_and_stand_under_both_names(file: Path) -> None:
    _, raw = given(file)
    found = rehearsed(file)
    assert raw.requests["borrower_id"].to_numpy().min() == 0
    for table in (found.requests, found.purchases_before, found.labels_before):
        assert table["line_id"].equals(table["borrower_id"])
        assert table["merchant_id"].equals(table["terminal_id"])
        assert table["line_id"].to_numpy().min() >= 1
        assert table["merchant_id"].to_numpy().min() >= 1


def test_a_purchase_of_nothing_is_not_asked_for(file: Path) -> None:
    found = rehearsed(
        file, **{'amount_minor = "CAST(amount AS BIGINT)"': 'amount_minor = "CAST(amount AS BIGINT) % 2"'}
    )
    assert set(found.requests["amount_minor"].to_pylist()) == {1}


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('observe = "purchase"', 'observe = "application"', "events.observe: is no purchase"),
        ('borrower_id = "card"\n', "", r"events.columns.borrower_id: null on 6,000 rows; map it"),
        ('amount_minor = "CAST(amount AS BIGINT)"\n', "", "events.columns.amount_minor: null on 6,000 rows; map it"),
        (
            "is_fraud = \"fraud = '1'\"",
            "is_fraud = \"CASE WHEN fraud = '1' THEN TRUE END\"",
            "have no label; leave them",
        ),
    ],
)
def test_what_cannot_be_rehearsed_is_told_by_its_field(file: Path, old: str, new: str, fault: str) -> None:
    with pytest.raises(RehearsalFault, match=fault):
        rehearsed(file, **{old: new})


def test_both_streams_are_needed(file: Path) -> None:
    config, raw = given(file)
    assert config.events is not None
    for name in ("purchase", "fraud_label"):
        streams = {other: mapping for other, mapping in config.events.streams.items() if other != name}
        lacks = msgspec.structs.replace(config, events=msgspec.structs.replace(config.events, streams=streams))
        with pytest.raises(RehearsalFault, match=f"events.streams.{name}: missing; map it"):
            rehearsal_of(lacks, raw, days=3, batch_seconds=SPAN_S)


@pytest.mark.parametrize(
    ("output", "row", "told", "else_", "fault"),
    [
        ("action", "almost_certain", "freeze_line", "none", "action: a rehearsal follows no freezes"),
        ("four_eyes", "likely", "TRUE", "FALSE", "four_eyes: a rehearsal has one person at a review"),
    ],
)
def test_what_is_not_followed_is_refused(file: Path, output: str, row: str, told: str, else_: str, fault: str) -> None:
    table = list(csv.DictReader(STRATEGY["authorize/fraud_score.csv"].decode().splitlines()))
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=[*table[0], output], lineterminator="\n")
    writer.writeheader()
    writer.writerows(
        each | ({"when": "amount_minor > 5000", output: told} if each["id"] == row else {output: else_})
        for each in table
    )
    form = STRATEGY["authorize/checkpoint.toml"].replace(
        b'"deadline_minutes"]', f'"deadline_minutes", "{output}"]'.encode()
    )
    files = STRATEGY | {"authorize/fraud_score.csv": text.getvalue().encode(), "authorize/checkpoint.toml": form}
    offline = OfflineRehearsal(rehearsed(file), [files], limit_minor=100_000)
    with pytest.raises(RehearsalFault, match=fault):
        offline.answers([Phase(0, files)])


def test_a_threshold_is_put_into_a_strategy() -> None:
    table = with_threshold(STRATEGY, 12_345)["authorize/capacity.csv"].decode()
    assert table == STRATEGY["authorize/capacity.csv"].decode().replace("200000", "12345")
    with pytest.raises(RehearsalFault, match="review_from_ppm: no such column"):
        with_threshold({"authorize/capacity.csv": b"id,when\nchosen,otherwise\n"}, 1)


def test_every_difference_is_counted_by_its_column() -> None:
    one = Answers({"outcome": ["approve", "decline"], "scores.fraud_ppm": [1, None]}, ["approve", "decline"], {7: 100})
    assert differences(one, one) == {}
    other = Answers({"outcome": ["approve", "approve"], "features.amount": [1, 2]}, ["approve", "approve"], {8: 100})
    assert differences(one, other) == {
        "features.amount": 2, "final": 1, "held_minor": 2, "outcome": 1, "scores.fraud_ppm": 2,
    }  # fmt: skip
