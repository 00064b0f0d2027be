"""Organized fraud as a plan: the same whatever the lender answers, and labelled after it happened."""

from dataclasses import fields, replace
from importlib.resources import files

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc
import pytest

from tallystick.storage.applications import Stated
from tallystick.world.economy.chances import Chances
from tallystick.world.economy.living_parameters import standard_living
from tallystick.world.economy.people import People, cities_of
from tallystick.world.economy.ring_cases import NAMES, NEVER, OWN
from tallystick.world.economy.rings import LinesOfPeople, RingPurchases, Rings, forged, plan_rings
from tallystick.world.economy.rings_parameters import FraudParameters, Kind, parse_fraud, standard_fraud
from tallystick.world.economy.shops import CATEGORIES, Shops
from tallystick.world.parameter_files import WorldParameterFaults

CHANCES = Chances(5)
CITIES = cities_of(standard_living())
FRAUD = standard_fraud()
DAYS = 600
PLANNED_DAYS = FRAUD.rings.periods * FRAUD.rings.period_days
LEAST_MINOR = FRAUD.rings.least_order_minor
ALL = np.arange(20_000)


def first_ones(people: People, count: int) -> People:
    """A smaller world's people."""

    def cut(columns: object) -> dict[str, object]:
        return {each.name: getattr(columns, each.name)[:count] for each in fields(columns)}  # type: ignore[arg-type]

    traits = replace(people.traits, **cut(people.traits))  # type: ignore[arg-type]
    others = {each.name: getattr(people, each.name)[:count] for each in fields(people) if each.name != "traits"}
    return People(traits=traits, **others)


def with_rates(rate: float) -> FraudParameters:
    return replace(FRAUD, kinds=tuple(replace(each, rate=rate) for each in FRAUD.kinds))


def lines_of(
    available_minor: int, *, is_open: npt.NDArray[np.bool_] | None = None, count: int = 20_000
) -> LinesOfPeople:
    has = np.ones(count, dtype=np.bool_) if is_open is None else is_open
    return LinesOfPeople(
        line_id=np.arange(count) + 1, available_minor=np.full(count, available_minor) * has, is_open=has
    )


@pytest.fixture(scope="module")
def rings(people: People, shops: Shops) -> Rings:
    return plan_rings(CHANCES, people, shops, days=DAYS, cities=CITIES, parameters=FRAUD)


@pytest.fixture(scope="module")
def purchases(rings: Rings) -> list[RingPurchases]:
    """What is bought on each day where everybody has 5,000 yuan left, every morning."""
    return [rings.purchases_on(day, lines_of(500_000)) for day in range(DAYS)]


def column(purchases: list[RingPurchases], name: str, *, kind: Kind | None = None) -> npt.NDArray[np.int64]:
    return np.concatenate(
        [getattr(each, name)[(each.kind == kind) if kind is not None else slice(None)] for each in purchases]
    )


def _busiest(purchases: list[RingPurchases]) -> list[int]:
    """The twenty days on which most is bought."""
    return sorted(range(len(purchases)), key=lambda day: -len(purchases[day].number))[:20]


def test_a_larger_world_begins_with_the_smaller_ones_cases(people: People, shops: Shops, rings: Rings) -> None:
    smaller = plan_rings(CHANCES, first_ones(people, 3_000), shops, days=DAYS, cities=CITIES, parameters=FRAUD)
    among = rings.cases.person < 3_000
    assert 50 < among.sum() == len(smaller.cases.person)
    for each in fields(rings.cases):
        assert np.array_equal(getattr(rings.cases, each.name)[among], getattr(smaller.cases, each.name)), each.name
    theirs = rings.cases.person[rings.orders.case] < 3_000
    assert np.array_equal(rings.orders.number[theirs], smaller.orders.number)
    assert np.array_equal(rings.orders.on[theirs], smaller.orders.on)
    assert np.array_equal(rings.orders.claims_on[theirs], smaller.orders.claims_on)


def test_a_longer_world_begins_with_the_shorter_ones_truth(people: People, shops: Shops, rings: Rings) -> None:
    shorter = plan_rings(CHANCES, people, shops, days=180, cities=CITIES, parameters=FRAUD).truth()
    assert 0 < shorter.num_rows < rings.truth().num_rows
    assert shorter.equals(rings.truth().filter(pc.field("from_day") < 180))


def test_another_seed_plans_another_fraud(people: People, shops: Shops, rings: Rings) -> None:
    other = plan_rings(Chances(6), people, shops, days=DAYS, cities=CITIES, parameters=FRAUD)
    assert len(np.intersect1d(other.cases.person, rings.cases.person)) < 0.2 * len(rings.cases.person)


