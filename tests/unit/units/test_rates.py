"""Shares are whole parts per million: exact there and back, and never made of nothing."""

import numpy as np
import pytest

from tallystick.units.rates import PPM, from_ppm, to_ppm


def test_a_share_is_rounded_once_half_to_even() -> None:
    assert to_ppm([0.0000005, 0.0000015, 1.0, 0.24]).tolist() == [0, 2, PPM, 240_000]
    assert to_ppm(0.05).dtype == np.int64


def test_ppm_there_and_back_are_the_same() -> None:
    every = np.arange(0, PPM + 1, 7)
    assert to_ppm(from_ppm(every)).tolist() == every.tolist()


@pytest.mark.parametrize("share", [np.nan, np.inf])
def test_a_share_that_is_not_known_has_no_ppm(share: float) -> None:
    with pytest.raises(ValueError, match="treat it before"):
        to_ppm([0.5, share])
