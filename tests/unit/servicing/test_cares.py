"""What cares mean beyond money: contact and reporting by the contract, the strictest of all that hold."""

from datetime import date

import pytest
from msgspec.structs import replace
from tests.lives import Life

from tallystick.servicing import facts
from tallystick.servicing.cares import treatment
from tallystick.servicing.refusals import Refusal
from tallystick.terms.catalog import shipped_products
from tallystick.terms.product import CareKind, Contact, Reporting

BAITIAO = shipped_products()["baitiao"]
OPENED_ON = date(2026, 1, 5)


@pytest.mark.parametrize(
    ("cares", "contact", "reporting"),
    [
        ((), Contact.BORROWER, Reporting.CONTINUES),
        ((CareKind.HARDSHIP,), Contact.BORROWER_IN_WRITING, Reporting.MARKED),
        ((CareKind.DECEASED,), Contact.ESTATE_IN_WRITING, Reporting.WITHHELD),
        ((CareKind.IDENTITY_THEFT, CareKind.HARDSHIP), Contact.NOBODY, Reporting.WITHHELD),
    ],
)
def test_the_strictest_care_says_who_is_spoken_to_and_what_is_reported(
    cares: tuple[CareKind, ...], contact: Contact, reporting: Reporting
) -> None:
    life = Life(product=BAITIAO).open(OPENED_ON)
    for care in cares:
        assert not isinstance(life.act(facts.CareBegun(kind=care), today=OPENED_ON), Refusal)
    assert life.line is not None
    treated = treatment(life.line, terms=BAITIAO)
    assert (treated.contact, treated.reporting) == (contact, reporting)


def test_what_a_care_means_is_the_contracts_word() -> None:
    gentle = replace(BAITIAO.cares[CareKind.HARDSHIP], contact=Contact.BORROWER, reporting=Reporting.CONTINUES)
    terms = replace(BAITIAO, cares={**BAITIAO.cares, CareKind.HARDSHIP: gentle})
    life = Life(product=terms).open(OPENED_ON)
    assert not isinstance(life.act(facts.CareBegun(kind=CareKind.HARDSHIP), today=OPENED_ON), Refusal)
    assert life.line is not None
    assert treatment(life.line, terms=terms).contact is Contact.BORROWER
