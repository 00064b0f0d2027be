"""Days past due: from the oldest due date that was missed, without the days on which a pause held."""

from datetime import date

import pytest
from tests.lives import Life

from tallystick.servicing.facts import DelinquencyPaused, Drawdown, DrawKind, Event
from tallystick.servicing.owed import days_past_due

DUE_ON = date(2026, 1, 28)  # of the statement of 19 January


def _late_line() -> Life:
    life = Life().open(date(2026, 1, 5))
    bought = Drawdown(draw_id=1, kind=DrawKind.PURCHASE, amount_minor=100_000, merchant_id=5)
    assert isinstance(life.act(bought, today=date(2026, 1, 10)), Event)
    return life


@pytest.mark.parametrize(
    ("pauses", "days"),
    [
        ([], 28),
        ([(10, 20)], 18),
        ([(10, 20), (10, 20)], 18),  # the same days twice are the same days
        ([(10, 20), (15, 25)], 13),
        ([(10, 25), (12, 14)], 13),
        ([(5, 8), (20, 22)], 23),
    ],
)
def test_days_of_pauses_do_not_count_and_none_is_left_out_twice(pauses: list[tuple[int, int]], days: int) -> None:
    life = _late_line()
    for begins, ends in pauses:
        until = date(2026, 2, ends)
        pause = DelinquencyPaused(until=until, reason="flood")
        assert isinstance(life.act(pause, today=date(2026, 2, 25), on=date(2026, 2, begins)), Event)
    line = life.sleep_until(date(2026, 2, 25))
    assert days_past_due(line, day=date(2026, 2, 25)) == days
