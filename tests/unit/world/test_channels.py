"""What people answer to: prices, reminders, other lenders, money that comes in; all else befalls them alike."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest

from tallystick.world.economy import acts
from tallystick.world.economy.applying import Applying
from tallystick.world.economy.asking import Asking
from tallystick.world.economy.chances import Chances
from tallystick.world.economy.contacts import Contacts
from tallystick.world.economy.information import bureau_reports
from tallystick.world.economy.information_parameters import standard_information
from tallystick.world.economy.lives import Lives, day_number
from tallystick.world.economy.living_parameters import LivingParameters, standard_living
from tallystick.world.economy.paying import NOT_SOLD, Bills, Paying, Payments
from tallystick.world.economy.people import People
from tallystick.world.economy.rivals import MONTH_DAYS, Rivals
from tallystick.world.economy.shopping import Shopping
from tallystick.world.economy.shops import Shops
from tallystick.world.parameters import standard_parameters

CHANCES = Chances(5)
BEGINS_ON = date(2026, 1, 1)
BEGINS = day_number(BEGINS_ON)
LIVING = standard_living()
NOBODY_LENDS = replace(LIVING, rivals=replace(LIVING.rivals, offer_chance_month=0.0))
EVERYBODY = np.arange(20_000)
DAY = 300  # of the world
DUE_ON = BEGINS + DAY + 9


def rivals_of(people: People, living: LivingParameters = LIVING) -> Rivals:
    return Rivals(CHANCES, people=people, living=living, begins_on=BEGINS_ON)


def paying_of(people: People, *, living: LivingParameters = LIVING, reminder_days: Sequence[int] = ()) -> Paying:
    return Paying(
        CHANCES, people=people, living=living, information=standard_information(), world=standard_parameters(),
        rivals=rivals_of(people, living), begins=BEGINS, reminder_days=reminder_days,
    )  # fmt: skip


def lives_with_lines(*, drawn_minor: int = 300_000) -> Lives:
    """Everybody has a line of 10,000 yuan, and owes something."""
    lives = Lives(len(EVERYBODY))
    for person in EVERYBODY.tolist():
        lives.opened(person, person + 1, limit_minor=1_000_000)
    lives.drawn_minor[:] = lives.owed_minor[:] = drawn_minor
    lives.available_minor -= drawn_minor
    lives.is_active[:] = True
    return lives


def paid(paying: Paying, *, daily_rate_ppm: int = 500, fee_ppm: int = 6_000) -> Payments:
    """What becomes of a bill of 3,000 yuan of everybody's."""
    told = {"number": 1, "closing_minor": 300_000, "minimum_minor": 30_000, "due_on": DUE_ON,
            "daily_rate_ppm": daily_rate_ppm, "fee_ppm": fee_ppm}  # fmt: skip
    bills = Bills(person=EVERYBODY, **{name: np.full(len(EVERYBODY), value) for name, value in told.items()})
    return paying.pay(bills, lives_with_lines(), today=BEGINS + DAY)


def among(some: npt.NDArray[np.bool_], others: npt.NDArray[np.bool_]) -> bool:
    """Whether some are among the others, and fewer."""
    return bool(np.all(others[some])) and int(some.sum()) < int(others.sum())


def test_a_dearer_price_makes_fewer_installments_and_nobody_chooses_them_for_it(people: People, shops: Shops) -> None:
    shopping = Shopping(CHANCES, people=people, shops=shops, living=LIVING, world=standard_parameters())

    def chosen(fee_ppm: int) -> npt.NDArray[np.int64]:
        told = [
            shopping.installments(person, 7_000 + person, amount_minor=200_000, most=24, fee_ppm=fee_ppm)
            for person in range(3_000)
        ]
        return np.asarray(told)

    free, usual, dear = chosen(0), chosen(6_000), chosen(12_000)
    assert among(dear > 0, usual > 0)
    assert among(usual > 0, free > 0)
    assert (dear[dear > 0] == usual[dear > 0]).all()  # in as many


def test_who_owes_pays_more_of_it_where_owing_is_dear(people: People) -> None:
    usual, dear = paid(paying_of(people)), paid(paying_of(people), daily_rate_ppm=1_000)
    in_full = [told.amount_minor == 300_000 for told in (usual, dear)]
    assert among(*in_full)
    assert (usual.is_unable == dear.is_unable).all()
    cheap, unsold = paid(paying_of(people), fee_ppm=2_000), paid(paying_of(people), fee_ppm=NOT_SOLD)
    assert among(usual.is_converted, cheap.is_converted)
    assert not unsold.is_converted.any()
    # a revolved balance falls by some tenth where its price rises by a tenth (Gross and Souleles: -1.3)
    revolving = [
        1 - (paid(paying_of(people), daily_rate_ppm=rate).amount_minor == 300_000).mean() for rate in (500, 550)
    ]
    assert -2.0 < np.log(revolving[1] / revolving[0]) / np.log(1.1) < -0.7


