"""The front door of the fast path: what arrives while a batch is in the database forms the next batch; no timer."""

import asyncio
import math
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from functools import partial
from threading import Condition, Lock, Thread
from time import monotonic
from typing import Final, Generic

import psycopg
import structlog

from tallystick.web.breaker import Breaker
from tallystick.web.case_queue import AskedT, Case, CaseQueue, Place, ToldT
from tallystick.web.logs import frames_of
from tallystick.web.metrics import Metrics

# The database is there, undid the transaction, and says that others were in the way.
_MET: Final = (
    psycopg.errors.DeadlockDetected,
    psycopg.errors.SerializationFailure,
    psycopg.errors.LockNotAvailable,
)
_TAKE_BACK_AGAIN_S: Final = 0.25


class NotTold(Exception):
    """A caller got no decision; `retry_after_s` is when it is worth asking again."""

    def __init__(self, told: str, *, retry_after_s: int = 1) -> None:
        super().__init__(told)
        self.retry_after_s = retry_after_s


class DeskFull(NotTold):
    """Too many wait already; this one was not let in."""


class DeskLate(NotTold):
    """Not decided before its deadline: it never will be, or what is decided after all is taken back by `late`."""


class DeskOpen(NotTold):
    """The database counts as away: the breaker is open."""


class Desk(Generic[AskedT, ToldT]):
    """Brings the callers of an event loop and a blocking `decide` together, many cases at a time.

    `decide` gets at least one and at most `most` cases, in order of arrival, no two of the same key, and gives for each
    what it decided and committed; or None where the case has to be tried again, for another process is at its line.
    `workers` threads may each be in `decide`, never with the same key.

    What `decide` raises:
    - `psycopg.OperationalError` (a pool's `PoolTimeout` is one): all its cases get that, and the breaker counts it.
      Nobody knows whether it was committed, so a caller has to ask again in a way that finds what is recorded.
    - anything else: its cases are decided one by one, so that a poisonous one does not take its neighbors with it. So
      a case must be safe to decide again. A deadlock and its like are of this kind; met alone, the case is put off.

    `late(asked, told)` is called on a worker's thread with a decision whose caller has been told that there is none, or
    has left. Where it raises `psycopg.OperationalError` it is called again, until the desk stops.
    """

    def __init__(  # noqa: PLR0913 - what a desk is made of
        self,
        decide: Callable[[Sequence[AskedT]], Sequence[ToldT | None]],
        *,
        name: str,
        key_of: Callable[[AskedT], Hashable],
        late: Callable[[AskedT, ToldT], object],
        metrics: Metrics,
        breaker: Breaker | None = None,
        clock: Callable[[], float] = monotonic,
        most: int = 256,
        waiting_most: int = 1024,
        workers: int = 1,
    ) -> None:
        assert workers >= 1
        assert waiting_most >= 1
        self._decide_cases = decide
        self._key_of = key_of
        self._late = late
        self._breaker = Breaker() if breaker is None else breaker
        self._clock = clock
        self._most = most
        self._waiting_most = waiting_most
        self._threads = [Thread(target=self._work, name=f"{name}-{n}", daemon=True) for n in range(workers)]
        self._queue: CaseQueue[AskedT, ToldT] = CaseQueue(most=most)
        # Decisions to be taken back. Appended to by whoever finds one, with or without the lock.
        self._owed: deque[tuple[AskedT, ToldT]] = deque()
        self._owed_again_at_s = -math.inf
        self._batch_s = 0.0
        self._is_stopping = False
        self._is_over = False
        self._lock = Lock()
        self._news = Condition(self._lock)
        self._log = structlog.get_logger().bind()
        self._figures = _Figures(metrics, name)
        self._figures.waiting.set_function(lambda: len(self._queue))
        self._figures.is_open.set_function(lambda: self._breaker.is_open)

    def start(self) -> None:
        """Begin to decide. Cases may have come before."""
        for thread in self._threads:
            thread.start()

    def stop(self, *, drain_s: float) -> None:
        """Let nobody in, decide what waits for so many seconds at most, and tell everybody else that he is late.

        To be called from outside of the event loop, which has to run for the answers to arrive. A `decide` that hangs
        is left to itself; should it come back before the process ends, its decisions are still taken back.
        """
        with self._lock:
            self._is_stopping = True
            self._news.notify_all()
        until_s = monotonic() + drain_s
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(max(0.0, until_s - monotonic()))
        with self._lock:
            self._is_over = True
            self._refuse(self._queue.waiting(), DeskLate("stopping"), why="late")
            left = [case for case in self._queue.in_flight() if case.place is Place.IN_FLIGHT]
            for case in left:
                case.place = Place.LEFT
                case.fault = DeskLate("stopping")
            self._news.notify_all()
        self._figures.refused("late_in_flight", len(left))
        self._hand_over(left)

    async def ask(self, asked: AskedT, *, deadline_s: float) -> ToldT:
        """What was decided, at most so many seconds from now.

        Raises `DeskFull`, `DeskLate`, `DeskOpen`, or what `decide` raised for this case.
        """
        loop = asyncio.get_running_loop()
        now_s = self._clock()
        case: Case[AskedT, ToldT] = Case(
            asked=asked,
            key=self._key_of(asked),
            answer=loop.create_future(),
            came_at_s=now_s,
            late_at_s=now_s + deadline_s,
            again_at_s=now_s,
        )
        with self._lock:
            self._admit(case, now_s=now_s)
            self._news.notify()
        timer = loop.call_later(deadline_s, self._deadline, case)
        try:
            return await case.answer
        except asyncio.CancelledError:
            self._leave(case, why="left")
            raise
        finally:
            timer.cancel()

    # On the event loop.

    def _admit(self, case: Case[AskedT, ToldT], *, now_s: float) -> None:
        if self._is_stopping:
            self._figures.refused("late")
            raise DeskLate("stopping")
        wait_s = self._breaker.wait_s(now_s=now_s)
        if wait_s > 0:
            self._figures.refused("open")
            raise DeskOpen("the database is away", retry_after_s=math.ceil(wait_s))
        if len(self._queue) >= self._waiting_most:
            self._figures.refused("full")
            batches = math.ceil(len(self._queue) / self._most / len(self._threads))
            raise DeskFull("too many wait", retry_after_s=max(1, math.ceil(batches * self._batch_s)))
        self._queue.add(case)

    def _deadline(self, case: Case[AskedT, ToldT]) -> None:
        if self._leave(case, why="late") and not case.answer.done():
            case.answer.set_exception(DeskLate("the deadline has passed"))

    def _leave(self, case: Case[AskedT, ToldT], *, why: str) -> bool:
        """Nobody waits for it any more; whether that is news to the case."""
        with self._lock:
            if case.place is Place.WAITING:
                self._queue.drop(case)
            elif case.place is Place.IN_FLIGHT:
                case.place = Place.LEFT
                why = "late_in_flight" if why == "late" else why
            elif case.place is Place.ANSWERED and why == "left":
                # The answer was on its way to a caller who is no longer there.
                if case.told is not None:
                    self._owed.append((case.asked, case.told))
                    self._news.notify()
            else:
                return False
        self._figures.refused(why)
        return True

    # On the workers' threads.

    def _work(self) -> None:
        while (work := self._next()) is not None:
            work()

    def _next(self) -> Callable[[], None] | None:
        """What there is to do, as soon as there is; None once there never will be."""
        with self._lock:
            while True:
                now_s = self._clock()
                if self._owed and (self._owed_again_at_s <= now_s or self._is_over):
                    return partial(self._take_back, *self._owed.popleft())
                taken = self._queue.look(now_s=now_s)
                if taken.overdue:
                    self._refuse(taken.overdue, DeskLate("the deadline has passed"), why="late")
                look_again_at_s = taken.look_again_at_s
                if taken.batch:
                    era = self._breaker.begin(now_s=now_s)
                    if era is not None:
                        self._queue.take(taken.batch)
                        return partial(self._run, taken.batch, era, now_s)
                    look_again_at_s = now_s + self._breaker.wait_s(now_s=now_s)
                if self._is_over or (self._is_stopping and not self._queue and not self._owed):
                    return None
                if self._owed:
                    look_again_at_s = min(look_again_at_s, self._owed_again_at_s)
                self._news.wait(None if look_again_at_s == math.inf else max(0.0, look_again_at_s - now_s))

    def _run(self, batch: list[Case[AskedT, ToldT]], era: int, began_s: float) -> None:
        waits_s = [began_s - case.came_at_s for case in batch if not case.times_put_off]
        self._decide(batch, era)
        self._batch_s = self._clock() - began_s
        self._figures.decided(len(batch), waits_s=waits_s, decide_s=self._batch_s)

    def _decide(self, batch: list[Case[AskedT, ToldT]], era: int, *, rest: Sequence[Case[AskedT, ToldT]] = ()) -> bool:
        """Decide a batch and answer it; false where the database is away, and then its `rest` is answered as well."""
        fault: Exception
        try:
            told = self._decide_cases([case.asked for case in batch])
            if len(told) != len(batch):
                raise ValueError(f"decide was asked about {len(batch)} cases and answered {len(told)}")
        except Exception as raised:
            fault = raised
        else:
            self._tell(batch, told, era)
            return True
        if _is_away(fault):
            self._fail([*batch, *rest], fault, era)
            return False
        if len(batch) > 1:
            return self._one_by_one(batch, era)
        if isinstance(fault, _MET):
            self._tell(batch, [None], era)
        else:
            self._fail(batch, fault, era)
        return True

    def _one_by_one(self, batch: list[Case[AskedT, ToldT]], era: int) -> bool:
        for index, case in enumerate(batch):
            with self._lock:
                if case.place is Place.LEFT:
                    self._queue.put_off([case], now_s=self._clock())  # which drops it: it need not be decided any more
                    continue
            if not self._decide([case], era, rest=batch[index + 1 :]):
                return False
        return True

    def _tell(self, batch: list[Case[AskedT, ToldT]], told: Sequence[ToldT | None], era: int) -> None:
        put_off = []
        decided = []
        with self._lock:
            self._breaker.succeeded(era)
            for case, answer in zip(batch, told, strict=True):
                if answer is None:
                    put_off.append(case)
                    continue
                if case.place is Place.LEFT:
                    self._owed.append((case.asked, answer))
                else:
                    case.told = answer
                    decided.append(case)
                self._queue.answered(case)
            self._queue.put_off(put_off, now_s=self._clock())
            self._news.notify_all()
        self._hand_over(decided)
        self._figures.put_off.inc(len(put_off))

    def _fail(self, batch: list[Case[AskedT, ToldT]], fault: Exception, era: int) -> None:
        with self._lock:
            now_s = self._clock()
            if _is_away(fault):
                self._breaker.failed(era, now_s=now_s)
            else:
                self._breaker.succeeded(era)
            failed = [case for case in batch if case.place is not Place.LEFT]
            for case in batch:
                case.fault = _raisable(fault)
                self._queue.answered(case)
            wait_s = self._breaker.wait_s(now_s=now_s)
            if wait_s > 0:
                away = DeskOpen("the database is away", retry_after_s=math.ceil(wait_s))
                self._refuse(self._queue.waiting(), away, why="open")
            self._news.notify_all()
        self._figures.refused("failed", len(failed))
        self._hand_over(failed)

    def _refuse(self, cases: list[Case[AskedT, ToldT]], fault: NotTold, *, why: str) -> None:
        """Send away some that wait. The lock is held."""
        for case in cases:
            self._queue.drop(case)
            case.fault = fault
        self._figures.refused(why, len(cases))
        self._hand_over(cases)

    def _hand_over(self, cases: list[Case[AskedT, ToldT]]) -> None:
        """Bring the answers to the loops of their callers."""
        by_loop: dict[asyncio.AbstractEventLoop, list[Case[AskedT, ToldT]]] = {}
        for case in cases:
            by_loop.setdefault(case.answer.get_loop(), []).append(case)
        for loop, theirs in by_loop.items():
            try:
                loop.call_soon_threadsafe(_answer, theirs)
            except RuntimeError:  # the loop is closed, and with it everybody is gone
                self._owed.extend((case.asked, case.told) for case in theirs if case.told is not None)

    def _take_back(self, asked: AskedT, told: ToldT) -> None:
        try:
            self._late(asked, told)
        except psycopg.OperationalError as away:
            if not self._is_over:
                self._owed_again_at_s = self._clock() + _TAKE_BACK_AGAIN_S
                self._owed.append((asked, told))
                return
            self._not_taken_back(away)
        except Exception as defect:
            self._not_taken_back(defect)
        else:
            self._figures.taken_back.inc()

    def _not_taken_back(self, fault: Exception) -> None:
        self._figures.not_taken_back.inc()
        self._log.error("late_decision_stands", fault=type(fault).__name__, traceback=frames_of(fault))


