"""A server of a benchmark, in a process of its own."""

import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

UP_WITHIN_S: Final = 60


@contextmanager
def served(command: Sequence[str], *, environment: Mapping[str, str] | None = None) -> Iterator[int]:
    """The port, which was free; the command takes it as its last word. Stopped at the end."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    process = subprocess.Popen([*command, str(port)], env=environment, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + UP_WITHIN_S
        while not _listens(port):
            if time.monotonic() > until or process.poll() is not None:
                raise AssertionError(f"{' '.join(command)} did not come up")
            time.sleep(0.05)
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
