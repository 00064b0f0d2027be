"""Figures as text: the odd amounts, where a digit, a sign or a unit is easily lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.reports.figures import (
    LANGUAGES,
    Language,
    axis_scale,
    money_change_text,
    money_exact_text,
    money_text,
    percent_change_text,
    percent_text,
    table_scale,
    with_currency,
)


@pytest.mark.parametrize(
    ("amount_minor", "currency", "language", "text"),
    [
        (0, "CNY", "zh", "0"),
        (99, "CNY", "en", "1"),
        (-40, "CNY", "en", "0"),  # rounds to zero, and zero has no sign
        (999_949, "CNY", "zh", "9,999"),
        (999_950, "CNY", "zh", "1.00 万"),
        (1_000_000, "CNY", "zh", "1.00 万"),
        (345_600_000_00, "CNY", "zh", "3.46 亿"),
        (34_560_000_00, "CNY", "zh", "3,456 万"),
        (-34_560_000_00, "CNY", "zh", "−3,456 万"),
        (999_999, "CNY", "en", "10.0 k"),
        (99_960_00, "CNY", "en", "100 k"),
        (999_600_00, "CNY", "en", "1.00 m"),
        (1_234_567_890_12, "CNY", "en", "1.23 bn"),
        (1_234_567_890_123_45, "CNY", "en", "1,235 bn"),
        (12_300, "JPY", "zh", "1.23 万"),
        (12_300_000, "KWD", "en", "12.3 k"),
    ],
)
def test_amounts_keep_three_digits_in_the_units_of_the_language(
    amount_minor: int, currency: str, language: Language, text: str
) -> None:
    assert money_text(amount_minor, currency=currency, language=language) == text


@given(amount=st.integers(min_value=-(10**15), max_value=10**15), language=st.sampled_from(LANGUAGES))
def test_an_amount_reads_back_to_within_half_a_percent(amount: int, language: Language) -> None:
    units = {"亿": 10**8, "万": 10**4, "bn": 10**9, "m": 10**6, "k": 10**3, "": 1}
    number, _, unit = money_text(amount, currency="CNY", language=language).partition(" ")
    read = float(number.replace(",", "").replace("−", "-")) * units[unit] * 100
    assert abs(read - amount) <= max(abs(amount) * 0.0051, 50)


@given(amount=st.integers(min_value=-(10**12), max_value=10**12))
def test_an_exact_amount_loses_nothing(amount: int) -> None:
    read = money_exact_text(amount, currency="CNY").replace(",", "").replace("−", "-")
    assert round(float(read) * 100) == amount


def test_changes_carry_a_sign_and_zero_carries_none() -> None:
    texts = [money_change_text(change, currency="CNY", language="en") for change in (100, -100, 0)]
    assert texts == ["+1", "−1", "0"]
    assert percent_change_text(90, 100) == "−10.0%"
    assert percent_change_text(0, 0) == "0%"
    assert percent_change_text(-150, -100) == "−50.0%"


def test_a_tiny_negative_share_is_zero_without_sign() -> None:
    assert percent_text(-0.0001) == "0.0%"


def test_prose_names_the_currency_in_each_language() -> None:
    assert with_currency("12.3 m", currency="TWD", language="en") == "TWD 12.3 m"
    assert with_currency("1.23 亿", currency="TWD", language="zh") == "1.23 亿新台币元"
    assert with_currency("1.23 亿", currency="SEK", language="zh") == "1.23 亿 SEK"


def test_an_unknown_currency_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="currency 'XXX' is not known"):
        money_text(100, currency="XXX", language="en")


def test_a_table_has_one_unit_and_a_small_amount_stays_visible() -> None:
    scale = table_scale([12_000_000_00, 1_500_00], currency="CNY", language="en")
    assert (scale.unit, scale.text(12_000_000_00), scale.text(1_500_00)) == ("CNY k", "12,000", "2")
    assert table_scale([], currency="CNY", language="zh").unit == "元"


def test_an_axis_takes_the_largest_unit_that_its_longest_bar_fills() -> None:
    assert axis_scale([99_999_999_00], currency="CNY", language="zh").unit == "万元"
    assert axis_scale([100_000_000_00], currency="CNY", language="zh").unit == "亿元"
    assert axis_scale([0], currency="JPY", language="en").unit == "JPY"