def _answer(cases: list[Case[AskedT, ToldT]]) -> None:
    for case in cases:
        if case.answer.done():
            continue
        if case.fault is not None:
            case.answer.set_exception(case.fault)
        elif case.told is not None:
            case.answer.set_result(case.told)


def _is_away(fault: Exception) -> bool:
    return isinstance(fault, psycopg.OperationalError) and not isinstance(fault, _MET)


def _raisable(fault: Exception) -> Exception:
    """A fault as a future takes it: of a `StopIteration` it makes an error of its own."""
    return RuntimeError("decide raised StopIteration") if isinstance(fault, StopIteration) else fault


class _Figures:
    """A desk's own of the metrics."""

    def __init__(self, metrics: Metrics, name: str) -> None:
        self._name = name
        self._refused = metrics.desk_refused
        self._batch_cases = metrics.desk_batch_cases.labels(name)
        self._wait_s = metrics.desk_wait_s.labels(name)
        self._decide_s = metrics.desk_decide_s.labels(name)
        self.put_off = metrics.desk_put_off.labels(name)
        self.taken_back = metrics.desk_late.labels(name, "taken_back")
        self.not_taken_back = metrics.desk_late.labels(name, "failed")
        self.waiting = metrics.desk_waiting.labels(name)
        self.is_open = metrics.desk_is_open.labels(name)

    def refused(self, why: str, count: int = 1) -> None:
        if count:
            self._refused.labels(self._name, why).inc(count)

    def decided(self, count: int, *, waits_s: list[float], decide_s: float) -> None:
        self._batch_cases.observe(count)
        self._decide_s.observe(decide_s)
        for wait_s in waits_s:
            self._wait_s.observe(wait_s)
