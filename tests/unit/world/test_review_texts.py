"""Reviews in Chinese: tied to what became of the order, praise and complaint at their shares, fake ones alike."""

import re
from dataclasses import replace

import numpy as np

from tallystick.world.economy.chances import Chances
from tallystick.world.economy.deliveries import Fate
from tallystick.world.economy.information_parameters import standard_information
from tallystick.world.economy.review_texts import ReviewTexts, review_texts
from tallystick.world.economy.shops import CATEGORIES

CHANCES = Chances(5)
REVIEWS = standard_information().reviews
CHINESE = re.compile(r"[\u4e00-\u9fff，。！、]+")
ORDERS = np.arange(6_000)
CATEGORY = ORDERS % len(CATEGORIES)


def written(*, fate: Fate, all_write: bool = True) -> ReviewTexts:
    parameters = replace(REVIEWS, written_share=(1.0,) * len(Fate)) if all_write else REVIEWS
    return review_texts(CHANCES, ORDERS, category=CATEGORY, fate=np.full(len(ORDERS), fate), parameters=parameters)


def test_every_category_fate_and_mood_has_chinese_words() -> None:
    for fate in Fate:
        for share in (0.0, 1.0):
            parameters = replace(REVIEWS, written_share=(1.0,) * len(Fate), positive_share=(share,) * len(Fate))
            told = review_texts(
                CHANCES, ORDERS[:300], category=CATEGORY[:300], fate=np.full(300, fate), parameters=parameters
            )
            assert len(told.text) == 300
            assert all(CHINESE.fullmatch(text) and len(text) >= 4 for text in told.text), fate
            assert told.is_positive.tolist() == [bool(share)] * 300


def test_who_writes_and_who_praises_have_their_shares() -> None:
    for fate in Fate:
        told = written(fate=fate, all_write=False)
        assert abs(len(told.text) / len(ORDERS) - REVIEWS.written_share[fate]) < 0.03
        assert abs(told.is_positive.mean() - REVIEWS.positive_share[fate]) < 0.05
        assert np.all(np.diff(told.order) > 0)


def test_words_follow_category_fate_and_mood() -> None:
    told = written(fate=Fate.LATE)
    by_mood = [
        {text for text, is_so in zip(told.text, told.is_positive, strict=True) if is_so == mood} for mood in (0, 1)
    ]
    assert not by_mood[0] & by_mood[1]
    assert any("催了三次才发货" in text for text in told.text)
    assert not any("催了三次才发货" in text for text in written(fate=Fate.WELL).text)
    phones = [text for text, category in zip(told.text, CATEGORY, strict=True) if CATEGORIES[category].name == "phones"]
    assert any("拍照" in text for text in phones)
    assert not any("牛奶" in text for text in phones)


def test_fake_reviews_repeat_each_other_and_honest_ones_seldom() -> None:
    assert len(set(written(fate=Fate.FAKE).text)) < 40
    assert len(set(written(fate=Fate.WELL).text)) > 2_000


def test_a_text_is_the_same_whatever_else_is_written() -> None:
    some = np.array([11, 2_500, 12])
    told = review_texts(
        CHANCES, some, category=CATEGORY[some], fate=np.zeros(3, dtype=np.int64),
        parameters=replace(REVIEWS, written_share=(1.0,) * len(Fate)),
    )  # fmt: skip
    everything = written(fate=Fate.WELL)
    assert told.text == tuple(everything.text[order] for order in some)
    nothing = review_texts(CHANCES, some[:0], category=some[:0], fate=some[:0], parameters=REVIEWS)
    assert nothing.text == ()
