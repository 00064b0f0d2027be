"""The days of the economy: what people, shops, banks and analysts do, in order, and what follows from the answers."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import IntEnum
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tallystick.world.economy import acts
from tallystick.world.economy.acts import DONE, Answer, AnyAct, Happened, Lender, Step
from tallystick.world.economy.analysts import judgments
from tallystick.world.economy.applying import Applying
from tallystick.world.economy.asking import Asked, Asking
from tallystick.world.economy.chances import Chances
from tallystick.world.economy.contacts import Contacts
from tallystick.world.economy.deliveries import Fate
from tallystick.world.economy.diary import Diary
from tallystick.world.economy.economy_parameters import EconomyParameters
from tallystick.world.economy.lives import FraudDraw, Lives, Order, Planned, day_number
from tallystick.world.economy.ordering import Ordering, ring_order_number
from tallystick.world.economy.paying import NOT_SOLD, Bills, Paying, as_rings_pay
from tallystick.world.economy.people import People, cities_of, draw_people
from tallystick.world.economy.plan import WorldPlan
from tallystick.world.economy.review_texts import review_texts
from tallystick.world.economy.rings import Rings, plan_rings
from tallystick.world.economy.rivals import Rivals
from tallystick.world.economy.seasons import job_found_factor, job_loss_factor, unemployment
from tallystick.world.economy.shopping import Shopping
from tallystick.world.economy.shops import CATEGORIES, Shops, open_shops

Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

_CHARGED_OFF_FROM: Final = 181


class Moment(IntEnum):
    """The moments of a day at which something that was planned is done; the hour is each one's value."""

    MORNING = 8
    SHIPPING = 9
    BILLS = 19


_PLACE_OF_CATEGORY: Final = {each.name: place for place, each in enumerate(CATEGORIES)}
_LAST_HOUR: Final = 23
_APPLYING_HOUR: Final = 10
_ACCEPTING_HOUR: Final = 11
_ANALYSTS_HOUR: Final = 22


class Auditing(Protocol):
    """Who keeps books of his own, is told everything, and looks every evening whether the lender's agree."""

    def note(self, step: Step, done: Sequence[AnyAct], answers: Sequence[Answer]) -> None:
        """What was done, and what it came to."""


