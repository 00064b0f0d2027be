"""The API on a socket: told to stop, it first says so, then answers what it has begun, and only then ends."""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from types import FrameType
from typing import Final

import uvicorn

from tallystick.web.bookkeeping import Bookkeeping
from tallystick.web.damage_watch import DamageWatch
from tallystick.web.edge import Edge
from tallystick.web.frame import Frame
from tallystick.web.limit_rounds import LimitRounds
from tallystick.web.review_keeping import ReviewKeeping
from tallystick.web.rounds import Rounds
from tallystick.web.sending import Sending
from tallystick.web.tiling import Tiling

# How long a request that has begun may take once no new one is taken.
_FINISH_S: Final = 30
_LOOK_EVERY_S: Final = 1.0


class DrainingServer(uvicorn.Server):
    """Uvicorn that turns `/readyz` to 503 for some seconds before it stops listening."""

    def __init__(self, config: uvicorn.Config, *, frame: Frame, drain_s: float) -> None:
        super().__init__(config)
        self._frame = frame
        self._drain_s = drain_s
        self._stop_at_s: float | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first signal begins the drain, the next one ends it."""
        if self._frame.is_draining:
            super().handle_exit(sig, frame)
        else:
            self._frame.is_draining = True
            self._stop_at_s = monotonic() + self._drain_s

    async def on_tick(self, counter: int) -> bool:
        """Uvicorn asks ten times a second whether to stop."""
        if self._stop_at_s is not None and monotonic() >= self._stop_at_s:
            self.should_exit = True
        return await super().on_tick(counter)


@contextmanager
def kept_up(look: Callable[[], object]) -> Iterator[None]:
    """Look after something once a second, in a thread, for the time of the block; a look that fails is repeated."""

    def watch() -> float:
        look()
        return _LOOK_EVERY_S

    rounds = Rounds("database", watch, after_fault_s=_LOOK_EVERY_S)
    rounds.start()
    try:
        yield
    finally:
        rounds.stop()


def serve(frame: Frame, *, edge: Edge, host: str, port: int, drain_s: float) -> None:
    """Answer until told to stop.

    Meanwhile webhooks are sent, the books kept, busy keys rolled up, reviews closed whose time is over, limits looked
    at, and what is decided is watched.
    """
    config = uvicorn.Config(
        frame,
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_FINISH_S,
        lifespan="on",
    )
    parts = (Sending, Bookkeeping, Tiling, ReviewKeeping, LimitRounds, DamageWatch)
    beside = [part(edge, metrics=frame.metrics) for part in parts]
    gc.collect()
    gc.freeze()  # what stands now stays until the end: looking through all of it stops whoever waits for a decision
    for work in (*beside, frame.checkout):
        work.start()
    try:
        DrainingServer(config, frame=frame, drain_s=drain_s).run()
    finally:
        frame.checkout.stop()
        for work in beside:
            work.stop()
