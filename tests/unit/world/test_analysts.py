"""Analysts err by the person and the day, whatever ids a lender gives to what they look at."""

import numpy as np
import pyarrow as pa

from tallystick.world.economy.acts import Judge
from tallystick.world.economy.analysts import judgments
from tallystick.world.economy.chances import Chances
from tallystick.world.economy.lives import Lives, Order
from tallystick.world.economy.living_parameters import standard_living

PEOPLE = 2_000


def passed(*, first_id: int, today: int, fraud: bool = False) -> list[bool]:
    """Of everybody's application, or order, which one passes."""
    lives, numbers = Lives(PEOPLE), np.arange(PEOPLE)
    lives.application_id[:] = numbers + first_id
    if fraud:
        lives.waiting = {
            first_id + person: Order(
                order=person, person=person, amount_minor=900, category="phones", ships_on=today, promised_on=today,
                arrives_on=today, fate=0, kind="takeover",
            )
            for person in numbers.tolist()
        }  # fmt: skip
    waiting = pa.table({
        "review_id": numbers + first_id, "checkpoint": ["apply"] * PEOPLE, "decision_id": numbers + first_id,
        "line_id": pa.nulls(PEOPLE, pa.int64()), "amount_minor": pa.nulls(PEOPLE, pa.int64()),
    })  # fmt: skip
    told = judgments(waiting, lives, today=today, chances=Chances(3), parameters=standard_living().analysts)
    assert [each.person for each in told] == numbers.tolist()
    return [each.act.passes for each in told if isinstance(each.act, Judge)]


def test_analysts_err_alike_at_every_lender_and_otherwise_on_another_day() -> None:
    one, other = (passed(first_id=first_id, today=20_500) for first_id in (1, 70_001))
    assert one == other
    share = standard_living().analysts.stops_honest_share
    assert abs(np.mean(one) - (1 - share)) < 4 * np.sqrt(share * (1 - share) / PEOPLE)
    assert one != passed(first_id=1, today=20_501)


def test_fraud_is_judged_by_the_order_whenever_it_waits() -> None:
    one = passed(first_id=1, today=20_500, fraud=True)
    assert one == passed(first_id=70_001, today=20_503, fraud=True)
    share = standard_living().analysts.passes_fraud_share
    assert abs(np.mean(one) - share) < 4 * np.sqrt(share * (1 - share) / PEOPLE)
