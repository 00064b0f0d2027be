"""Questions asked together: several statements in one round trip, each answer read once all were sent."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from psycopg import Cursor

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Asked(Generic[T]):
    """A statement that was sent; within a pipeline its answer is there when the pipeline is over."""

    cursor: Cursor[Any]
    read: Callable[[Cursor[Any]], T]

    def told(self) -> T:
        """The answer."""
        return self.read(self.cursor)
