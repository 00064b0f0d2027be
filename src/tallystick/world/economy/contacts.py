"""By what people and rings are known at a checkout: their devices, phones and addresses, as a shop writes them down."""

from typing import Final

from tallystick.world.economy.chances import Chances
from tallystick.world.economy.people import People

_YEAR_DAYS: Final = 365


class Contacts:
    """Those of a world's people; `begins` is its first day, since 1970."""

    def __init__(self, chances: Chances, *, people: People, device_years: float, begins: int) -> None:
        self._chances, self._people, self._begins = chances, people, begins
        self._lasts = device_years * _YEAR_DAYS

    def device(self, person: int, *, today: int) -> str:
        """What one shops with now: a phone of one's own or of the household, replaced after some years."""
        people = self._people
        owner = int(people.household[person]) if people.shares_device[person] else person
        age = float(self._chances.uniform("device/age", owner)) * self._lasts
        return f"device {owner}/{int((today - self._begins + age) // self._lasts)}"

    def phone(self, person: int) -> str:
        """One's number."""
        return f"phone {person}"

    def address(self, person: int) -> str:
        """Where one has things delivered."""
        return f"address {int(self._people.household[person])}"


def ring_device(number: int) -> str:
    """A device that a ring works with."""
    return f"ring device {number}"


def ring_phone(number: int) -> str:
    """A number that a ring is reached at."""
    return f"ring phone {number}"


def ring_address(number: int) -> str:
    """Where a ring has things delivered."""
    return f"ring address {number}"