def test_what_the_lender_answers_changes_amounts_only(rings: Rings, purchases: list[RingPurchases]) -> None:
    """Two lenders who gave different limits face the same frauds of the same persons at the same time."""
    for day in _busiest(purchases):
        rich = rings.purchases_on(day, lines_of(5_000_000))
        tried = np.isin(rich.number, purchases[day].number)  # where little was left, the last ones are not worth a try
        assert tried.sum() == len(purchases[day].number) > 0
        for name in ("number", "person", "seconds", "device", "confirms", "found_out_on", "city"):
            assert np.array_equal(getattr(rich, name)[tried], getattr(purchases[day], name)), name
        assert np.all(rich.amount_minor[tried] > purchases[day].amount_minor)


def test_a_line_that_is_closed_changes_nothing_on_the_others(rings: Rings, purchases: list[RingPurchases]) -> None:
    is_even = ALL % 2 == 0
    for day in _busiest(purchases):
        told = rings.purchases_on(day, lines_of(500_000, is_open=is_even))
        kept = purchases[day].person % 2 == 0
        assert 0 < len(told.number) < len(purchases[day].number)
        for each in fields(told):
            assert np.array_equal(getattr(told, each.name), getattr(purchases[day], each.name)[kept]), each.name


def test_amounts_fit_what_a_line_has_left_and_numbers_are_used_once(purchases: list[RingPurchases]) -> None:
    for told in purchases:
        assert np.all(told.amount_minor >= LEAST_MINOR)
        assert np.all(told.amount_minor % 100 == 0)
        assert np.bincount(told.person, weights=told.amount_minor, minlength=1).max() <= 500_000
        assert np.all(np.diff(told.seconds) >= 0)
    numbers = column(purchases, "number")
    assert len(np.unique(numbers)) == len(numbers)


def test_cases_and_what_is_found_out_have_their_shares(rings: Rings) -> None:
    told = rings.cases
    assert len(np.unique(told.person)) == len(told.person)
    for kind, parameters in zip(Kind, FRAUD.kinds, strict=True):
        of_kind = told.kind == kind
        expected = FRAUD.case_share(kind) * len(ALL)
        assert abs(of_kind.sum() - expected) < 4.5 * np.sqrt(expected), kind
        never = np.mean(told.found_out_on[of_kind] == NEVER)
        assert abs(never - parameters.never_found_share) < 4.5 * np.sqrt(0.25 / expected), kind
        found = of_kind & (told.found_out_on != NEVER)
        delay = told.found_out_on[found] - told.ends_on[found]
        assert delay.min() >= 1
        assert 0.5 < np.median(delay) / parameters.found_median_days < 2.6, kind  # claims come before
        members = np.unique(told.ring[of_kind], return_counts=True)[1]
        assert 0.4 * parameters.members < members.mean() < 1.5 * parameters.members, kind


def test_the_dishonest_turn_to_it_and_anybody_is_a_victim(people: People, rings: Rings) -> None:
    honesty = [people.traits.honesty[rings.cases.person[rings.cases.kind == kind]].mean() for kind in Kind]
    assert honesty[Kind.BUST_OUT] < -0.6
    assert honesty[Kind.REFUND_ABUSE] < -0.5
    assert honesty[Kind.COLLUSION] < -0.3
    assert max(abs(honesty[kind]) for kind in (Kind.TAKEOVER, *NAMES)) < 0.25


def test_labels_and_claims_come_after_the_purchase(rings: Rings, purchases: list[RingPurchases]) -> None:
    """A victim's dispute comes before the label; whoever lies is found out after the last lie."""
    bought_on = {int(number): day for day, told in enumerate(purchases) for number in told.number}
    found_on = {
        int(number): int(on) for told in purchases for number, on in zip(told.number, told.found_out_on, strict=True)
    }
    kind_of = dict(zip(rings.cases.person.tolist(), rings.cases.kind.tolist(), strict=True))
    claims = [(day, claim) for day in range(DAYS + 30) for claim in [rings.claims_on(day)] if len(claim.number)]
    seen = 0
    for day, claim in claims:
        for number, person, is_false in zip(claim.number, claim.person, claim.is_false, strict=True):
            assert is_false == (kind_of[int(person)] != Kind.TAKEOVER)
            if (on := bought_on.get(int(number))) is not None:
                seen += 1
                assert on < day
                assert found_on[int(number)] == NEVER or day < found_on[int(number)]
                assert is_false or found_on[int(number)] != NEVER
    assert seen > 1_000
    for day, told in enumerate(purchases):
        assert np.all((told.found_out_on == NEVER) | (told.found_out_on > day))


