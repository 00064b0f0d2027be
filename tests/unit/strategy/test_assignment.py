"""Places by hash: the same everywhere, uniform, and saying nothing of each other under two salts."""

import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import chi2, chi2_contingency

from tallystick.strategy.assignment import Assignment, Challenger, place_ppm, places_ppm

_COUNT = 100_000
_ONE_IN_A_MILLION = 1e-6


def _p_value(counts: npt.NDArray[np.int64]) -> float:
    expected = counts.sum() / counts.size
    return float(chi2.sf(((counts - expected) ** 2 / expected).sum(), counts.size - 1))


@pytest.mark.parametrize("salt", ["2026-11", "2026-12", "authorize/line/s", ""])
def test_places_are_uniform(salt: str) -> None:
    """Chi-square over 100 equal bands; ids in a row are the hardest case for a bad hash."""
    for keys in (range(_COUNT), [f"auth_{place:026d}" for place in range(_COUNT)]):
        places = places_ppm(keys, salt=salt)
        assert places.min() >= 0
        assert places.max() < 1_000_000
        assert _p_value(np.bincount(places // 10_000, minlength=100)) > _ONE_IN_A_MILLION


def test_two_salts_say_nothing_of_each_other() -> None:
    one, other = (places_ppm(range(_COUNT), salt=salt) // 100_000 for salt in ("a", "b"))
    table = np.zeros((10, 10))
    np.add.at(table, (one, other), 1)
    assert chi2_contingency(table).pvalue > _ONE_IN_A_MILLION


def test_the_same_id_has_the_same_place_for_ever() -> None:
    """Figures on record: a change of them would move every borrower and break every replay."""
    assert place_ppm(1, salt="s") == place_ppm("1", salt="s")
    assert [place_ppm(key, salt="2026-11") for key in (1, 2, "line_0001")] == [460_958, 448_983, 73_788]


def test_shares_are_met_and_a_growing_last_challenger_takes_from_the_champion_alone() -> None:
    small, large = (
        Assignment("s", (Challenger("first", 100_000), Challenger("second", share))).assign(range(_COUNT))
        for share in (50_000, 200_000)
    )
    for name, share in (("first", 0.1), ("second", 0.05), ("champion", 0.85)):
        assert abs((small == name).mean() - share) < 5 * (share * (1 - share) / _COUNT) ** 0.5
    moved = small != large
    assert set(small[moved]) == {"champion"}
    assert set(large[moved]) == {"second"}
    assert ((small == "first") == (large == "first")).all()


def test_a_share_ends_right_before_its_own_number() -> None:
    """The place of 1 is 460,958: the 460,958 places of such a share are 0 to 460,957."""
    for share, name in ((460_958, "champion"), (460_959, "first")):
        assert Assignment("2026-11", (Challenger("first", share),)).assign([1]).tolist() == [name]


def test_without_challengers_all_have_the_champion() -> None:
    assert set(Assignment("s", ()).assign(range(100))) == {"champion"}
    assert set(Assignment("s", (Challenger("all", 1_000_000),)).assign(range(100))) == {"all"}


def test_shares_beyond_the_whole_and_names_twice_are_refused() -> None:
    with pytest.raises(ValueError, match="at most 1000000 ppm together"):
        Assignment("s", (Challenger("a", 600_000), Challenger("b", 600_000)))
    with pytest.raises(ValueError, match="must differ"):
        Assignment("s", (Challenger("champion", 1),))
