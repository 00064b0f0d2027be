"""Work that goes on beside the requests: rounds in a thread of their own, until the server stops."""

from collections.abc import Callable
from threading import Event, Thread
from typing import Final

import psycopg
import structlog
from psycopg_pool import PoolTimeout

from tallystick.web.logs import frames_of

_AFTER_FAULT_S: Final = 5.0


class Rounds:
    """Does one thing again and again; a round that fails is told, and tried again after a while.

    `round_` gives the seconds until the next one. A database that is away is waited for in silence: it will be back.
    """

    def __init__(self, name: str, round_: Callable[[], float], *, after_fault_s: float = _AFTER_FAULT_S) -> None:
        self._name = name
        self._round = round_
        self._after_fault_s = after_fault_s
        self._stopping = Event()
        self._thread = Thread(target=self._run, name=name, daemon=True)
        self._log = structlog.get_logger().bind()

    @property
    def is_stopping(self) -> bool:
        """Whether a round that is long should end at its next step."""
        return self._stopping.is_set()

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End when the round that is running does."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._stopping.wait(self._wait_s())

    def _wait_s(self) -> float:
        try:
            return self._round()
        except (psycopg.OperationalError, PoolTimeout):
            return self._after_fault_s
        except Exception as defect:
            self._log.error(self._name, fault=type(defect).__name__, traceback=frames_of(defect))
            return self._after_fault_s