def test_a_cheaper_line_is_taken_by_more(people: People) -> None:
    contacts = Contacts(CHANCES, people=people, device_years=2.0, begins=BEGINS)
    applying = Applying(
        CHANCES, people=people, living=LIVING, information=standard_information(), contacts=contacts,
        rivals=rivals_of(people), begins_on=BEGINS_ON,
    )  # fmt: skip
    limits = np.full(len(EVERYBODY), 800_000)
    takes = [applying.accepts(EVERYBODY, limits, fee_ppm=np.full(len(EVERYBODY), fee)) for fee in (9_000, 6_000, 3_000)]
    assert among(takes[0], takes[1])
    assert among(takes[1], takes[2])
    need = people.traits.need
    assert need[takes[0]].mean() > need[takes[2]].mean()  # who takes a dear one needs it


def test_a_dearer_price_is_objected_to_by_who_needs_the_line_less(people: People) -> None:
    asking, lives = Asking(CHANCES, people=people, living=LIVING), lives_with_lines()
    lives.owed_minor[::2] = lives.drawn_minor[::2] = 0
    nobody = np.zeros(len(EVERYBODY), dtype=np.bool_)

    def told(fee_ppm: int, *, never: npt.NDArray[np.bool_] = nobody) -> dict[int, acts.AnyAct]:
        notices = pa.table({
            "change_id": EVERYBODY + 50_000, "line_id": EVERYBODY + 1,
            "previous_fee_ppm": np.full(len(EVERYBODY), 6_000), "fee_ppm": np.full(len(EVERYBODY), fee_ppm),
        })  # fmt: skip
        asked = asking.objections(notices, lives, today=BEGINS + DAY, never=never)
        return {each.planned.person: each.planned.act for each in asked}

    some, more = told(7_000), told(10_000)
    assert some.keys() < more.keys()
    assert not told(4_000)
    assert not told(10_000, never=~nobody)
    assert all(isinstance(act, acts.ObjectToTerms if person % 2 else acts.Leave) for person, act in more.items())
    [objection] = [act for act in more.values() if isinstance(act, acts.ObjectToTerms)][:1]
    assert objection.change_id == objection.line_id - 1 + 50_000
    objects = np.asarray(sorted(more))
    assert people.traits.need[objects].mean() < people.traits.need.mean()


def test_reminders_bring_the_forgetful_in_sooner_and_change_nothing_else(people: People) -> None:
    alone, early, both = (paid(paying_of(people, reminder_days=days)) for days in ((), (-3,), (-3, 3)))
    late = [told.on > DUE_ON for told in (alone, early, both)]
    assert 0.005 < late[0].mean() < 0.2
    assert among(late[1], late[0])
    heard = LIVING.paying.remind_heard_share
    assert abs(late[1].sum() / late[0].sum() - (1 - heard)) < 4 * np.sqrt(heard * (1 - heard) / late[0].sum())
    assert (late[1] == late[2]).all()  # after the due date a reminder comes too late for it,
    assert (both.on <= early.on).all()
    assert both.on[late[1]].mean() < early.on[late[1]].mean() - 1  # but not for the days that follow
    for other in (early, both):
        assert (other.amount_minor == alone.amount_minor).all()
        assert (other.is_unable == alone.is_unable).all()
    too_late = paid(paying_of(people, reminder_days=(-20,)))  # before the bill was there
    assert (too_late.on == alone.on).all()


