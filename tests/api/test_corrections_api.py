"""Corrections over HTTP: what cannot be meant is refused when it is proposed, and what is gone is not found."""

from typing import Any

import pytest
from tests.api.conftest import Api
from tests.api.test_lines_api import draw_in_installments, open_line


def plan(api: Api) -> tuple[str, str]:
    line_id = open_line(api)["line_id"]
    return line_id, draw_in_installments(api, line_id, 90_000)["fact"]["plan"]["plan_id"]


@pytest.mark.parametrize(
    ("correction", "param"),
    [
        ({"kind": "payment_holiday", "periods": 0}, "periods"),
        ({"kind": "payment_holiday", "periods": 37}, "periods"),
        ({"kind": "payment_holiday", "periods": 10**18}, "periods"),
        ({"kind": "plan_reaged", "installments": 0, "first_due_on": "2026-02-10"}, "installments"),
        ({"kind": "plan_reaged", "installments": 10**18, "first_due_on": "2026-02-10"}, "installments"),
    ],
)
def test_a_restructure_that_nobody_means_is_refused(api: Api, correction: dict[str, Any], param: str) -> None:
    line_id, plan_id = plan(api)
    answer = api.post(f"/v1/lines/{line_id}/proposals", {**correction, "plan_id": plan_id})
    assert (answer.status_code, answer.json()["param"]) == (400, param)


@pytest.mark.parametrize(
    "correction",
    [
        {"kind": "payment_holiday", "periods": 36},
        {"kind": "plan_reaged", "installments": 60, "first_due_on": "2026-02-10"},
    ],
)
def test_the_widest_restructure_is_done_and_asks_for_what_was_drawn(api: Api, correction: dict[str, Any]) -> None:
    line_id, plan_id = plan(api)
    proposed = api.made(f"/v1/lines/{line_id}/proposals", {**correction, "plan_id": plan_id})
    api.other(holder="second person").made(f"/v1/proposals/{proposed['id']}/approve", {})
    told = api.get(f"/v1/plans/{plan_id}").json()
    assert sum(part["principal_minor"] for part in told["installments"]) == 90_000
    assert max(part["due_on"] for part in told["installments"]) > "2028-12-31"


@pytest.mark.parametrize("path", ["", "/settlement-quote"])
def test_a_plan_whose_draw_was_undone_is_not_there(api: Api, path: str) -> None:
    line_id = open_line(api)["line_id"]
    drawn = draw_in_installments(api, line_id, 90_000)
    undo = {"kind": "event_undone", "event_id": drawn["event_id"], "reason": "booked on the wrong line"}
    proposed = api.made(f"/v1/lines/{line_id}/proposals", undo)
    api.other(holder="second person").made(f"/v1/proposals/{proposed['id']}/approve", {})
    answer = api.get(f"/v1/plans/{drawn['fact']['plan']['plan_id']}{path}")
    assert (answer.status_code, answer.json()["code"]) == (404, "plan_unknown")


def test_a_reference_used_on_another_line_names_that_line_by_its_public_id(api: Api) -> None:
    first, second = open_line(api)["line_id"], open_line(api, reference="person-2")["line_id"]
    paid = {"amount_minor": 500, "channel": "gateway", "reference": "wx-88"}
    api.made(f"/v1/lines/{first}/payments", paid)
    answer = api.post(f"/v1/lines/{second}/payments", paid)
    assert (answer.status_code, answer.json()["code"]) == (409, "reference_reused")
    assert answer.json()["figures"]["line_id"] == first
