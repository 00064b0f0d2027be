"""A change of contract over HTTP: listed, shown as a page, accepted, objected to."""

from datetime import date
from typing import Any

import psycopg
import pytest
from msgspec.structs import replace
from tests.api.conftest import Api
from tests.api.test_lines_api import open_line

from tallystick.operations.contract_changes import announce
from tallystick.operations.lines import Act
from tallystick.storage import contracts
from tallystick.terms.catalog import shipped_products


@pytest.fixture
def told(api: Api, database_url: str) -> dict[str, Any]:
    """A line that was told today of a higher price from a month on."""
    line_id = open_line(api)["line_id"]
    product = shipped_products()["baitiao"]
    assert product.pay_next_month is not None
    dearer = replace(
        product,
        version=2,
        late=replace(product.late, penalty=None),
        pay_next_month=replace(product.pay_next_month, daily_rate_ppm=600),
    )
    now = api.clock()
    act = Act(actor="product owner", at=now, today=date(2026, 1, 5), event_ids=api.edge.ids)
    with psycopg.connect(database_url, autocommit=True) as connection:
        contracts.add_product(connection, dearer, published_on=act.today, published_by="author")
        list(announce(connection, product_id="baitiao", act=act))
    [notice] = api.get(f"/v1/lines/{line_id}/terms-notices").json()["items"]
    found: dict[str, Any] = notice
    return found


def test_a_line_is_told_what_comes_and_when(api: Api, told: dict[str, Any]) -> None:
    assert (told["noticed_on"], told["binds_on"], told["outcome"]) == ("2026-01-05", "2026-02-04", None)
    path = f"/v1/terms-changes/{told['change_id']}/disclosure"
    shown = api.get(path).json()
    assert shown["document_hash"] == told["document_hash"]
    assert shown["disclosure"]["terms"]["previous_simple_percent"] == "18.24"
    headers = {"Authorization": f"Bearer {api.token}", "Accept": "text/html", "Accept-Language": "en"}
    page = api.client.get(path, headers=headers)
    assert "You may object before 4 February 2026" in page.text


def test_a_borrower_accepts(api: Api, told: dict[str, Any]) -> None:
    path = f"/v1/lines/{told['line_id']}/terms-notices/{told['change_id']}/accept"
    assert api.post(path, {"accepted_hash": "0" * 64}).json()["code"] == "acceptance_missing"
    accepted = api.made(path, {"accepted_hash": told["document_hash"]})
    assert accepted["kind"] == "terms_changed"
    assert api.get(f"/v1/lines/{told['line_id']}").json()["contract_hash"] == told["to_contract_hash"]


def test_a_borrower_objects(api: Api, told: dict[str, Any]) -> None:
    path = f"/v1/lines/{told['line_id']}/terms-notices/{told['change_id']}"
    assert api.made(f"{path}/object", {})["outcome"] == "objected"
    assert api.get(f"/v1/lines/{told['line_id']}").json()["standing"]["frozen_because"]
    again = api.post(f"{path}/accept", {"accepted_hash": told["document_hash"]})
    assert (again.status_code, again.json()["code"]) == (409, "offer_answered")


def test_there_is_no_change_of_an_unknown_id(api: Api, told: dict[str, Any]) -> None:
    unknown = "change_0000000000001"
    assert api.get(f"/v1/terms-changes/{unknown}/disclosure").json()["code"] == "terms_change_unknown"
    refused = api.post(f"/v1/lines/{told['line_id']}/terms-notices/{unknown}/object", {})
    assert (refused.status_code, refused.json()["code"]) == (404, "notice_unknown")
