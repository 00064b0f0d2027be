"""The desk: what arrives during a batch forms the next, a caller hears once, and no decision is left over."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from queue import SimpleQueue
from threading import Lock, get_ident
from typing import Any

import psycopg
import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct
from psycopg_pool import PoolTimeout

from tallystick.web.breaker import Breaker
from tallystick.web.desk import Desk, DeskFull, DeskLate, DeskOpen
from tallystick.web.metrics import Metrics

_PATIENCE_S = 20.0
LONG_S = 1000.0


class Purchase(Struct, frozen=True):
    """A case of the tests: a line, and which of its purchases."""

    line: int
    number: int = 0


class Told(Struct, frozen=True):
    """What the tests decide."""

    purchase: Purchase


Reply = Callable[[Sequence[Purchase]], Sequence[Told | None]]
PurchaseDesk = Desk[Purchase, Told]


def tell(cases: Sequence[Purchase]) -> list[Told]:
    return [Told(case) for case in cases]


def put_off(*lines: int) -> Reply:
    return lambda cases: [None if case.line in lines else Told(case) for case in cases]


def fail(fault: Exception) -> Reply:
    def reply(cases: Sequence[Purchase]) -> Sequence[Told | None]:
        raise fault

    return reply


class Decider:
    """Every batch waits until the test says what becomes of it."""

    def __init__(self) -> None:
        self.begun: SimpleQueue[list[Purchase]] = SimpleQueue()
        self.replies: SimpleQueue[Reply] = SimpleQueue()

    def __call__(self, cases: Sequence[Purchase]) -> Sequence[Told | None]:
        self.begun.put(list(cases))
        return self.replies.get(timeout=_PATIENCE_S)(cases)

    async def batch(self) -> list[Purchase]:
        """The next batch that begins."""
        return await asyncio.to_thread(self.begun.get, timeout=_PATIENCE_S)

    async def lines(self) -> list[int]:
        return [purchase.line for purchase in await self.batch()]


class Clock:
    """Stands still until it is moved, or goes on by a step whenever it is read."""

    def __init__(self, *, step_s: float = 0.0) -> None:
        self.now_s = 100.0
        self._step_s = step_s

    def __call__(self) -> float:
        self.now_s += self._step_s
        return self.now_s


class TakenBack:
    """What `late` was called with, and on which thread."""

    def __init__(self) -> None:
        self.queue: SimpleQueue[tuple[Purchase, Told, int]] = SimpleQueue()

    def __call__(self, asked: Purchase, told: Told) -> None:
        self.queue.put((asked, told, get_ident()))

    async def one(self) -> Purchase:
        asked, told, thread = await asyncio.to_thread(self.queue.get, timeout=_PATIENCE_S)
        assert told == Told(asked)
        assert thread != get_ident()
        return asked


@contextmanager
def opened(decide: Reply, **given: Any) -> Iterator[PurchaseDesk]:
    """A desk that decides until the block ends."""
    desk = desk_of(decide, **given)
    desk.start()
    try:
        yield desk
    finally:
        if isinstance(decide, Decider):
            for _ in range(8):
                decide.replies.put(tell)
        desk.stop(drain_s=_PATIENCE_S)


def desk_of(decide: Reply, **given: Any) -> PurchaseDesk:
    how: dict[str, Any] = {"name": "test", "late": TakenBack(), "metrics": Metrics(), **given}
    return Desk(decide, key_of=lambda purchase: purchase.line, **how)


def on_a_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """An async test, on the loop that the server runs on."""

    @wraps(test)
    def run(**given: Any) -> None:
        uvloop.run(test(**given))

    return run


async def asks(desk: PurchaseDesk, *purchases: Purchase, deadline_s: float = LONG_S) -> list[asyncio.Task[Told]]:
    """Callers in this order, each of whom has asked."""
    tasks = [asyncio.create_task(desk.ask(purchase, deadline_s=deadline_s)) for purchase in purchases]
    await asyncio.sleep(0)
    return tasks


def of_lines(*lines: int) -> list[Purchase]:
    return [Purchase(line, number) for number, line in enumerate(lines)]


def figure(metrics: Metrics, name: str, **labels: str) -> float:
    return metrics.registry.get_sample_value(f"tallystick_desk_{name}", {"desk": "test", **labels}) or 0.0


async def put_off_so_far(metrics: Metrics, count: int) -> None:
    """Wait until so many have been put off."""
    for _ in range(int(_PATIENCE_S * 1000)):
        if figure(metrics, "put_off_total") >= count:
            return
        await asyncio.sleep(0.001)
    pytest.fail(f"{count} were never put off")


# Batches


@on_a_loop
async def test_one_is_decided_at_once_and_what_comes_meanwhile_together_in_order() -> None:
    decider = Decider()
    with opened(decider) as desk:
        first = await asks(desk, *of_lines(7))
        assert await decider.lines() == [7]
        rest = await asks(desk, *of_lines(5, 9, 1))
        decider.replies.put(tell)
        assert await decider.lines() == [5, 9, 1]
        decider.replies.put(tell)
        assert await asyncio.gather(*first, *rest) == tell([Purchase(7), *of_lines(5, 9, 1)])


@on_a_loop
async def test_a_line_is_in_a_batch_once_and_others_overtake_its_second() -> None:
    decider = Decider()
    desk = desk_of(decider, most=3)
    purchases = of_lines(1, 1, 2, 1, 3, 4)
    tasks = await asks(desk, *purchases)
    desk.start()
    batches = []
    for _ in range(3):
        batches.append(await decider.batch())
        decider.replies.put(tell)
    assert [[case.number for case in batch] for batch in batches] == [[0, 2, 4], [1, 5], [3]]
    assert await asyncio.gather(*tasks) == tell(purchases)
    desk.stop(drain_s=_PATIENCE_S)


@on_a_loop
async def test_workers_decide_side_by_side_but_never_the_same_line() -> None:
    decider = Decider()
    with opened(decider, workers=2) as desk:
        first = await asks(desk, *of_lines(1))
        assert await decider.lines() == [1]
        second = await asks(desk, Purchase(1, 1), Purchase(2))
        assert await decider.batch() == [Purchase(2)]  # while line 1 is still with the other worker
        for _ in range(3):
            decider.replies.put(tell)
        assert await decider.batch() == [Purchase(1, 1)]
        await asyncio.gather(*first, *second)


# Put off


@on_a_loop
async def test_what_was_put_off_is_at_the_front_of_the_next_batch() -> None:
    decider = Decider()
    clock = Clock()
    metrics = Metrics()
    with opened(decider, clock=clock, metrics=metrics) as desk:
        first = await asks(desk, *of_lines(1))
        assert await decider.lines() == [1]
        first += await asks(desk, *of_lines(2, 3))
        decider.replies.put(tell)
        assert await decider.lines() == [2, 3]
        clock.now_s += 0.0001
        more = await asks(desk, *of_lines(4, 3))
        decider.replies.put(put_off(2, 3))
        assert await decider.lines() == [2, 3, 4]  # the second purchase of line 3 stays behind its first
        decider.replies.put(tell)
        decider.replies.put(tell)
        assert await asyncio.gather(*first, *more) == tell([Purchase(1), *of_lines(2, 3), *of_lines(4, 3)])
    assert figure(metrics, "put_off_total") == 2
    assert figure(metrics, "wait_seconds_count") == 5  # each until its first batch


@on_a_loop
async def test_alone_it_waits_a_moment_that_grows() -> None:
    decider = Decider()
    clock = Clock()
    metrics = Metrics()
    with opened(decider, clock=clock, metrics=metrics) as desk:
        (task,) = await asks(desk, *of_lines(1))
        assert await decider.lines() == [1]
        for times, moment_s in enumerate((0.002, 0.004, 0.008), start=1):
            decider.replies.put(put_off(1))
            await put_off_so_far(metrics, times)
            clock.now_s += moment_s * 0.9
            await asyncio.sleep(0.02)
            assert decider.begun.empty()
            clock.now_s += moment_s * 0.2
            assert await decider.lines() == [1]
        decider.replies.put(tell)
        assert await task == Told(Purchase(1))


@on_a_loop
async def test_lines_that_stay_in_use_leave_room_to_the_others() -> None:
    decider = Decider()
    with opened(decider, clock=Clock(), most=2) as desk:
        tasks = await asks(desk, *of_lines(9))
        assert await decider.lines() == [9]
        tasks += await asks(desk, *of_lines(1, 2, 3, 4))
        decider.replies.put(tell)
        assert await decider.lines() == [1, 2]
        decider.replies.put(put_off(1, 2))
        assert await decider.lines() == [3, 4]
        decider.replies.put(tell)
        assert await asyncio.gather(tasks[0], *tasks[3:]) == tell([Purchase(9), Purchase(3, 2), Purchase(4, 3)])
        desk.stop(drain_s=0.01)
        assert [type(one) for one in await asyncio.gather(*tasks[1:3], return_exceptions=True)] == [DeskLate, DeskLate]


# Who does not wait any longer


@on_a_loop
async def test_a_deadline_that_passes_while_it_waits_means_it_is_never_decided() -> None:
    decider = Decider()
    taken_back = TakenBack()
    metrics = Metrics()
    with opened(decider, late=taken_back, metrics=metrics) as desk:
        first = await asks(desk, *of_lines(1))
        await decider.batch()
        (late,) = await asks(desk, Purchase(2), deadline_s=0.01)
        with pytest.raises(DeskLate):
            await late
        rest = await asks(desk, Purchase(3))
        decider.replies.put(tell)
        assert await decider.lines() == [3]
        decider.replies.put(tell)
        await asyncio.gather(*first, *rest)
    assert taken_back.queue.empty()
    assert figure(metrics, "refused_total", why="late") == 1


@on_a_loop
async def test_a_worker_does_not_take_what_is_overdue_though_the_loop_has_not_noticed() -> None:
    decider = Decider()
    clock = Clock()
    with opened(decider, clock=clock) as desk:
        first = await asks(desk, *of_lines(1))
        await decider.batch()
        (late,) = await asks(desk, Purchase(2), deadline_s=LONG_S)
        (rest,) = await asks(desk, Purchase(3), deadline_s=LONG_S + 1)
        clock.now_s += LONG_S
        decider.replies.put(tell)
        assert await decider.lines() == [3]
        decider.replies.put(tell)
        with pytest.raises(DeskLate):
            await late
        await asyncio.gather(*first, rest)


@on_a_loop
async def test_a_deadline_that_passes_in_flight_is_told_now_and_the_decision_taken_back() -> None:
    decider = Decider()
    taken_back = TakenBack()
    metrics = Metrics()
    with opened(decider, late=taken_back, metrics=metrics) as desk:
        (late,) = await asks(desk, Purchase(1), deadline_s=0.3)
        await decider.batch()
        with pytest.raises(DeskLate):
            await late
        assert taken_back.queue.empty()
        decider.replies.put(tell)
        assert await taken_back.one() == Purchase(1)
    assert figure(metrics, "refused_total", why="late_in_flight") == 1
    assert figure(metrics, "late_decisions_total", outcome="taken_back") == 1


@on_a_loop
async def test_put_off_or_failed_after_its_caller_has_left_there_is_nothing_to_take_back() -> None:
    decider = Decider()
    taken_back = TakenBack()
    with opened(decider, late=taken_back) as desk:
        for reply in (put_off(1), fail(ValueError()), fail(psycopg.OperationalError())):
            (leaves,) = await asks(desk, Purchase(1))
            assert await decider.lines() == [1]
            leaves.cancel()
            await asyncio.sleep(0)
            decider.replies.put(reply)
        (after,) = await asks(desk, Purchase(2))
        assert await decider.lines() == [2]
        decider.replies.put(tell)
        await after
    assert taken_back.queue.empty()


@on_a_loop
async def test_a_caller_who_leaves_is_a_late_one() -> None:
    decider = Decider()
    taken_back = TakenBack()
    metrics = Metrics()
    with opened(decider, late=taken_back, metrics=metrics) as desk:
        in_flight, waits = await asks(desk, *of_lines(1, 1))
        await decider.batch()
        waits.cancel()
        in_flight.cancel()
        for task in (in_flight, waits):
            with pytest.raises(asyncio.CancelledError):
                await task
        decider.replies.put(tell)
        assert await taken_back.one() == Purchase(1, 0)
        (in_flight,) = await asks(desk, Purchase(2))
        assert await decider.lines() == [2]
        in_flight.cancel()
        await asyncio.sleep(0)
        decider.replies.put(put_off(2))
        decider.replies.put(tell)
        await desk.ask(Purchase(3), deadline_s=LONG_S)
        assert await decider.lines() == [3]  # and not line 2, which nobody waits for
        assert figure(metrics, "waiting") == 0
    assert taken_back.queue.empty()
    assert figure(metrics, "refused_total", why="left") == 3


@on_a_loop
async def test_a_caller_who_leaves_while_the_answer_is_on_its_way_is_late_as_well() -> None:
    decider = Decider()
    taken_back = TakenBack()
    metrics = Metrics()
    with opened(decider, late=taken_back, metrics=metrics) as desk:
        (task,) = await asks(desk, Purchase(1))
        await decider.batch()
        decider.replies.put(tell)
        # The loop is not let go before the worker is done: the answer stands in its queue, behind this task.
        while not figure(metrics, "batch_cases_count"):
            time.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await taken_back.one() == Purchase(1)


@on_a_loop
async def test_an_answer_that_is_on_its_way_when_the_deadline_passes_arrives() -> None:
    decider = Decider()
    metrics = Metrics()
    with opened(decider, metrics=metrics) as desk:
        (task,) = await asks(desk, Purchase(1), deadline_s=0.3)
        await decider.batch()
        decider.replies.put(tell)
        # When the loop is let go, its timers come first.
        while not figure(metrics, "batch_cases_count"):
            time.sleep(0.001)
        time.sleep(0.31)
        assert await task == Told(Purchase(1))


def test_a_loop_that_was_closed_has_no_callers_left() -> None:
    decider = Decider()
    taken_back = TakenBack()
    with opened(decider, late=taken_back) as desk:
        loop = uvloop.new_event_loop()
        task = loop.create_task(desk.ask(Purchase(1), deadline_s=LONG_S))
        loop.run_until_complete(decider.batch())
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
        decider.replies.put(tell)
        assert taken_back.queue.get(timeout=_PATIENCE_S)[0] == Purchase(1)
        task._log_destroy_pending = False  # type: ignore[attr-defined]


@on_a_loop
async def test_taking_back_is_tried_until_the_database_is_there_and_a_defect_is_told() -> None:
    decider = Decider()
    taken_back = TakenBack()
    faults: list[Exception] = [psycopg.OperationalError(), PoolTimeout(), ValueError()]
    metrics = Metrics()

    def late(asked: Purchase, told: Told) -> None:
        taken_back(asked, told)
        if faults:
            raise faults.pop(0)

    with opened(decider, late=late, clock=Clock(step_s=0.2), metrics=metrics) as desk:
        for line, times in ((1, 3), (2, 1)):
            (task,) = await asks(desk, Purchase(line))
            await decider.batch()
            task.cancel()
            await asyncio.sleep(0)
            decider.replies.put(tell)
            assert [await taken_back.one() for _ in range(times)] == [Purchase(line)] * times
    assert figure(metrics, "late_decisions_total", outcome="failed") == 1
    assert figure(metrics, "late_decisions_total", outcome="taken_back") == 1


# Too many


@on_a_loop
async def test_a_full_desk_lets_nobody_in_and_says_when_to_come_back() -> None:
    decider = Decider()
    clock = Clock()
    metrics = Metrics()
    with opened(decider, most=2, waiting_most=3, clock=clock, metrics=metrics) as desk:
        tasks = await asks(desk, *of_lines(1))
        assert await decider.lines() == [1]
        tasks += await asks(desk, *of_lines(2, 3))
        clock.now_s += 2.5
        decider.replies.put(tell)
        assert await decider.lines() == [2, 3]
        tasks += await asks(desk, *of_lines(4, 5, 6))
        with pytest.raises(DeskFull) as full:
            await desk.ask(Purchase(7), deadline_s=LONG_S)
        assert full.value.retry_after_s == 5  # two batches, and the last one took 2.5 s
        assert figure(metrics, "waiting") == 3
        for _ in range(3):
            decider.replies.put(tell)
        assert len(await asyncio.gather(*tasks)) == 6
    assert figure(metrics, "refused_total", why="full") == 1


# Faults


@on_a_loop
async def test_a_poisonous_case_takes_no_neighbor_with_it() -> None:
    decided: list[list[int]] = []

    def decide(cases: Sequence[Purchase]) -> list[Told]:
        decided.append([case.line for case in cases])
        if any(case.line == 2 for case in cases):
            raise next_of_nothing() if len(cases) == 1 else ValueError("poison")
        return tell(cases)

    def next_of_nothing() -> Exception:
        return StopIteration()

    desk = desk_of(decide)
    tasks = await asks(desk, *of_lines(1, 2, 3))
    desk.start()
    first, poison, third = await asyncio.gather(*tasks, return_exceptions=True)
    assert decided == [[1, 2, 3], [1], [2], [3]]
    assert (first, third) == (Told(Purchase(1, 0)), Told(Purchase(3, 2)))
    assert isinstance(poison, RuntimeError)  # a future takes no StopIteration
    desk.stop(drain_s=_PATIENCE_S)


@on_a_loop
async def test_one_by_one_nobody_is_decided_who_has_left_meanwhile() -> None:
    decider = Decider()
    desk = desk_of(decider)
    tasks = await asks(desk, *of_lines(1, 2, 3))
    desk.start()
    assert await decider.lines() == [1, 2, 3]
    decider.replies.put(lambda cases: [])  # not an answer for each
    assert await decider.lines() == [1]
    tasks[1].cancel()
    await asyncio.sleep(0)
    decider.replies.put(tell)
    assert await tasks[0] == Told(Purchase(1, 0))  # at once, not when the whole batch is through
    assert await decider.lines() == [3]
    decider.replies.put(fail(KeyError(3)))
    with pytest.raises(KeyError):
        await tasks[2]
    desk.stop(drain_s=_PATIENCE_S)


@on_a_loop
async def test_who_met_others_in_the_database_is_tried_alone_and_then_put_off() -> None:
    decider = Decider()
    desk = desk_of(decider, breaker=Breaker(failures_most=1))
    tasks = await asks(desk, *of_lines(1, 2))
    desk.start()
    assert await decider.lines() == [1, 2]
    decider.replies.put(fail(psycopg.errors.DeadlockDetected()))
    assert await decider.lines() == [1]
    decider.replies.put(fail(psycopg.errors.SerializationFailure()))
    assert await decider.lines() == [2]
    decider.replies.put(tell)
    assert await decider.lines() == [1]
    decider.replies.put(tell)
    assert await asyncio.gather(*tasks) == tell(of_lines(1, 2))
    desk.stop(drain_s=_PATIENCE_S)


@on_a_loop
async def test_after_so_many_failures_in_a_row_everybody_is_told_at_once() -> None:
    decider = Decider()
    metrics = Metrics()
    with opened(decider, clock=Clock(), breaker=Breaker(failures_most=2, cool_down_s=1.5), metrics=metrics) as desk:
        # One success between them, and the count begins again.
        for reply in (fail(PoolTimeout()), tell, fail(psycopg.OperationalError())):
            decider.replies.put(reply)
            (told,) = await asyncio.gather(*await asks(desk, Purchase(1)), return_exceptions=True)
            assert isinstance(told, Told | psycopg.OperationalError)
            await decider.batch()
        (last,) = await asks(desk, Purchase(1))
        await decider.batch()
        (waits,) = await asks(desk, Purchase(2))
        decider.replies.put(fail(PoolTimeout()))
        with pytest.raises(PoolTimeout):
            await last
        for refused in (waits, desk.ask(Purchase(3), deadline_s=LONG_S)):
            with pytest.raises(DeskOpen) as shut:
                await refused
            assert shut.value.retry_after_s == 2
        assert decider.begun.empty()
        assert figure(metrics, "breaker_open") == 1
    assert figure(metrics, "refused_total", why="open") == 2
    assert figure(metrics, "refused_total", why="failed") == 3


@pytest.mark.parametrize("last", [tell, fail(ValueError())], ids=["told", "a defect, not the database"])
@on_a_loop
async def test_after_the_cool_down_one_batch_goes_to_see_whether_the_database_is_back(last: Reply) -> None:
    decider = Decider()
    clock = Clock()
    with opened(decider, clock=clock, breaker=Breaker(failures_most=1, cool_down_s=1.5), workers=2) as desk:
        decider.replies.put(fail(PoolTimeout()))
        await asyncio.wait(await asks(desk, Purchase(1)))
        await decider.batch()
        for reply in (fail(psycopg.OperationalError()), last):
            with pytest.raises(DeskOpen):
                await desk.ask(Purchase(2), deadline_s=LONG_S)
            clock.now_s += 1.5
            probe = await asks(desk, *of_lines(3))
            assert await decider.lines() == [3]
            with pytest.raises(DeskOpen):
                await desk.ask(Purchase(4), deadline_s=LONG_S)
            decider.replies.put(reply)
            await asyncio.wait(probe)
        decider.replies.put(tell)
        assert await desk.ask(Purchase(5), deadline_s=LONG_S) == Told(Purchase(5))


@on_a_loop
async def test_what_another_worker_put_off_meanwhile_is_the_probe() -> None:
    decider = Decider()
    clock = Clock()
    metrics = Metrics()
    breaker = Breaker(failures_most=1, cool_down_s=0.05)
    with opened(decider, clock=clock, breaker=breaker, workers=2, metrics=metrics) as desk:
        (first,) = await asks(desk, Purchase(1))
        assert await decider.lines() == [1]
        (second,) = await asks(desk, Purchase(2))
        assert await decider.lines() == [2]
        decider.replies.put(fail(psycopg.OperationalError()))  # whoever of them gets it
        await asyncio.wait([first, second], return_when=asyncio.FIRST_COMPLETED)
        other = first if second.done() else second
        decider.replies.put(put_off(1, 2))
        await put_off_so_far(metrics, 1)
        clock.now_s += 0.04
        await asyncio.sleep(0.02)
        assert decider.begun.empty()
        clock.now_s += 0.02
        assert len(await decider.batch()) == 1
        decider.replies.put(tell)
        assert isinstance(await other, Told)


@on_a_loop
async def test_a_database_that_goes_away_one_by_one_fails_the_rest_and_counts_once() -> None:
    decider = Decider()
    desk = desk_of(decider, clock=Clock(), breaker=Breaker(failures_most=2))
    tasks = await asks(desk, *of_lines(1, 2, 3))
    desk.start()
    for reply in (fail(ValueError()), tell, fail(psycopg.OperationalError())):
        decider.replies.put(reply)
    told = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(one) for one in told] == [Told, psycopg.OperationalError, psycopg.OperationalError]
    assert [len(await decider.batch()) for _ in range(3)] == [3, 1, 1]
    decider.replies.put(tell)
    assert await desk.ask(Purchase(4), deadline_s=LONG_S) == Told(Purchase(4))
    desk.stop(drain_s=_PATIENCE_S)


# The end


@on_a_loop
async def test_what_waits_is_decided_before_the_end_and_nobody_is_let_in() -> None:
    decider = Decider()
    desk = desk_of(decider)
    desk.start()
    tasks = await asks(desk, *of_lines(1, 1))
    await decider.batch()
    stopping = asyncio.create_task(asyncio.to_thread(desk.stop, drain_s=_PATIENCE_S))
    decider.replies.put(put_off(1))
    assert await decider.batch() == [Purchase(1, 0)]
    with pytest.raises(DeskLate):
        await desk.ask(Purchase(2), deadline_s=LONG_S)
    for _ in range(2):
        decider.replies.put(tell)
    assert await asyncio.gather(*tasks) == tell(of_lines(1, 1))
    await stopping


@on_a_loop
async def test_what_hangs_holds_up_nobody_and_is_taken_back_should_it_end() -> None:
    decider = Decider()
    taken_back = TakenBack()
    desk = desk_of(decider, late=taken_back)
    desk.start()
    tasks = await asks(desk, *of_lines(1))
    assert await decider.lines() == [1]
    tasks += await asks(desk, *of_lines(2))
    desk.stop(drain_s=0.01)
    assert [type(one) for one in await asyncio.gather(*tasks, return_exceptions=True)] == [DeskLate, DeskLate]
    decider.replies.put(tell)
    assert await taken_back.one() == Purchase(1)


@pytest.mark.parametrize("times_away", [1, 9])
@on_a_loop
async def test_what_has_to_be_taken_back_is_tried_before_the_end(times_away: int) -> None:
    decider = Decider()
    taken_back = TakenBack()
    metrics = Metrics()
    times_left = times_away

    def late(asked: Purchase, told: Told) -> None:
        nonlocal times_left
        times_left -= 1
        taken_back(asked, told)
        if times_left >= 0:
            raise psycopg.OperationalError

    desk = desk_of(decider, late=late, metrics=metrics)
    desk.start()
    (task,) = await asks(desk, Purchase(1))
    await decider.batch()
    task.cancel()
    await asyncio.sleep(0)
    decider.replies.put(tell)
    assert await taken_back.one() == Purchase(1)
    desk.stop(drain_s=_PATIENCE_S if times_away == 1 else 0.1)
    assert await taken_back.one() == Purchase(1)  # again, or for the last time
    assert await asyncio.to_thread(ends, metrics) == ("taken_back" if times_away == 1 else "failed")


def ends(metrics: Metrics) -> str:
    """What became of the one late decision, once it is known."""
    for _ in range(int(_PATIENCE_S * 100)):
        for outcome in ("taken_back", "failed"):
            if figure(metrics, "late_decisions_total", outcome=outcome) == 1:
                return outcome
        time.sleep(0.01)
    return "neither"


def test_a_desk_that_never_began_stops() -> None:
    desk_of(tell).stop(drain_s=_PATIENCE_S)


@on_a_loop
async def test_an_operator_sees_batches_and_times() -> None:
    decider = Decider()
    clock = Clock()
    metrics = Metrics()
    with opened(decider, clock=clock, metrics=metrics) as desk:
        tasks = await asks(desk, Purchase(1))
        await decider.batch()
        tasks += await asks(desk, Purchase(2), Purchase(3))
        clock.now_s += 0.75
        decider.replies.put(tell)
        await decider.batch()
        decider.replies.put(tell)
        await asyncio.gather(*tasks)
    assert figure(metrics, "batch_cases_count") == 2
    assert figure(metrics, "batch_cases_sum") == 3
    assert figure(metrics, "wait_seconds_sum") == 1.5
    assert figure(metrics, "decide_seconds_sum") == 0.75


# The law


class Fate(Struct, frozen=True):
    """One caller of the law: when it comes, what the database does with it, and how long it waits."""

    line: int
    after_steps: int
    times_put_off: int
    is_poison: bool
    patience: str


FATES = st.builds(
    Fate,
    line=st.integers(0, 3),
    after_steps=st.integers(0, 4),
    times_put_off=st.sampled_from([0, 0, 0, 1, 2]),
    is_poison=st.sampled_from([False] * 9 + [True]),
    patience=st.sampled_from(["long"] * 6 + ["short", "leaves"]),
)


class Ledger:
    """A `decide` that keeps the desk's promises under watch, and what it committed."""

    def __init__(self, fates: Sequence[Fate], *, away: frozenset[int]) -> None:
        self._fates = fates
        self._away = away
        self._lock = Lock()
        self._calls = 0
        self._in_use: set[int] = set()
        self._times_put_off = Counter[int]()
        self.decided: list[Purchase] = []
        self.taken_back: list[Purchase] = []
        self.broken: list[str] = []

    def __call__(self, cases: Sequence[Purchase]) -> list[Told | None]:
        lines = [case.line for case in cases]
        with self._lock:
            call, self._calls = self._calls, self._calls + 1
            if not lines or len(lines) > 3 or len(set(lines)) < len(lines) or self._in_use & set(lines):
                self.broken.append(f"{lines} while {self._in_use}")
            self._in_use |= set(lines)
        try:
            time.sleep(0.0002 * (call % 3))
            return self._decide(cases, call)
        finally:
            with self._lock:
                self._in_use -= set(lines)

    def _decide(self, cases: Sequence[Purchase], call: int) -> list[Told | None]:
        if call in self._away:
            raise psycopg.OperationalError
        if any(self._fates[case.number].is_poison for case in cases):
            raise ValueError
        told: list[Told | None] = []
        for case in cases:
            is_put_off = self._times_put_off[case.number] < self._fates[case.number].times_put_off
            self._times_put_off[case.number] += is_put_off
            if not is_put_off:
                self.decided.append(case)
            told.append(None if is_put_off else Told(case))
        return told

    def late(self, asked: Purchase, told: Told) -> None:
        assert told == Told(asked)
        self.taken_back.append(asked)


