"""Who applies and when, with what, and who takes what is offered."""

from datetime import date

import msgspec
import numpy as np
import numpy.typing as npt
from scipy.special import expit

from tallystick.units.rates import PPM
from tallystick.world.economy import acts
from tallystick.world.economy.chances import Chances
from tallystick.world.economy.contacts import Contacts, ring_address, ring_device, ring_phone
from tallystick.world.economy.information import bureau_reports, stated
from tallystick.world.economy.information_parameters import InformationParameters
from tallystick.world.economy.lives import Lives, day_number
from tallystick.world.economy.living_parameters import LivingParameters
from tallystick.world.economy.people import People
from tallystick.world.economy.rings import RingApplications, forged
from tallystick.world.economy.rings_parameters import RingsParameters
from tallystick.world.economy.rivals import Rivals

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


class Applying:
    """How a world's people come to the lender."""

    def __init__(
        self,
        chances: Chances,
        *,
        people: People,
        living: LivingParameters,
        information: InformationParameters,
        contacts: Contacts,
        rivals: Rivals,
        begins_on: date,
    ) -> None:
        self._chances, self._people, self._living, self._rivals = chances, people, living, rivals
        self._information, self._contacts = information, contacts
        self._begins = day_number(begins_on)

    def applicants(self, lives: Lives, *, today: int) -> Integers:
        """Who applies today: whoever has heard of the lender, and some who were declined a while ago."""
        arriving, number = self._living.arriving, np.arange(len(self._people))
        has_none = (lives.line_id == 0) & ~lives.has_left
        heard = self._begins + np.floor(self._people.hears_on).astype(np.int64)
        first = (lives.times_applied == 0) & (heard == today)
        tries = self._chances.happens(
            "person/tries again", number, at=lives.times_applied, chance=arriving.again_chance
        )
        waits = today == lives.applied_on + arriving.again_after_days
        again = (lives.times_applied > 0) & (lives.times_applied < arriving.most_times) & waits & tries
        return np.flatnonzero(has_none & (first | again))

    def applications(self, who: Integers, lives: Lives, *, on: date) -> list[acts.Apply]:
        """What they apply with: their own word, the bureau's, and the device, phone and address that they use."""
        told = stated(
            self._chances, self._people, who, on=on, is_jobless=lives.is_jobless[who],
            parameters=self._information.stated,
        )  # fmt: skip
        reports = bureau_reports(
            self._chances,
            self._people,
            who,
            on=on,
            stated_parameters=self._information.stated,
            parameters=self._information.bureau,
            rivals=self._rivals,
        )
        return [
            acts.Apply(
                reference=reference_of(person),
                stated=says,
                report=report,
                device=self._contacts.device(person, today=day_number(on)),
                phone=self._contacts.phone(person),
                address=self._contacts.address(person),
            )
            for person, says, report in zip(who.tolist(), told, reports, strict=True)
        ]

    def applications_of_rings(
        self, told: RingApplications, lives: Lives, *, on: date, parameters: RingsParameters
    ) -> list[acts.Apply]:
        """The same in names that rings use: with forged papers, from devices, phones and addresses of their own."""
        own = self.applications(told.person, lives, on=on)
        papers = forged(self._chances, [each.stated for each in own], told, rings=parameters)
        places = zip(own, papers, told.device.tolist(), told.phone.tolist(), told.address.tolist(), strict=True)
        return [
            msgspec.structs.replace(
                each, stated=says, device=ring_device(device), phone=ring_phone(phone), address=ring_address(address)
            )
            for each, says, device, phone, address in places
        ]

    def accepts(self, who: Integers, limit_minor: Integers, *, fee_ppm: Integers) -> Flags:
        """Who takes the line offered: those who need it, sooner where it is large for them, or installments cheap."""
        arriving, traits = self._living.arriving, self._people.traits
        size = np.log(np.maximum(limit_minor, 1) / traits.income_month_minor[who])
        dearer = (fee_ppm - self._living.prices.usual_fee_ppm) / PPM
        leaning = (
            arriving.accept_intercept
            + arriving.accept_need * traits.need[who]
            + arriving.accept_size * size
            + arriving.accept_price * dearer
        )
        return self._chances.happens("person/accepts", who, chance=expit(leaning))


def reference_of(person: int) -> str:
    """How a lender knows somebody: the reference of each application."""
    return f"person-{person}"
