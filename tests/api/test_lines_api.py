"""A line's life over HTTP: opened, drawn, billed, paid, refunded, settled."""

from typing import Any

from tests.api.conftest import Api

MERCHANT = "merchant_0000000000005"


def open_line(api: Api, *, limit_minor: int = 3_000_000, reference: str = "person-1") -> dict[str, Any]:
    borrower = api.made("/v1/borrowers", {"reference": reference, "jurisdiction": "CN", "currency": "CNY"})
    return api.made("/v1/lines", {"borrower_id": borrower["id"], "product_id": "baitiao", "limit_minor": limit_minor})


def draw(api: Api, line_id: str, amount_minor: int) -> dict[str, Any]:
    return api.made(f"/v1/lines/{line_id}/drawdowns", {"amount_minor": amount_minor, "merchant_id": MERCHANT})


def test_a_line_is_drawn_and_paid(api: Api) -> None:
    line_id = open_line(api)["line_id"]
    drawn = draw(api, line_id, 100_000)
    assert drawn["line"]["drawn_minor"] == 100_000
    assert drawn["line"]["available_minor"] == 2_900_000
    paid = api.made(f"/v1/lines/{line_id}/payments", {"amount_minor": 30_000, "channel": "bank", "reference": "r1"})
    assert paid["fact"]["payment_id"].startswith("payment_")
    assert paid["line"]["credit_minor"] == 30_000, "what is not billed yet is not asked for"
    seen = api.get(f"/v1/lines/{line_id}").json()
    assert seen["standing"] == paid["line"]
