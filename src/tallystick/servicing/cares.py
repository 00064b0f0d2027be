"""What cares mean for whoever speaks to the borrower or reports about one: the strictest that the contract says."""

from typing import Final

from msgspec import Struct

from tallystick.servicing.line import Line
from tallystick.terms.product import Contact, Product, Reporting

_CONTACTS: Final = tuple(Contact)  # from the freest to none at all, as they are declared
_REPORTINGS: Final = tuple(Reporting)


class Treatment(Struct, frozen=True):
    """Whom collection may speak to, and what the bureau is told."""

    contact: Contact
    reporting: Reporting


def treatment(line: Line, *, terms: Product) -> Treatment:
    """How the borrower of a line is treated: as any other without a care, by the strictest of all that hold."""
    cares = [terms.cares[care] for care in line.cares if care in terms.cares]
    return Treatment(
        contact=max((care.contact for care in cares), key=_CONTACTS.index, default=Contact.BORROWER),
        reporting=max((care.reporting for care in cares), key=_REPORTINGS.index, default=Reporting.CONTINUES),
    )