def test_rivals_lend_to_the_good_and_the_needy_and_are_paid_back(people: People) -> None:
    rivals = rivals_of(people)
    lent = rivals.lent(EVERYBODY, day=DAY)
    has = lent.lines > 0
    assert 0.05 < has.mean() < 0.6
    assert people.traits.need[has].mean() > people.traits.need[~has].mean() + 0.2
    assert np.all((lent.owed_minor > 0) == has)
    assert np.all(lent.owed_minor <= lent.granted_minor)
    assert np.all((lent.month_minor > 0) == has)
    assert (rivals_of(people).lent(EVERYBODY[::-1], day=DAY).owed_minor[::-1] == lent.owed_minor).all()
    assert not rivals.lent(EVERYBODY, day=-40).lines.any()
    # one day for each is that day's answer, and no offer looks back
    earlier = rivals.lent(EVERYBODY, day=np.where(EVERYBODY % 2, DAY, 0))
    assert (earlier.lines[1::2] == lent.lines[1::2]).all()
    first = rivals.lent(EVERYBODY, day=0)
    assert (earlier.lines[::2] == first.lines[::2]).all()
    months = LIVING.rivals.lasts_months
    alone = replace(LIVING, rivals=replace(LIVING.rivals, offer_season=400.0, offer_chance_month=1e-36))
    november = rivals_of(people, alone)  # everybody is offered one then, and nobody in another month
    taken = november.lent(EVERYBODY, day=10.5 * MONTH_DAYS)
    assert np.all(taken.lines <= 1)
    later = november.lent(EVERYBODY, day=(10.5 + months / 2) * MONTH_DAYS)
    assert later.owed_minor.sum() == pytest.approx(taken.owed_minor.sum() / 2, rel=1e-3)
    assert later.granted_minor.sum() == taken.granted_minor.sum()


def test_offers_of_others_raise_what_is_owed_and_missed_and_take_orders(people: People, shops: Shops) -> None:
    with_them, without = paying_of(people), paying_of(people, living=NOBODY_LENDS)
    owed, before = (each.owed_elsewhere_minor(EVERYBODY, today=BEGINS + DAY) for each in (with_them, without))
    has = rivals_of(people).lent(EVERYBODY, day=DAY).lines > 0
    assert (owed[has] > before[has]).all()
    assert (owed[~has] == before[~has]).all()
    missed, missed_without = paid(with_them).is_unable, paid(without).is_unable
    assert among(missed_without, missed)
    assert not (missed & ~missed_without & ~has).any()

    shopping, lives = (
        Shopping(CHANCES, people=people, shops=shops, living=LIVING, world=standard_parameters()),
        lives_with_lines(drawn_minor=0),
    )
    nobody = np.zeros(len(EVERYBODY), dtype=np.bool_)
    alone = shopping.orders(lives, day=BEGINS + DAY, lift=3.0, barred=nobody)
    lives.rival_lines[:] = rivals_of(people).lent(EVERYBODY, day=DAY).lines
    beside = shopping.orders(lives, day=BEGINS + DAY, lift=3.0, barred=nobody)
    assert set(beside.number.tolist()) < set(alone.number.tolist())
    gone = ~np.isin(alone.number, beside.number)
    lines = lives.rival_lines[alone.person]
    share = LIVING.rivals.wallet_share
    assert not gone[lines == 0].any()
    assert abs(gone[lines == 1].mean() - share / (1 + share)) < 4 * np.sqrt(0.14 / (lines == 1).sum())


def test_the_bureau_tells_of_new_loans_a_month_or_two_late(people: People) -> None:
    information = standard_information()
    sure = replace(information.bureau, no_file_share=0.0, field_missing_share=0.0, mixed_up_share=0.0, stale_share=0.0)
    on = date(2026, 10, 28)

    def drawn(living: LivingParameters) -> list[int | None]:
        reports = bureau_reports(
            CHANCES, people, EVERYBODY[:2_000], on=on, stated_parameters=information.stated, parameters=sure,
            rivals=rivals_of(people, living),
        )  # fmt: skip
        return [None if each is None else each.open_lines for each in reports]

    seen = np.asarray([a != b for a, b in zip(drawn(LIVING), drawn(NOBODY_LENDS), strict=True)])
    rivals, day = rivals_of(people), (on - BEGINS_ON).days
    now, then = (rivals.lent(EVERYBODY[:2_000], day=day - lag).lines > 0 for lag in (0, sure.lag_days[1]))
    assert (then & ~seen).sum() < 0.05 * then.sum()  # who did not let it be asked
    fresh = now & ~then
    assert 0 < (fresh & seen).sum() < fresh.sum()


def test_who_comes_into_money_pays_what_is_owed_from_it(people: People) -> None:
    paying, lives = paying_of(people), lives_with_lines()
    lives.drawn_minor[:100] = 0
    lives.days_past_due[100:200] = 5
    who, amount, on = paying.windfalls(lives, month=4, today=BEGINS + DAY)
    assert abs(len(who) / 19_800 - LIVING.paying.windfall_chance_month) < 0.004
    assert who.min() >= 200
    assert (amount <= lives.drawn_minor[who]).all()
    assert (amount == 300_000).mean() > 0.5
    assert np.all((on >= BEGINS + DAY) & (on < BEGINS + DAY + 28))