async def one_caller(desk: PurchaseDesk, fate: Fate, number: int) -> Told | BaseException:
    """What a caller hears."""
    deadline_s = 0.001 if fate.patience == "short" else _PATIENCE_S
    asking = asyncio.create_task(desk.ask(Purchase(fate.line, number), deadline_s=deadline_s))
    if fate.patience == "leaves":
        await asyncio.sleep(0.0005)
        asking.cancel()
    (heard,) = await asyncio.gather(asking, return_exceptions=True)
    return heard


async def all_callers(desk: PurchaseDesk, fates: Sequence[Fate]) -> list[Told | BaseException]:
    callers = []
    for number, fate in enumerate(fates):
        for _ in range(fate.after_steps):
            await asyncio.sleep(0.0001)
        callers.append(asyncio.create_task(one_caller(desk, fate, number)))
    return await asyncio.gather(*callers)


@settings(max_examples=60)
@given(
    fates=st.lists(FATES, max_size=40),
    workers=st.integers(1, 3),
    away=st.frozensets(st.integers(0, 20), max_size=4),
    run=st.sampled_from([uvloop.run, asyncio.run]),
)
def test_everybody_hears_once_lines_keep_their_order_and_no_decision_is_left_over(
    fates: list[Fate], workers: int, away: frozenset[int], run: Callable[..., list[Told | BaseException]]
) -> None:
    ledger = Ledger(fates, away=away)
    desk = desk_of(
        ledger, late=ledger.late, most=3, workers=workers, breaker=Breaker(failures_most=2, cool_down_s=0.001)
    )
    desk.start()
    heard = run(all_callers(desk, fates))
    desk.stop(drain_s=_PATIENCE_S)

    assert ledger.broken == []
    for number, (fate, told) in enumerate(zip(fates, heard, strict=True)):
        match told:
            case Told():
                assert told.purchase == Purchase(fate.line, number)
            case ValueError():
                assert fate.is_poison
            case DeskLate():
                assert fate.patience == "short"
            case asyncio.CancelledError():
                assert fate.patience == "leaves"
            case _:
                assert away
                assert isinstance(told, DeskOpen | psycopg.OperationalError)
    # What the database holds, somebody was told, or it was taken back: each once.
    known = [told.purchase for told in heard if isinstance(told, Told)]
    assert Counter([*known, *ledger.taken_back]) == Counter(ledger.decided)
    for line in range(4):
        of_line = [case.number for case in ledger.decided if case.line == line]
        assert of_line == sorted(of_line)
