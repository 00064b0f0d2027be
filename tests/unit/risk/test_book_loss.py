"""What a book will lose, beside losses that were drawn line by line."""

import numpy as np
import numpy.typing as npt
import pytest
from scipy.special import ndtr, ndtri

from tallystick.risk.book_loss import book_loss

DRAWS = 20_000
LINES = 60


def book() -> dict[str, npt.NDArray[np.float64]]:
    """Sixty lines, some large and some likely to default."""
    chance = np.random.default_rng(4)
    return {
        "pd": chance.beta(1.0, 9.0, LINES),
        "ead": chance.lognormal(np.log(500_000), 0.8, LINES),
        "severity": chance.beta(4.0, 2.0, 40),
    }


@pytest.mark.parametrize("correlation", [0.0, 0.1])
def test_so_many_drawn_losses_lie_beyond_each_end(correlation: float) -> None:
    """Each end leaves a twentieth of the losses outside, drawn line by line with a factor that all share."""
    lines, chance = book(), np.random.default_rng(5)
    factor = chance.standard_normal((DRAWS, 1))
    given = ndtr((ndtri(lines["pd"]) - np.sqrt(correlation) * factor) / np.sqrt(1.0 - correlation))
    defaults = chance.random((DRAWS, LINES)) < given
    losses = (defaults * lines["ead"] * chance.choice(lines["severity"], (DRAWS, LINES))).sum(axis=1)
    told = book_loss(**lines, correlation=correlation, confidence=0.9)
    assert told.expected == pytest.approx(losses.mean(), rel=0.02)
    assert float((losses < told.low).mean()) == pytest.approx(0.05, abs=0.01)
    assert float((losses > told.high).mean()) == pytest.approx(0.05, abs=0.01)


def test_a_factor_that_all_share_spreads_the_loss_and_leaves_what_is_expected() -> None:
    """Correlation moves the ends apart."""
    alone, together = (book_loss(**book(), correlation=each, confidence=0.9) for each in (0.0, 0.04))
    assert together.expected == alone.expected
    assert together.low < alone.low < alone.high < together.high


def test_a_certain_loss_has_no_spread_and_no_loss_none() -> None:
    """Where nothing is left to chance both ends are the loss."""
    certain = book_loss(pd=[1.0, 0.0], ead=[100.0, 500.0], severity=[0.5], correlation=0.0, confidence=0.9)
    assert (certain.low, certain.expected, certain.high) == pytest.approx((50.0, 50.0, 50.0))
    nothing = book_loss(pd=[0.0], ead=[100.0], severity=[0.5], correlation=0.0, confidence=0.9)
    assert (nothing.low, nothing.expected, nothing.high) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"pd": []}, "pd"),
        ({"pd": [1.2]}, "pd"),
        ({"pd": [np.nan]}, "pd"),
        ({"ead": [-1.0]}, "ead"),
        ({"severity": []}, "severity"),
        ({"confidence": 1.0}, "confidence"),
    ],
)
def test_what_cannot_be_is_named(wrong: dict[str, object], field: str) -> None:
    """The message names the field."""
    right: dict[str, object] = {"pd": [0.1], "ead": [1.0], "severity": [0.5], "correlation": 0.0, "confidence": 0.9}
    with pytest.raises(ValueError, match=field):
        book_loss(**(right | wrong))  # type: ignore[arg-type]