def test_names_apply_from_the_rings_things_and_are_used_for_nothing_else(
    rings: Rings, purchases: list[RingPurchases]
) -> None:
    applied = [(day, rings.applications_on(day)) for day in range(PLANNED_DAYS)]
    person = np.concatenate([told.person for _, told in applied])
    assert sorted(person) == np.flatnonzero(rings.names_only()).tolist()
    device, kind, ring = (
        np.concatenate([getattr(told, name) for _, told in applied]) for name in ("device", "kind", "ring")
    )
    assert device.min() > OWN
    for number in np.unique(ring):
        used, which = np.unique(device[ring == number]), kind[ring == number][0]
        assert len(used) <= FRAUD.rings.devices[which]
    per_device = [np.mean(np.unique(device[kind == each], return_counts=True)[1]) for each in NAMES]
    assert per_device[1] > 1.5 * per_device[0]  # a farm has a handful of devices
    day_of = {int(each): day for day, told in applied for each in told.person}
    for day, told_on in enumerate(purchases):
        for each in told_on.person[np.isin(told_on.kind, NAMES)]:
            assert day > day_of[int(each)]
        assert rings.never_pays(day)[told_on.person[told_on.kind == Kind.STOLEN_IDENTITY]].all()


def test_takeovers_come_from_elsewhere_by_night_and_fail_the_second_factor(
    people: People, rings: Rings, purchases: list[RingPurchases]
) -> None:
    def told(name: str) -> npt.NDArray[np.int64]:
        return column(purchases, name, kind=Kind.TAKEOVER)

    assert np.all(told("city") != people.city[told("person")])
    assert told("device").min() > OWN
    assert told("phone").max() == OWN  # the phone is the victim's, so is the code sent to it
    night = FRAUD.kinds[Kind.TAKEOVER].night_share
    assert abs(np.mean(told("seconds") < 6 * 3_600) - night) < 0.05
    assert 0.01 < told("confirms").mean() < 0.12
    resold = np.array([each.is_resold for each in CATEGORIES])
    assert resold[told("category")].mean() > 0.9
    cases = rings.cases
    is_takeover = cases.kind == Kind.TAKEOVER
    assert (cases.ends_on - cases.begins_on)[is_takeover].max() <= 2
    assert cases.never_pays_from[is_takeover].max() == NEVER


def test_bust_outs_behave_then_ask_then_draw_all_and_vanish(people: People, rings: Rings) -> None:
    cases = rings.cases
    rows = np.flatnonzero(cases.kind == Kind.BUST_OUT)
    good_days = FRAUD.rings.acts_after_days[Kind.BUST_OUT]
    assert np.all(cases.begins_on[rows] >= people.hears_on[cases.person[rows]] + good_days)
    row = rows[np.argmin(np.abs(cases.begins_on[rows] - 400))]
    person, day = cases.person[row], int(cases.begins_on[row])
    assert rings.behaves_well(day - 1)[person]
    assert not rings.never_pays(day - 1)[person]
    assert not rings.behaves_well(day)[person]
    assert rings.never_pays(day)[person]
    assert rings.never_pays(day + 500)[person]
    assert person in rings.limit_requests_on(day - FRAUD.rings.asks_before_days)
    assert np.isin(rings.cases.person[rings.cases.asks_on != NEVER], cases.person[rows]).all()


def test_a_colluding_shop_sends_nothing_and_its_straw_buyers_are_many(
    rings: Rings, purchases: list[RingPurchases]
) -> None:
    def told(name: str) -> npt.NDArray[np.int64]:
        return column(purchases, name, kind=Kind.COLLUSION)

    assert not told("has_goods").any()
    assert column(purchases, "has_goods").mean() > 0.7
    shops_of_rings = set(zip(told("ring").tolist(), told("shop").tolist(), strict=True))
    assert len(shops_of_rings) == len(np.unique(told("ring")))
    assert np.array_equal(rings.shops.category[told("shop")], told("category"))
    crowd = rings.shops.crowd
    assert crowd[told("shop")].max() <= np.median(crowd)


def test_large_orders_are_phones_and_computers_small_ones_are_top_ups(rings: Rings) -> None:
    for available_minor, names in ((2_000_000, {"phones", "computers"}), (60_000, {"top_up"})):
        seen: set[str] = set()
        for day in range(0, 300, 10):
            told = rings.purchases_on(day, lines_of(available_minor))
            large = (told.amount_minor >= 100_000) == (available_minor > 100_000)
            is_told = large & np.isin(told.kind, (Kind.TAKEOVER, *NAMES))
            seen |= {CATEGORIES[each].name for each in told.category[is_told]}
        assert names <= seen


