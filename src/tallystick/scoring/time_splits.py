"""Which rows teach and which test: out of time, on what was known when the test began."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tallystick.scoring.folds import Flags

Ticks = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Window:
    """Ticks of training and of test, each half-open."""

    train_from: int
    train_until: int
    test_from: int
    test_until: int

    def earlier(self, ticks: int) -> "Window":
        """The same window so much before."""
        return Window(*(tick - ticks for tick in (self.train_from, self.train_until, self.test_from, self.test_until)))

    def trains(self, tick: Ticks, known_at: Ticks) -> Flags:
        """Rows to learn from: in the training window, and their outcome known when the test begins."""
        return self.in_training(tick) & (known_at <= self.test_from)

    def in_training(self, tick: Ticks) -> Flags:
        """Rows of the training window, whatever is known of them."""
        return (tick >= self.train_from) & (tick < self.train_until)

    def tests(self, tick: Ticks) -> Flags:
        """Rows of the test window."""
        return (tick >= self.test_from) & (tick < self.test_until)


def last_share(tick: Ticks, *, test_percent: int) -> Window:
    """The last share of the time is the test, all before it the training.

    >>> last_share(np.array([0, 10, 99]), test_percent=25)
    Window(train_from=0, train_until=75, test_from=75, test_until=100)
    """
    first, until = int(tick.min()), int(tick.max()) + 1
    border = until - (until - first) * test_percent // 100
    return Window(first, border, border, until)


def known_bad_before(
    *, day: Ticks, day_ticks: int, key: Ticks, is_bad: Flags, tick: Ticks, known_at: Ticks, window: Window
) -> Flags:
    """Test rows whose key was known bad when their day began, by what happened since the training's start.

    `day` numbers the days; `key` is the entity's. A card whose fraud is known is blocked: finding it again is no find.
    """
    told = is_bad & (tick >= window.train_from)
    keys, place = np.unique(key, return_inverse=True)
    first_known = np.full(len(keys), np.iinfo(np.int64).max)
    np.minimum.at(first_known, place[told], known_at[told])
    return np.asarray(window.tests(tick) & (first_known[place] <= day * day_ticks))