class Life:
    """A world that lives with a lender, day by day.

    `live` a day at a time; between two days all of the world's state is `lives` and `diary`. `waits` is called with
    the instant of each step before it is done: a world that is watched lets the time pass there.
    """

    def __init__(
        self,
        plan: WorldPlan,
        lender: Lender,
        *,
        parameters: EconomyParameters,
        zone: tzinfo,
        auditor: Auditing | None = None,
        waits: Callable[[datetime], None] = lambda _: None,
        lives: Lives | None = None,
        diary: Diary | None = None,
    ) -> None:
        self.plan, self._lender, self._zone, self._auditor, self._waits = plan, lender, zone, auditor, waits
        living, information, world = parameters.living, parameters.information, parameters.world
        self._living, self._information, self._world = living, information, world
        self.chances = Chances(plan.seed, luck=plan.luck)
        cities = cities_of(living)
        self.people: People = draw_people(
            self.chances, count=plan.borrowers, begins_on=plan.begins_on, living=living, world=world
        )
        self.shops: Shops = open_shops(self.chances, shops=living.shops, cities=cities)
        begins = day_number(plan.begins_on)
        self._shopping = Shopping(self.chances, people=self.people, shops=self.shops, living=living, world=world)
        self._rivals = Rivals(self.chances, people=self.people, living=living, begins_on=plan.begins_on)
        self._paying = Paying(
            self.chances, people=self.people, living=living, information=information, world=world,
            rivals=self._rivals, begins=begins, reminder_days=plan.reminder_days,
        )  # fmt: skip
        self._asking = Asking(self.chances, people=self.people, living=living)
        contacts = Contacts(self.chances, people=self.people, device_years=living.people.device_years, begins=begins)
        self._applying = Applying(
            self.chances, people=self.people, living=living, information=information, contacts=contacts,
            rivals=self._rivals, begins_on=plan.begins_on,
        )  # fmt: skip
        self._fraud = parameters.fraud
        self.rings: Rings = plan_rings(
            self.chances, self.people, self.shops, days=len(plan.days), cities=cities, parameters=parameters.fraud
        )
        self._ordering = Ordering(
            self.chances, people=self.people, shops=self.shops, shopping=self._shopping, contacts=contacts,
            rings=self.rings, seasons=living.seasons, deliveries=information.deliveries, begins=begins,
        )  # fmt: skip
        self._names = self.rings.names_only()
        self.lives = lives or Lives(plan.borrowers)
        self.diary = diary or Diary()
        self._day, self._today, self._place, self._steps = plan.begins_on, begins, 0, 0
        self._is_gone = self._names
        # Of the day's parcels person, order, category, fate and when that is known.
        self._shipped: list[tuple[int, int, int, int, int]] = []

    # The day.

    def live(self, day: date) -> None:
        """One day, from its begin to its evening."""
        self._day, self._today, self._steps = day, day_number(day), 0
        self._place = self._today - day_number(self.plan.begins_on)
        self._is_gone = self._names | self.rings.never_pays(self._place)
        month, lives = self.plan.month_of(day), self.lives
        morning = self._lender.begin(day, at=self._at(0))
        lives.learn(morning.standing)
        if day.day == 1:
            self._turn_month(month)
        if month >= self.plan.reviews_from_month and day.day == 1:
            self._answer_limits(self._lender.review_limits(day, at=self._at(1)))
        self._plan_asked(self._asking.objections(morning.notices, lives, today=self._today, never=self._never_asks))
        self._read_bills(morning.statements)
        self._claim()
        wishes = self._ordering.wishes(lives, day=day, barred=self._is_gone)
        self.diary.wished(day, wishes)
        orders = self._ordering.orders(wishes, lives, day=day)
        self._buy(orders, until=4)
        self._give_up()
        self._do_planned(Moment.MORNING)
        self._do_planned(Moment.SHIPPING)
        self._apply()
        self._buy(orders, until=12)
        self._buy(orders, until=17)
        self._do_planned(Moment.BILLS)
        self._buy(orders, until=21)
        self._judge()
        self._buy(orders, until=24)
        self._write_reviews()

    def _at(self, hour: int) -> datetime:
        return datetime.combine(self._day, time(hour), tzinfo=self._zone).astimezone(UTC)

    def _do(self, hour: int, planned: Sequence[Planned]) -> list[Answer]:
        """One step; nothing planned, no step."""
        if not planned:
            return []
        step = self._next_step(hour)
        self._waits(step.at)
        done = [each.act for each in planned]
        answers = self._lender.do(step, done)
        if self._auditor is not None:
            self._auditor.note(step, done, answers)
        for each, answer in zip(planned, answers, strict=True):
            self.diary.note(step, each, answer)
            self._follow(each, answer)
        return answers

    def _next_step(self, hour: int) -> Step:
        self._steps += 1
        return Step(self._day, self._steps, self._at(hour) + timedelta(seconds=self._steps))

    def _do_planned(self, moment: Moment) -> None:
        self._do(moment.value, self.lives.agenda.due(self._today, moment.value))

    def _later(self, days: int, moment: Moment, planned: Planned) -> None:
        """Something for a day to come; what the world does not live to see is not planned."""
        self.lives.agenda.plan(self._today + max(days, 1), moment.value, planned)

    # The month.

    def _turn_month(self, month: int) -> None:
        """Work is lost and found, habits change, some ask for more, and some leave or come back from arrears."""
        number, lives, living = np.arange(len(self.people)), self.lives, self._living
        borrowers, seasons = self._world.borrowers, living.seasons
        rate = unemployment(
            month, climate=self.plan.climate, seasons=seasons, begins=self.plan.recession_month,
            rise=self.plan.recession_rise,
        )  # fmt: skip
        lost = min(1.0, borrowers.job_loss_month * job_loss_factor(rate, seasons))
        found = borrowers.job_found_month * job_found_factor(rate, seasons)
        chance = np.where(lives.is_jobless, 1.0 - found, lost)
        lives.is_jobless = self.chances.happens("month/work", number, at=month, chance=chance)
        lives.is_active = self._shopping.habits(lives, month=month)
        lives.rival_lines = self._rivals.lent(number, day=self._place).lines
        for why, told in (
            ("back", self._paying.come_back(lives, month=month, today=self._today)),
            ("windfall", self._paying.windfalls(lives, month=month, today=self._today)),
        ):
            for person, amount, on in zip(*(column.tolist() for column in told), strict=True):
                if not self._is_gone[person]:
                    self._plan_payment(person, amount, on, name=f"{why} {month}")
        self._plan_asked(self._asking.of_month(lives, month=month, is_gone=self._is_gone))
        self.diary.month(month, lives, elsewhere_minor=self._paying.owed_elsewhere_minor(number, today=self._today))

    def _plan_asked(self, asked: Sequence[Asked]) -> None:
        for each in asked:
            self._later(each.days, Moment.MORNING, each.planned)

    @property
    def _never_asks(self) -> Flags:
        """Names and busts-to-be take whatever they are told."""
        return self._names | self.rings.behaves_well(self._place)

    def _answer_limits(self, offers: pa.Table) -> None:
        if offers.num_rows:
            self._plan_asked(self._asking.answers(offers, self.lives, today=self._today, always=self._never_asks))

    # Bills.

    def _read_bills(self, told: pa.Table) -> None:
        """What was billed last night, and when each one pays it."""
        if not told.num_rows:
            return
        columns = {name: told[name].to_numpy() for name in ("line_id", "number", "closing_minor", "minimum_minor")}
        bills = Bills(
            person=self.lives.person_of(columns["line_id"]),
            number=columns["number"],
            closing_minor=columns["closing_minor"],
            minimum_minor=columns["minimum_minor"],
            due_on=told["due_on"].cast("int32").to_numpy().astype(np.int64),
            daily_rate_ppm=_told_or(told, "daily_rate_ppm", self._living.prices.usual_daily_rate_ppm),
            fee_ppm=_told_or(told, "fee_ppm", self._living.prices.usual_fee_ppm),
        )
        paid = as_rings_pay(
            self._paying.pay(bills, self.lives, today=self._today),
            bills,
            is_gone=self._is_gone[bills.person],
            behaves_well=self.rings.behaves_well(self._place)[bills.person],
        )
        self.diary.bills(self._day, bills, paid)
        for place in np.flatnonzero(paid.amount_minor > 0).tolist():
            person = int(bills.person[place])
            name = f"bill {int(bills.number[place])}"
            self._plan_payment(person, int(paid.amount_minor[place]), int(paid.on[place]), name=name)
        for place in np.flatnonzero(paid.is_converted).tolist():
            person = int(bills.person[place])
            left = int(bills.closing_minor[place] - bills.minimum_minor[place])
            act = acts.ConvertBill(
                line_id=int(self.lives.line_id[person]),
                statement_number=int(bills.number[place]),
                amount_minor=left // 10_000 * 10_000,
                installments=6 if left < 6 * self.people.free_income_minor[person] / 4 else 12,
            )
            if act.amount_minor:
                self._later(1, Moment.MORNING, Planned(act=act, person=person))

    def _plan_payment(self, person: int, amount_minor: int, on: int, *, name: str) -> None:
        reference = f"{person}/{name}/{self._today}"
        act = acts.Pay(line_id=int(self.lives.line_id[person]), amount_minor=amount_minor, reference=reference)
        self.lives.agenda.plan(max(on, self._today), Moment.BILLS.value, Planned(act=act, person=person))

    def _give_up(self) -> None:
        """The lender writes off what is half a year past due."""
        lives = self.lives
        lost = np.flatnonzero(lives.is_open & (lives.days_past_due >= _CHARGED_OFF_FROM))
        planned = [
            Planned(act=acts.ChargeOff(line_id=int(lives.line_id[person]), reason="181 days past due"), person=person)
            for person in lost.tolist()
        ]
        self._do(Moment.MORNING.value, planned)

    # Applications and limits.

    def _apply(self) -> None:
        honest = self._applying.applicants(self.lives, today=self._today)
        honest = honest[~self._names[honest]]
        ring = self.rings.applications_on(self._place)
        who = np.concatenate([honest, ring.person])
        if not len(who):
            return
        asked = [
            *self._applying.applications(honest, self.lives, on=self._day),
            *self._applying.applications_of_rings(ring, self.lives, on=self._day, parameters=self._fraud.rings),
        ]
        planned = [Planned(act=act, person=person) for act, person in zip(asked, who.tolist(), strict=True)]
        answers = self._do(_APPLYING_HOUR, planned)
        offered = [place for place, answer in enumerate(answers) if answer.outcome == Happened.OFFER]
        people = who[offered]
        limits = np.asarray([answers[place].amount_minor for place in offered], dtype=np.int64)
        accepts = self._applying.accepts(people, limits, fee_ppm=self._fees([answers[place] for place in offered]))
        accepts |= self._names[people]
        taken = [
            Planned(
                act=acts.AcceptLine(application_id=answers[place].number, accepts=bool(does)), person=int(person)
            )
            for place, person, does in zip(offered, people.tolist(), accepts.tolist(), strict=True)
        ]  # fmt: skip
        self._do(_ACCEPTING_HOUR, taken)

    # Orders.

    def _buy(self, orders: list[tuple[float, Planned]], *, until: int) -> None:
        """The orders before an hour, made together then; a line's second one waits for the first one's answer."""
        due = [planned for hour, planned in orders if hour < until]
        del orders[: len(due)]
        while due:
            first: dict[int, Planned] = {}
            for each in due:
                first.setdefault(each.person, each)
            self._do(min(until, _LAST_HOUR), list(first.values()))
            due = [each for each in due if first[each.person] is not each]

    def _claim(self) -> None:
        """Victims, and rings that want their money back, dispute what went through; also, bust-outs ask for more."""
        claims, lives = self.rings.claims_on(self._place), self.lives
        for number, is_won in zip(claims.number.tolist(), claims.is_won.tolist(), strict=True):
            draw = lives.frauds.pop(ring_order_number(number), None)
            if draw is not None and is_won:
                act = acts.Refund(
                    line_id=draw.line_id, draw_id=draw.draw_id, amount_minor=draw.amount_minor, is_forced=True
                )
                self._later(self._living.shopping.dispute_days, Moment.MORNING, Planned(act=act, person=draw.person))
        for person in self.rings.limit_requests_on(self._place).tolist():
            if lives.is_open[person]:
                self._plan_asked([self._asking.more(person, lives, days=1)])

    # What follows.

    def _follow(self, planned: Planned, answer: Answer) -> None:
        follow: Callable[[Planned, Answer], None] | None = {
            acts.Apply: self._follow_application,
            acts.AcceptLine: self._follow_line,
            acts.Buy: self._follow_purchase,
            acts.Capture: self._follow_capture,
            acts.Pay: self._follow_payment,
            acts.AskLimit: self._follow_asking,
            acts.Leave: self._follow_leaving,
        }.get(type(planned.act))
        if follow is not None:
            follow(planned, answer)

    def _follow_application(self, planned: Planned, answer: Answer) -> None:
        lives, person = self.lives, planned.person
        lives.applied_on[person], lives.application_id[person] = self._today, answer.number
        lives.times_applied[person] += 1

    def _follow_line(self, planned: Planned, answer: Answer) -> None:
        assert isinstance(planned.act, acts.AcceptLine)
        if planned.act.accepts and answer.outcome == DONE:
            self.lives.opened(planned.person, answer.number, limit_minor=answer.amount_minor)

    def _follow_purchase(self, planned: Planned, answer: Answer) -> None:
        order = planned.order
        assert order is not None
        lives = self.lives
        if order.found_on is not None and answer.number:
            label = Planned(act=acts.Label(decision_id=answer.number, is_fraud=True), person=planned.person)
            self._later(order.found_on - self._today, Moment.MORNING, label)
        if answer.outcome in (Happened.APPROVE, Happened.REVIEW):
            lives.available_minor[planned.person] -= order.amount_minor
        if answer.outcome == Happened.REVIEW:
            lives.waiting[answer.number] = order
        elif answer.outcome == Happened.APPROVE:
            self._ship(order, answer)

    def _ship(self, order: Order, bought: Answer) -> None:
        """The shop ships, on the next day at the earliest, and claims its money then; or the order is off."""
        shopping, number, days = self._living.shopping, order.order, order.ships_on - self._today
        decision_id = bought.number
        if self.chances.happens("order/cancelled", number, chance=shopping.cancelled_share):
            self._later(days, Moment.SHIPPING, Planned(act=acts.Void(decision_id=decision_id), person=order.person))
            return
        amount = order.amount_minor
        if self.chances.happens("order/freight", number, chance=shopping.more_than_held_share):
            amount += amount // 50
        installments = self._shopping.installments(
            order.person, number, amount_minor=amount, most=bought.most_installments,
            fee_ppm=self._living.prices.fee_ppm(bought.fee_ppm),
        )  # fmt: skip
        act = acts.Capture(
            decision_id=decision_id, amount_minor=amount, installments=installments, price_code=bought.price_code
        )
        order = order.shipped(self._today + max(days, 1))
        self._later(days, Moment.SHIPPING, Planned(act=act, person=order.person, order=order))

    def _follow_capture(self, planned: Planned, answer: Answer) -> None:
        """What was shipped is lost or broken and given back for, or returned, or disputed; and some write about it."""
        order = planned.order
        assert order is not None
        if answer.outcome != DONE:
            return
        number, fate, line_id = order.order, Fate(order.fate), int(self.lives.line_id[order.person])
        if order.kind:
            self.lives.frauds[number] = FraudDraw(order.person, line_id, answer.number, answer.amount_minor)
            if fate is Fate.FAKE:
                self._may_write(order, fate, known_on=order.arrives_on)
            return
        back = self._shopping.given_back(order, shipped_on=self._today)
        if back.share:
            amount = max(1, int(answer.amount_minor * back.share))
            act = acts.Refund(line_id=line_id, draw_id=answer.number, amount_minor=amount, is_forced=back.is_forced)
            self._later(back.on - self._today, Moment.MORNING, Planned(act=act, person=order.person, order=order))
        is_here = back.fate not in (Fate.LOST, Fate.REFUNDED)
        self._may_write(order, back.fate, known_on=order.arrives_on if is_here else back.on)

    def _may_write(self, order: Order, fate: Fate, *, known_on: int) -> None:
        category = _PLACE_OF_CATEGORY[order.category]
        self._shipped.append((order.person, order.order, category, int(fate), known_on))

    def _write_reviews(self) -> None:
        """What buyers, or who is paid for it, may write about the day's parcels, some days after those went so."""
        if not self._shipped:
            return
        person, number, category, fate, known_on = (np.asarray(column) for column in zip(*self._shipped, strict=True))
        self._shipped.clear()
        days = self._information.reviews.written_after_days
        on = known_on + (self.chances.uniform("review/after", number) * days).astype(np.int64)
        told = review_texts(self.chances, number, category=category, fate=fate, parameters=self._information.reviews)
        writes = np.isin(number, told.order)
        self.diary.reviews(on[writes], person[writes], told)

    def _follow_payment(self, planned: Planned, answer: Answer) -> None:
        """Banks take some payments back, and some callbacks come twice."""
        assert isinstance(planned.act, acts.Pay)
        if answer.outcome != DONE or answer.is_repeat:
            return
        paying, number = self._living.paying, planned.person
        if self.chances.happens("payment/twice", number, at=self._today, chance=paying.twice_chance):
            self._later(1, Moment.BILLS, planned)
        elif self.chances.happens("payment/returned", number, at=self._today, chance=paying.returned_chance):
            act = acts.SendBack(line_id=planned.act.line_id, payment_id=answer.number, reason="the bank took it back")
            days = 1 + int(self.chances.uniform("payment/returned on", number, at=self._today) * 3)
            self._later(days, Moment.MORNING, Planned(act=act, person=planned.person))

    def _follow_asking(self, planned: Planned, answer: Answer) -> None:
        """What one asked for is taken when it is offered."""
        if answer.outcome == Happened.OFFER:
            act = acts.AnswerLimit(offer_id=answer.number, accepts=True)
            self._later(1, Moment.MORNING, Planned(act=act, person=planned.person))

    def _follow_leaving(self, planned: Planned, answer: Answer) -> None:
        if answer.outcome == DONE:
            self.lives.has_left[planned.person] = True

    # Analysts.

    def _judge(self) -> None:
        """What waits is judged; what was passed goes on."""
        waiting = self._lender.reviews(self._next_step(_ANALYSTS_HOUR))
        if not waiting.num_rows:
            return
        planned = judgments(
            waiting, self.lives, today=self._today, chances=self.chances, parameters=self._living.analysts
        )
        answers = self._do(_ANALYSTS_HOUR, planned)
        for decision_id, answer in zip(waiting["decision_id"].to_pylist(), answers, strict=True):
            order = self.lives.waiting.pop(decision_id, None)
            if answer.outcome == Happened.APPROVE and order is not None:
                self._ship(order, answer)
            elif answer.outcome == Happened.OFFER:
                self._take_late_offer(decision_id, answer)

    def _fees(self, offered: Sequence[Answer]) -> Integers:
        """What installments cost on offered lines."""
        return np.asarray([self._living.prices.fee_ppm(each.fee_ppm) for each in offered], dtype=np.int64)

    def _take_late_offer(self, application_id: int, answer: Answer) -> None:
        """An application that an analyst passed is answered by its person on the next morning."""
        who = np.flatnonzero(self.lives.application_id == application_id)
        if len(who):
            limit_minor = np.asarray([answer.amount_minor])
            [accepts] = self._applying.accepts(who, limit_minor, fee_ppm=self._fees([answer])).tolist()
            act = acts.AcceptLine(application_id=application_id, accepts=accepts)
            self._later(1, Moment.MORNING, Planned(act=act, person=int(who[0])))


def _told_or(told: pa.Table, name: str, usual: int) -> Integers:
    """A price that the lender tells, `NOT_SOLD` where it tells that there is none; the usual where it tells nothing."""
    if name not in told.column_names:
        return np.full(told.num_rows, usual, dtype=np.int64)
    return np.asarray(told[name].fill_null(NOT_SOLD).to_numpy(), dtype=np.int64)