def test_the_truth_names_every_case_once(rings: Rings) -> None:
    truth = rings.truth()
    assert truth.num_rows == int((rings.cases.begins_on < DAYS).sum())
    assert set(truth["kind"].to_pylist()) == {kind.name.lower() for kind in Kind}
    assert pc.all(pc.greater_equal(truth["until_day"], truth["from_day"])).as_py()
    assert truth["shop"].null_count == truth.num_rows - truth["kind"].to_pylist().count("collusion")
    assert truth["device"].null_count > 0 < truth["found_out_day"].null_count


def test_rings_state_more_and_some_stolen_faces_fail(rings: Rings) -> None:
    for day in range(DAYS):
        applications = rings.applications_on(day)
        if len(applications.person):
            break
    many = replace(applications, person=ALL, kind=np.where(ALL % 2, Kind.DEVICE_FARM, Kind.STOLEN_IDENTITY))
    told = forged(CHANCES, [Stated(income_month_minor=500_000, is_student=True)] * len(ALL), many, rings=FRAUD.rings)
    assert {each.income_month_minor for each in told} == {800_000}
    assert all(each.bureau_consent_is_given and each.documents_are_complete and not each.is_student for each in told)
    assert all(each.face_is_matched and each.identity_is_verified for each in told[1::2])
    assert abs(np.mean([each.face_is_matched for each in told[::2]]) - FRAUD.rings.face_passes_share) < 0.02
    assert abs(np.mean([each.identity_is_verified for each in told[::2]]) - FRAUD.rings.papers_pass_share) < 0.02
    unknown = forged(CHANCES, [Stated()], replace(many, person=ALL[:1], kind=ALL[:1]), rings=FRAUD.rings)
    assert unknown[0].income_month_minor is None


@pytest.mark.parametrize("seed", range(6))
def test_one_person_and_one_city_are_a_world_too(people: People, shops: Shops, seed: int) -> None:
    told = plan_rings(
        Chances(seed), first_ones(people, 1), shops, days=DAYS, cities=1, parameters=with_rates(27.0)
    )  # every second person is in a case
    assert len(told.cases.person) <= 1
    for day in np.unique(told.orders.on).tolist():
        bought = told.purchases_on(day, lines_of(500_000, count=1))
        assert len(bought.number) > 0
        assert set(bought.city.tolist()) <= {0, int(people.city[0])}
    begun = [len(told.applications_on(day).person) for day in range(PLANNED_DAYS)]
    assert sum(begun) == int(told.names_only().sum())
    assert told.truth().num_rows == int((told.cases.begins_on < DAYS).sum())


def test_a_world_without_rings_has_no_fraud(people: People, shops: Shops) -> None:
    told = plan_rings(CHANCES, people, shops, days=DAYS, cities=CITIES, parameters=with_rates(0.0))
    assert told.truth().num_rows == 0
    assert not told.names_only().any()
    assert not told.never_pays(500).any()
    for day in (0, 500):
        assert len(told.purchases_on(day, lines_of(500_000)).number) == 0
        assert len(told.applications_on(day).person) == len(told.claims_on(day).number) == 0
    assert forged(CHANCES, [], told.applications_on(0), rings=FRAUD.rings) == []


def test_worlds_and_parameters_that_cannot_be_are_refused(people: People, shops: Shops) -> None:
    with pytest.raises(ValueError, match="days is 0: a world has at least one"):
        plan_rings(CHANCES, people, shops, days=0, cities=CITIES, parameters=FRAUD)
    with pytest.raises(ValueError, match="cities is 0"):
        plan_rings(CHANCES, people, shops, days=1, cities=0, parameters=FRAUD)
    text = files("tallystick.world.economy").joinpath("rings.toml").read_text(encoding="utf-8")
    with pytest.raises(WorldParameterFaults, match="more than 50%"):
        parse_fraud(text.replace("rate = { value = 10.0", "rate = { value = 160.0"))
    with pytest.raises(WorldParameterFaults, match=r"rings\.spell_days is longer"):
        parse_fraud(text.replace("spell_days = { value = 28", "spell_days = { value = 200"))
    with pytest.raises(WorldParameterFaults, match=r"takeover\.night_share 2 is not between 0 and 1"):
        parse_fraud(text.replace("night_share = { value = 0.65", "night_share = { value = 2"))
