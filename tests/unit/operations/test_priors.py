"""Priors of a young lender: trained on streams, moved to a later default, and as they ship."""

import hashlib
from pathlib import Path

import pytest
from tests.lender_sample import tick_of, write_lender

from tallystick.features.outcome_build import build_outcomes
from tallystick.operations.priors import PRIORS, Prior, prior_files
from tallystick.operations.progress import Silent
from tallystick.operations.train import TrainRequest, features_hash, train
from tallystick.operations.training_sets import TrainingFault, build_folds, counted_base_rate, read_dated
from tallystick.scoring.calibration import base_rate_shift
from tallystick.scoring.manifest import load_model
from tallystick.sources.lender_streams import read_lender_streams
from tallystick.sources.training_form import parse_training, training_text
from tallystick.terms.form import FormFaults

APPLICATIONS = training_text("world-application")[0]
MOST_BYTES = 150_000


@pytest.fixture(scope="module")
def streams(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six hundred lines, half of the weak ones bad."""
    return write_lender(tmp_path_factory.mktemp("lender"), bad_share=0.5, fraud_share=0.1, lines=600)


def test_a_prior_is_trained_on_streams_and_moved_to_the_later_default(tmp_path: Path, streams: Path) -> None:
    report = train(TrainRequest(config="world-application", data=streams, out=tmp_path / "model"), progress=Silent())
    fitted = load_model({path.name: path.read_bytes() for path in (tmp_path / "model").iterdir() if path.is_file()})
    assert (fitted.manifest.label, fitted.manifest.horizon_months) == ("90 days past due within 12 months", 12)
    assert report["contenders"][0]["figures"]["auc"]["value"] > 0.6
    moved = report["base_rate"]
    assert moved is not None
    assert fitted.calibration.shift == pytest.approx(
        base_rate_shift(learned=moved["learned_share"], stated=moved["stated_share"])
    )


def test_the_base_rate_is_counted_where_both_outcomes_are_known(streams: Path) -> None:
    """By hand: the odds of both shares among the observations that both definitions know."""
    config = parse_training(APPLICATIONS, file="c")
    raw = read_dated(streams, config, file="c")
    counted = counted_base_rate(config, raw, learned=0.2)
    assert counted is not None
    assert counted.bad_ppm is not None
    shares = []
    for name in ("dpd30_6m", "dpd90_12m"):
        told = build_outcomes(
            raw.requests, raw.streams, rule=config.rule_named(name), known_until_tick=raw.known_until_tick
        )["outcome"].to_pylist()
        assert "immature" not in told
        shares.append(told.count("bad") / len(told))
    odds = 0.25 * (shares[1] / (1 - shares[1])) / (shares[0] / (1 - shares[0]))
    assert counted.bad_ppm == pytest.approx(1e6 * odds / (1 + odds), abs=1)
    assert counted_base_rate(config, raw, learned=0.4) != counted
    assert config.streams is not None
    earlier = read_lender_streams(streams).before(tick_of(200)).observed(config.streams)
    with pytest.raises(TrainingFault, match=r"of 0 observations whose dpd90_12m is known"):
        counted_base_rate(config, earlier, learned=0.2)


def test_whole_lines_are_dealt_and_too_few_teach_nothing(streams: Path) -> None:
    text = training_text("world-behavior")[0]
    config = parse_training(text, file="c")
    raw = read_dated(streams, config, file="c")
    [fold] = build_folds(config, raw, progress=Silent())
    learned, tested = set(fold.train.key.tolist()), set(fold.test.key.tolist())
    assert not learned & tested
    assert len(tested) == pytest.approx(0.25 * len(learned | tested), abs=2)
    bads = [len(set(part.key[part.is_bad].tolist())) for part in (fold.train, fold.test)]
    assert bads[1] == pytest.approx(0.25 * sum(bads), abs=2)
    few = read_lender_streams(streams).before(tick_of(95))
    assert config.streams is not None
    with pytest.raises(TrainingFault, match=r"split.deal_by: .* that went bad: give at least 20 of each"):
        build_folds(config, few.observed(config.streams), progress=Silent())


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('deal_by = "borrower"', 'deal_by = "person"', "split.deal_by: 'person' is no entity"),
        ('deal_by = "borrower"', 'deal_by = "borrower"\nearlier_folds = 2', "split.earlier_folds: keys are dealt"),
        ('observe = "application"', 'observe = "claim"', "streams.observe: 'claim' is no request"),
        ("Asia/Shanghai", "Asia/Shangai", r"streams.time_zone: 'Asia/Shangai' is no time zone"),
        ('"bureau_score",', '"bureau_score", "line_tenure_days",', r"features\[1\]: line_tenure_days is of a line"),
        ('outcome = "dpd90_12m"', 'outcome = "dpd91_12m"', "base_rate.outcome: 'dpd91_12m' is not defined"),
        ('outcome = "dpd90_12m"', "", "base_rate: one figure is needed; give bad_ppm, or outcome"),
        ('outcome = "dpd90_12m"', 'outcome = "dpd90_12m"\nbad_ppm = 5', "base_rate: one figure is needed"),
        ('outcome = "dpd30_6m"', 'outcome = "dpd31_6m"', "outcome: 'dpd31_6m' is not defined"),
        ("[split]", '[table]\nid = "a"\nbad = "b"\n[split]', "table.feature"),
    ],
)
def test_a_fault_of_the_configuration_names_its_field(old: str, new: str, told: str) -> None:
    with pytest.raises(FormFaults, match=told):
        parse_training(APPLICATIONS.replace(old, new, 1), file="c")


@pytest.mark.parametrize("prior", PRIORS, ids=lambda prior: prior.name)
def test_what_ships_was_trained_by_the_configuration_that_ships(prior: Prior) -> None:
    """Whoever changes features, outcome or settings makes the priors again (`tallystick world priors`)."""
    files, text = prior_files(prior.name), training_text(prior.config)[0]
    fitted = load_model(files)
    assert fitted.manifest.settings["config_sha256"] == hashlib.sha256(text.encode()).hexdigest()
    assert fitted.manifest.settings["features_sha256"] == features_hash(parse_training(text, file=prior.config))
    assert {each.name for each in fitted.model.features} >= set(prior.needs)
    assert sum(map(len, files.values())) < MOST_BYTES
