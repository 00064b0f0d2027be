"""What reports call things, and which caps are shares."""

import pytest

from tallystick.reports.names import is_share_cap, kind_name
from tallystick.reports.summary import CapUse, Summary
from tallystick.reports.texts import texts_in


def cap_use(name: str, *, used: int, bound: int) -> CapUse:
    return CapUse(
        name=name, text={"zh": name, "en": name}, measure="drawn", used=used, bound=bound, binding=False,
        shadow_price_ppm=0,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "used", "bound", "expected"),
    [
        ("weak_share", 97_300, 120_000, True),
        ("weak_share", 0, 120_000, True),  # the share of an empty book, whose drawn balance is 0 as well
        ("weakest", 97_300, 120_000, True),  # a name of the lender's own: its use is not the whole book's
        ("exposure", 0, 120_000, False),
        ("wallet_share", 2_000_000, 900_000, False),  # no share passes a million ppm
    ],
)
def test_a_share_is_told_from_an_amount(usual: Summary, name: str, used: int, bound: int, expected: bool) -> None:  # noqa: FBT001
    scenario = usual["scenarios"][2]
    scenario["drawn_minor"] = 0
    assert is_share_cap(cap_use(name, used=used, bound=bound), scenario) is expected


def test_the_amount_of_a_small_book_is_no_share(usual: Summary) -> None:
    scenario = usual["scenarios"][2]
    scenario["drawn_minor"] = 640_000  # 6,400 yuan
    assert not is_share_cap(cap_use("exposure", used=640_000, bound=900_000), scenario)


def test_a_kind_of_model_without_a_text_stands_as_it_is() -> None:
    assert kind_name("forest", texts=texts_in("zh")) == "forest"
    assert kind_name("xgboost", texts=texts_in("zh")) == "XGBoost"
