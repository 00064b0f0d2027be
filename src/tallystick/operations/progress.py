"""How an operation tells what it is doing; the terminal draws it, a test or a server may ignore it."""

from typing import Protocol

from tallystick.reports.summary import Bilingual


class Progress(Protocol):
    """Told of steps in order; each ends when the next begins."""

    def step(self, text: Bilingual) -> None:
        """A new step begins."""
        ...

    def advance(self, share: float) -> None:
        """This share (0 to 1) of the present step is done."""
        ...


class Silent:
    """Progress that nobody watches."""

    def step(self, text: Bilingual) -> None:
        """Says nothing."""

    def advance(self, share: float) -> None:
        """Says nothing."""
