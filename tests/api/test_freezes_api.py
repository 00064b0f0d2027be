"""What is frozen over HTTP: at once, with what it is about, and how it ends."""

from collections.abc import Iterator

import pytest
from tests.api.conftest import Api
from tests.api.deciding import bought, deciding, decision_path, review_path
from tests.api.test_reviews_api import problem
from tests.deciding import Lender

from tallystick.trust.personal_data import Contact, contact_number
from tallystick.trust.scopes import Scope
from tallystick.units.ids import IdPrefix, encode_id
from tallystick.web.review_keeping import ReviewKeeping

ONE = 1_600_000
LINE_1 = encode_id(IdPrefix.LINE, 1)
REPORTED = {"subject": "line", "line_id": LINE_1, "reason": "phone lost"}


@pytest.fixture
def lender(api: Api) -> Iterator[Lender]:
    """A lender that decides behind the API."""
    with deciding(api) as lender:
        yield lender


def final_outcome(api: Api, path: str) -> str:
    """What came of a decision."""
    outcome: str = api.get(path).json()["decision"]["final_outcome"]
    return outcome


def test_a_line_is_frozen_with_what_waits_and_what_is_held(api: Api, lender: Lender) -> None:
    passed, waiting = bought(api, lender, 1, 5_000), bought(api, lender, 1, ONE)
    told = api.made("/v1/freezes", REPORTED)
    assert (told["freeze"]["subject_id"], told["freeze"]["placed_by"]) == (LINE_1, "checkout")
    assert told["freeze"]["way_out"] == {
        "zh": "该额度已冻结，可在应用内“安全中心”解冻",
        "en": "The line is frozen; it can be unfrozen under “Security” in the app",
    }
    assert final_outcome(api, decision_path(waiting)) == "decline"
    assert [act["kind"] for act in api.get(review_path(waiting)).json()["acts"]] == ["stopped"]
    [hold] = told["open_holds"]
    assert (hold["hold_id"], hold["left_minor"]) == (encode_id(IdPrefix.HOLD, passed.hold_id or 0), 5_000)
    assert api.get(f"/v1/lines/{LINE_1}").json()["standing"]["frozen_because"] == "phone lost"
    stopped = bought(api, lender, 1, 5_000)
    assert api.get(decision_path(stopped)).json()["explanation"]["en"][1] == told["freeze"]["way_out"]["en"]
    refused = api.post("/v1/freezes", REPORTED)
    assert problem(refused) == (422, "line_frozen")
    path = f"/v1/freezes/{told['freeze']['id']}"
    assert [each["hold_id"] for each in api.made(f"{path}/void_holds", {})["voided"]] == [hold["hold_id"]]
    assert api.get(path).json()["open_holds"] == []
    lifted = api.made(f"{path}/lift", {"reason": "identity proven"})
    assert (lifted["lifted_by"], lifted["lifted_because"]) == ("checkout", "identity proven")
    assert problem(api.post(f"{path}/lift", {"reason": "again"})) == (409, "freeze_lifted")
    assert api.get(f"/v1/lines/{LINE_1}").json()["standing"]["frozen_because"] is None


def test_the_routes_of_the_line_and_those_of_freezes_tell_the_same(api: Api, lender: Lender) -> None:
    waiting = bought(api, lender, 1, ONE)
    frozen = api.made(f"/v1/lines/{LINE_1}/freeze", {"reason": "phone lost"})
    assert (frozen["line"]["frozen_because"], frozen["line"]["held_minor"]) == ("phone lost", 0)
    assert final_outcome(api, decision_path(waiting)) == "decline"
    [found] = api.get("/v1/freezes", standing="true").json()["items"]
    assert (found["subject_id"], found["reason"]) == (LINE_1, "phone lost")
    api.made(f"/v1/lines/{LINE_1}/unfreeze", {"reason": "found"})
    assert api.get("/v1/freezes", standing="true").json()["items"] == []
    [lifted] = api.get("/v1/freezes", standing="false").json()["items"]
    assert (lifted["id"], lifted["lifted_because"]) == (found["id"], "found")


def test_a_device_is_frozen_by_its_name_or_by_its_id(api: Api, lender: Lender) -> None:
    number = contact_number(Contact.DEVICE, "Phone-77", master_key=api.edge.master_key)
    waiting = bought(api, lender, 1, ONE, device_id=number)
    passed = bought(api, lender, 2, 5_000, device_id=number)
    device_id = api.get(review_path(waiting)).json()["review"]["device_id"]
    told = api.made("/v1/freezes", {"subject": "named_device", "device": "phone-77", "reason": "farm"})
    assert (told["freeze"]["subject"], told["freeze"]["subject_id"]) == ("device", device_id)
    assert final_outcome(api, decision_path(waiting)) == "decline"
    assert [each["line_id"] for each in told["open_holds"]] == [encode_id(IdPrefix.LINE, 2)]
    again = api.post("/v1/freezes", {"subject": "device", "device_id": device_id, "reason": "farm"})
    assert problem(again) == (409, "subject_frozen")
    path = f"/v1/freezes/{told['freeze']['id']}"
    other = {"hold_ids": [encode_id(IdPrefix.HOLD, 5)]}
    assert problem(api.post(f"{path}/void_holds", other)) == (422, "hold_unknown")
    one = {"hold_ids": [encode_id(IdPrefix.HOLD, passed.hold_id or 0)]}
    assert len(api.made(f"{path}/void_holds", one)["voided"]) == 1


def test_a_freeze_by_a_decision_tells_how_it_ends_and_the_server_stops_what_waits(api: Api, lender: Lender) -> None:
    waiting = bought(api, lender, 1, ONE)
    decision = bought(api, lender, 1, 100, step_up_passed=True)
    while decision.outcome == "approve":
        decision = bought(api, lender, 1, 100, step_up_passed=True)
    [found] = api.get("/v1/freezes", subject="line").json()["items"]
    assert found["decision_id"] == encode_id(IdPrefix.DECISION, decision.decision_id)
    assert "核验身份后解冻" in found["way_out"]["zh"]
    told = api.get(decision_path(decision)).json()
    assert told["explanation"]["zh"][1] == found["way_out"]["zh"]
    keeping = ReviewKeeping(api.edge, metrics=api.frame.metrics)
    assert (keeping.round(), keeping.round()) == ((1, 0), (0, 0))
    assert final_outcome(api, decision_path(waiting)) == "decline"


def test_each_act_needs_its_scope(api: Api, lender: Lender) -> None:
    reader = api.other(Scope.FREEZES_READ)
    assert problem(reader.post("/v1/freezes", REPORTED)) == (403, "scope_missing")
    unknown = f"/v1/freezes/{encode_id(IdPrefix.FREEZE, 5)}"
    assert problem(reader.get(unknown)) == (404, "freeze_unknown")
    assert problem(api.post("/v1/freezes", REPORTED | {"line_id": encode_id(IdPrefix.LINE, 99)})) == (
        404, "line_not_open",
    )  # fmt: skip
