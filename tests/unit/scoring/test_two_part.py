"""An amount in two parts: both recover the truth they are drawn from, are true on average, and live in a folder."""

import numpy as np
import pyarrow as pa
import pytest
from scipy.special import expit

from tallystick.scoring.boosted import BoostedSettings, fit_boosted_size
from tallystick.scoring.calibration import CalibrationFault
from tallystick.scoring.manifest import Manifest, ModelFilesFault, load_model, training_hash
from tallystick.scoring.model import ColumnFault, Floats, ModelFeature
from tallystick.scoring.size_map import fit_size_map
from tallystick.scoring.two_part import TwoPart, TwoPartSettings, fit_two_part, load_two_part, two_part_files

GROWN = BoostedSettings(rounds_max=60, stopping_rounds=0, learning_rate=0.1, ensemble_seeds=1, leaf_rows_min=40)
FEATURES = (ModelFeature("often", "numeric", "up"), ModelFeature("large", "numeric"))


def drawn(rows: int, seed: int, *, share: bool) -> tuple[pa.Table, Floats, Floats, Floats]:
    """Features, amounts, and the chance and the mean size that they were drawn from."""
    draws = np.random.default_rng(seed)
    often, large = draws.normal(size=rows), draws.normal(size=rows)
    chance = expit(often - 0.5)
    mean = expit(0.6 * large - 1) if share else np.exp(0.6 * large + 3)
    size = draws.beta(5 * mean, 5 * (1 - mean)) if share else mean * draws.gamma(4.0, 0.25, rows)
    amount = np.where(draws.random(rows) < chance, size, 0.0)
    return pa.table({"often": often, "large": large}), amount, chance, mean


def fitted(*, share: bool) -> TwoPart:
    table, amount, _, _ = drawn(6_000, 1, share=share)
    settings = TwoPartSettings(chance=GROWN, size=GROWN, link="logit" if share else "log")
    return fit_two_part(table, amount, FEATURES, settings, 1)


@pytest.mark.parametrize("link", ["logit", "log"])
def test_both_parts_find_what_the_amounts_were_drawn_from(link: str) -> None:
    share = link == "logit"
    model = fitted(share=share)
    table, amount, chance, mean = drawn(20_000, 2, share=share)
    told = model.score(table)
    assert np.corrcoef(told.chance, chance)[0, 1] > 0.97
    assert np.corrcoef(told.size, mean)[0, 1] > 0.95
    assert told.chance.mean() == pytest.approx(chance.mean(), rel=0.04)
    assert told.size.mean() == pytest.approx(mean.mean(), rel=0.04)
    assert told.expected.sum() == pytest.approx(amount.sum(), rel=0.05)
    for group in np.array_split(np.argsort(told.expected), 5):
        assert told.expected[group].mean() == pytest.approx(amount[group].mean(), rel=0.15)


@pytest.mark.parametrize("share", [0.3, 0.5, 0.9])
def test_as_many_stay_at_or_below_a_quantile_as_it_says(share: float) -> None:
    model = fitted(share=False)
    table, amount, _, _ = drawn(20_000, 2, share=False)
    bound = model.score(table).quantile(share)
    certain = bound > 0
    assert (amount <= bound)[certain].mean() == pytest.approx(share, abs=0.02)
    assert (amount > 0)[~certain].mean() <= 1 - share


def test_a_declared_direction_of_a_size_is_kept() -> None:
    table, amount, _, _ = drawn(2_000, 3, share=True)
    rows = amount > 0
    down = (ModelFeature("large", "numeric", "down"),)
    model = fit_boosted_size(table.filter(pa.array(rows)), amount[rows], down, GROWN, 1, link="logit")
    ladder = model.log_odds(pa.table({"large": np.linspace(-3, 3, 50)}))
    assert (np.diff(ladder) <= 0).all()


def test_the_map_of_sizes_keeps_the_total_and_mends_a_score_that_is_too_bold() -> None:
    draws = np.random.default_rng(5)
    truth = draws.normal(size=4_000)
    size = np.exp(truth) * draws.gamma(2.0, 0.5, 4_000)
    found = fit_size_map(2 * truth + 1, size, link="log")
    assert found.slope == pytest.approx(0.5, abs=0.05)
    assert found.size(2 * truth + 1).sum() == pytest.approx(size.sum(), rel=1e-7)
    with pytest.raises(CalibrationFault, match="larger scores do not mean larger sizes"):
        fit_size_map(-truth, size, link="log")


def test_the_folder_reads_back_and_refuses_what_was_changed_or_is_another_kind() -> None:
    model = fitted(share=True)
    table, amount, _, _ = drawn(6_000, 1, share=True)
    manifest = Manifest(
        kind="two_part", features=model.features, label="something comes", horizon_months=1, pd_horizon="as_is",
        currency="", training_sha256=training_hash(table, amount > 0, FEATURES), rows=len(amount),
        bads=int((amount > 0).sum()), seed=1, settings={}, versions={}, metrics={}, monotone_verified=True,
    )  # fmt: skip
    files = two_part_files(model, manifest)
    loaded = load_two_part(files)
    assert (loaded.model.score(table).expected == model.score(table).expected).all()
    assert two_part_files(fitted(share=True), manifest) == files
    with pytest.raises(ModelFilesFault, match=r"size\.calibration\.json was altered"):
        load_two_part(files | {"size.calibration.json": b"{}"})
    with pytest.raises(ModelFilesFault, match="two-part model, which tells an amount and no PD"):
        load_model(files)


@pytest.mark.parametrize("strange", [1.5, -0.1, np.nan])
def test_an_amount_that_is_none_is_refused(strange: float) -> None:
    table, amount, _, _ = drawn(500, 4, share=True)
    amount[7] = strange
    with pytest.raises(ColumnFault, match="1 amounts are missing or out of range"):
        fit_two_part(table, amount, FEATURES, TwoPartSettings(GROWN, GROWN, "logit"), 1)
