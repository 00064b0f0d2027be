"""Purchases over HTTP: decided, held, captured, given back; and what is told when nothing can be decided."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from tests.api.conftest import Api
from tests.api.test_lines_api import MERCHANT, accepted_line, open_line, quoted, standing
from tests.books import told_events

from tallystick.operations.api_keys import Caller
from tallystick.operations.authorizing import Purchase
from tallystick.operations.lines import Act
from tallystick.operations.strategies import strategy_files
from tallystick.operations.strategy_life import approve, promote, submit
from tallystick.storage.decisions import StoredDecision
from tallystick.storage.embedded import Running
from tallystick.strategy.case_columns import TAKEN_BACK_TEXTS, CheckpointName
from tallystick.trust.personal_data import Contact, contact_number
from tallystick.trust.scopes import Scope
from tallystick.units.ids import IdPrefix, decode_id
from tallystick.web.checkout import Waiting


@pytest.fixture
def lending(api: Api) -> Api:
    """A caller of a lender whose standard strategy is in force."""
    with api.edge.pool.connection() as connection:

        def act(actor: str) -> Act:
            return Act(actor=actor, at=api.clock.at, today=api.clock.at.date(), event_ids=api.edge.ids)

        kept = submit(connection, strategy_files(None), act=act("ann"))
        approve(connection, kept.strategy_id, note="", act=act("bo"))
        promote(connection, kept.strategy_id, because="begin", act=act("bo"))
    return api


def asked(line_id: str, amount_minor: int = 20_000, **more: object) -> dict[str, Any]:
    """A purchase of an everyday kind."""
    body = {"line_id": line_id, "amount_minor": amount_minor, "merchant_id": MERCHANT, "category": "clothes"}
    return {**body, "deadline_ms": 10_000, **more}  # the first purchase waits for what decides to be compiled


def opened(api: Api, **more: Any) -> str:
    """A line that has a day behind it."""
    line_id: str = open_line(api, **more)["line_id"]
    api.clock.at += timedelta(days=1)
    return line_id


def bought(api: Api, line_id: str, amount_minor: int = 20_000, **more: object) -> dict[str, Any]:
    """A purchase, decided."""
    return api.made("/v1/authorizations", asked(line_id, amount_minor, **more))


def test_a_purchase_is_approved_and_captured_once(lending: Api) -> None:
    line_id = opened(lending)
    told = bought(lending, line_id)
    assert (told["outcome"], told["reasons"], told["held_minor"]) == ("approve", [], 20_000)
    assert [each["most_installments"] for each in told["installments"]] == [6], "a new line"
    assert standing(lending, line_id)["held_minor"] == 20_000
    path = f"/v1/authorizations/{told['id']}"
    drawn = lending.made(f"{path}/capture", {"amount_minor": 20_000, "metadata": {"order": "7"}})
    assert (drawn["line"]["drawn_minor"], drawn["line"]["held_minor"]) == (20_000, 0)
    again = lending.post(f"{path}/capture", {"amount_minor": 20_000})
    assert (again.status_code, again.json()["code"]) == (422, "hold_unknown")
    assert lending.get(path).json()["held_minor"] == 0


def test_a_decline_is_an_answer_with_its_reasons_in_both_languages(lending: Api) -> None:
    line_id = opened(lending)
    told = bought(lending, line_id, 3_000_001)
    assert (told["outcome"], told["hold_id"], told["installments"]) == ("decline", None, [])
    assert told["reasons"] == [
        {
            "code": "OVER_AVAILABLE",
            "zh": "订单金额超过可用额度",
            "en": "The order is above your available credit",
        }
    ]
    refused = lending.post(f"/v1/authorizations/{told['id']}/capture", {"amount_minor": 1})
    assert (refused.status_code, refused.json()["code"]) == (422, "authorization_not_approved")
    assert lending.post(f"/v1/authorizations/{told['id']}/void", {}).json()["code"] == "authorization_not_approved"


def test_what_the_books_refuse_is_told_in_the_borrowers_words_and_in_figures_to_an_officer(lending: Api) -> None:
    body = {"reference": "two-lines", "jurisdiction": "CN", "currency": "CNY", "joint_cap_minor": 3_000_000}
    borrower_id = lending.made("/v1/borrowers", body)["id"]
    one, two = (
        lending.made("/v1/lines", accepted_line(lending, borrower_id, limit_minor=each))["line_id"]
        for each in (1_000_000, 2_000_000)
    )
    lending.clock.at += timedelta(days=1)
    with lending.edge.pool.connection() as connection:
        connection.execute("UPDATE borrowers SET joint_cap_minor = 100000")
    bought(lending, one, 60_000)
    told = bought(lending, two, 50_000)
    assert (told["outcome"], told["reasons"][0]["code"]) == ("decline", "joint_cap_exceeded")
    assert told["reasons"][0]["en"].startswith("All your lines together have reached their cap")
    number = told["id"].removeprefix("auth_")
    officer = lending.get(f"/v1/decisions/decision_{number}", **{"for": "officer"}).json()
    assert officer["officer"]["refused_figures"] == {"joint_available_minor": 40_000}


def test_parts_are_captured_within_what_was_authorized_and_the_tolerance(lending: Api) -> None:
    line_id = opened(lending)
    path = f"/v1/authorizations/{bought(lending, line_id, 50_000)['id']}"
    part = lending.made(f"{path}/capture", {"amount_minor": 30_000, "keeps_hold": True})
    assert (part["line"]["drawn_minor"], part["line"]["held_minor"]) == (30_000, 20_000)
    beyond = lending.post(f"{path}/capture", {"amount_minor": 25_001})
    assert (beyond.status_code, beyond.json()["code"]) == (422, "capture_exceeds_authorized")
    assert "25,000" in beyond.json()["detail"]
    rest = lending.made(f"{path}/capture", {"amount_minor": 25_000})
    assert (rest["line"]["drawn_minor"], rest["line"]["held_minor"]) == (55_000, 0)


def test_a_capture_in_installments_takes_the_disclosure_that_was_accepted(lending: Api) -> None:
    line_id = opened(lending)
    path = f"/v1/authorizations/{bought(lending, line_id, 90_000)['id']}"
    plan = {"offer": "order_installments", "price_code": "standard", "installments": 3}
    plan["accepted_hash"] = quoted(lending, line_id, 90_000)["document_hash"]
    drawn = lending.made(f"{path}/capture", {"amount_minor": 90_000, "plan": plan})
    assert drawn["fact"]["plan"]["plan_id"].startswith("plan_")


def test_what_is_given_back_in_part_and_expires(lending: Api) -> None:
    line_id = opened(lending)
    until = (lending.clock.at + timedelta(days=2)).date().isoformat()
    path = f"/v1/authorizations/{bought(lending, line_id, 50_000, expires_on=until)['id']}"
    assert lending.made(f"{path}/void", {"amount_minor": 20_000})["line"]["held_minor"] == 30_000
    lending.clock.at += timedelta(days=3)
    assert standing(lending, line_id)["held_minor"] == 0
    assert lending.post(f"{path}/capture", {"amount_minor": 1_000}).json()["code"] == "hold_unknown"
    too_long = lending.post("/v1/authorizations", asked(line_id, expires_on="2027-01-05"))
    assert (too_long.status_code, too_long.json()["code"]) == (422, "hold_too_long")


def test_the_same_request_has_the_same_answer(lending: Api) -> None:
    line_id = opened(lending)
    first = lending.post("/v1/authorizations", asked(line_id), key="order-1")
    again = lending.post("/v1/authorizations", asked(line_id), key="order-1")
    assert (again.status_code, again.json(), again.headers["Idempotency-Replayed"]) == (201, first.json(), "true")
    other = lending.post("/v1/authorizations", asked(line_id, 30_000), key="order-1")
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")
    assert standing(lending, line_id)["held_minor"] == 20_000


def test_many_at_once_are_answered_each_on_its_own(lending: Api) -> None:
    one, two = (opened(lending, reference=each) for each in ("a", "b"))
    no_line = "line_0000000000001"
    orders = [asked(one), asked(one, 30_000), asked(two, 9_999_999), asked(no_line)]
    items = [{"idempotency_key": f"k{place}", "authorization": each} for place, each in enumerate(orders)]
    answer = lending.post("/v1/authorizations/batch", {"items": items})
    assert answer.status_code == 200, answer.text
    told = answer.json()["items"]
    assert [each["status"] for each in told] == [201, 201, 201, 404]
    assert [each["authorization"]["outcome"] for each in told[:3]] == ["approve", "approve", "decline"]
    assert told[3]["problem"]["code"] == "line_not_open"
    assert standing(lending, one)["held_minor"] == 50_000
    twice = lending.post("/v1/authorizations/batch", {"items": [items[0], items[0]]})
    assert (twice.status_code, twice.json()["code"]) == (422, "key_twice")


def test_who_asks_later_in_a_batch_sees_what_others_asked_and_froze(lending: Api) -> None:
    other, lines = lending.other(holder="another checkout"), [opened(lending, reference=f"p{n}") for n in range(7)]
    for line_id in lines[:5]:
        bought(lending, line_id, 100, device="shared", step_up_passed=True)
        lending.clock.at += timedelta(seconds=1)
    waiting = [
        Waiting(_purchase(api, line_id), caller)
        for api, caller, line_id in (
            (lending, _caller(lending), lines[5]),
            (other, _caller(other), lines[6]),
        )
    ]
    told = lending.frame.checkout._decide(waiting)
    first, second = (each.answer for each in told if each is not None)
    assert isinstance(first, StoredDecision)
    assert isinstance(second, StoredDecision)
    assert {first.reasons[0], second.reasons[0]} == {"DEVICE_SHARED_BY_MANY", "DEVICE_FROZEN"}


def _caller(api: Api) -> Caller:
    """Who that token is."""
    with api.edge.pool.connection() as connection:
        found = api.edge.callers.identify(connection, api.token, at=api.clock.at)
    assert isinstance(found, Caller)
    return found


def _purchase(api: Api, line_id: str) -> Purchase:
    """A purchase on the device that all share."""
    number = next(api.edge.ids)
    return Purchase(
        decision_id=number,
        request_key=f"batch/{number}",
        request_digest=b"x",
        line_id=decode_id(IdPrefix.LINE, line_id),
        amount_minor=100,
        merchant_id=5,
        expires_on=api.clock.at.date() + timedelta(days=5),
        device_id=contact_number(Contact.DEVICE, "shared", master_key=api.edge.master_key),
        step_up_passed=True,
    )


def test_two_purchases_never_take_the_last_yuan_both(lending: Api) -> None:
    line_id = opened(lending, limit_minor=100_000)
    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(lambda _: bought(lending, line_id, 40_000, step_up_passed=True), range(8)))
    assert sorted(each["outcome"] for each in told) == ["approve"] * 2 + ["decline"] * 6
    assert standing(lending, line_id)["held_minor"] == 80_000


def test_after_a_second_factor_the_order_comes_again_and_names_who_asked(lending: Api) -> None:
    line_id = opened(lending)
    asks = bought(lending, line_id, 250_000)
    assert (asks["outcome"], asks["step_up_of"], asks["hold_id"]) == ("step_up", None, None)
    passed = bought(lending, line_id, 250_000, step_up_of=asks["id"])
    assert (passed["outcome"], passed["step_up_of"]) == ("approve", asks["id"])
    assert lending.get(f"/v1/authorizations/{passed['id']}").json() == passed | {"merchant_id": MERCHANT}
    used = lending.post("/v1/authorizations", asked(line_id, amount_minor=250_000, step_up_of=asks["id"]))
    assert (used.status_code, used.json()["code"], used.json()["param"]) == (409, "step_up_used", "step_up_of")


def test_the_lists_tell_the_newest_first(lending: Api) -> None:
    line_id = opened(lending)
    made = [bought(lending, line_id, 10_000 + number)["id"] for number in range(3)]
    first = lending.get(f"/v1/lines/{line_id}/authorizations", limit=2).json()
    assert [each["id"] for each in first["items"]] == [made[2], made[1]]
    rest = lending.get(f"/v1/lines/{line_id}/authorizations", after=first["next_after"]).json()
    assert [each["id"] for each in rest["items"]] == [made[0]]
    assert lending.get("/v1/authorizations/auth_0000000000001").json()["code"] == "authorization_unknown"
    assert lending.get("/v1/lines/line_0000000000001/authorizations").json()["code"] == "line_not_open"


def test_devices_are_kept_as_numbers_only(lending: Api) -> None:
    line_id = opened(lending)
    for _ in range(2):
        bought(lending, line_id, 1_000, device="IMEI 35-209900-176148-1", phone="+86 138", address="长安街1号")
    with lending.edge.pool.connection() as connection:
        [(devices, phones)] = connection.execute(
            "SELECT array_agg(DISTINCT device_id), array_agg(DISTINCT phone_id) FROM stream_purchase"
        ).fetchall()
    assert (len(devices), len(phones)) == (1, 1)


def test_nothing_decides_before_a_strategy_is_promoted(api: Api) -> None:
    line_id = opened(api)
    answer = api.post("/v1/authorizations", asked(line_id))
    assert (answer.status_code, answer.json()["code"]) == (503, "no_strategy_in_force")
    assert "tallystick strategy submit" in answer.json()["detail"]


def test_who_asks_again_may_wait_longer(lending: Api) -> None:
    line_id = opened(lending)
    first = lending.post("/v1/authorizations", asked(line_id, deadline_ms=9_000), key="one")
    again = lending.post("/v1/authorizations", asked(line_id, deadline_ms=10_000), key="one")
    assert (again.status_code, again.json()) == (201, first.json())


def test_a_key_without_the_scope_is_refused(lending: Api) -> None:
    line_id = opened(lending)
    reader = lending.other(Scope.AUTHORIZATIONS_READ)
    assert reader.post("/v1/authorizations", asked(line_id)).json()["code"] == "scope_missing"


@pytest.fixture
def blocked(lending: Api) -> Iterator[tuple[Api, str, psycopg.Connection]]:
    """A line that another process has, and the connection that has it."""
    line_id = opened(lending)
    bought(lending, line_id, 1_000)  # what decides is compiled
    with lending.edge.pool.connection() as other:
        other.execute("SELECT FROM lines FOR UPDATE")
        yield lending, line_id, other


def test_a_line_in_use_is_waited_for_until_the_deadline_and_the_safe_outcome_told(
    blocked: tuple[Api, str, psycopg.Connection],
) -> None:
    api, line_id, other = blocked
    late = api.post("/v1/authorizations", asked(line_id, deadline_ms=150), key="late")
    assert (late.status_code, late.json()["code"]) == (503, "undecided")
    assert "outcome: decline; nothing is held" in late.json()["detail"]
    other.rollback()
    assert standing(api, line_id)["held_minor"] == 1_000
    again = api.post("/v1/authorizations", asked(line_id, deadline_ms=5_000), key="late")
    assert (again.status_code, again.json()["outcome"]) == (201, "approve")


def test_what_is_decided_after_its_deadline_is_taken_back(lending: Api) -> None:
    line_id = opened(lending)
    bought(lending, line_id, 1_000)
    with lending.edge.pool.connection() as other:
        other.execute("LOCK TABLE decision_traces IN EXCLUSIVE MODE")  # the decision is made, and cannot be written
        late = lending.post("/v1/authorizations", asked(line_id, deadline_ms=200), key="late")
        assert (late.status_code, late.json()["code"]) == (503, "undecided")
    lending.frame.checkout.stop()  # what was owed is paid
    assert standing(lending, line_id)["held_minor"] == 1_000
    for listed in (f"/v1/decisions?line_id={line_id}", f"/v1/lines/{line_id}/authorizations"):
        assert [each["is_withdrawn"] for each in lending.get(listed).json()["items"]] == [True, False]
    told = lending.get(f"/v1/lines/{line_id}/authorizations").json()["items"][0]
    assert (told["outcome"], told["zh"], told["en"]) == ("approve", *TAKEN_BACK_TEXTS)
    last = lending.get(f"/v1/decisions?line_id={line_id}&limit=1").json()["items"][0]["id"]
    for reader in ("borrower", "officer"):
        seen = lending.get(f"/v1/decisions/{last}?for={reader}").json()
        assert seen["decision"]["is_withdrawn"]
        assert (seen["explanation"]["zh"], seen["explanation"]["en"]) == tuple([text] for text in TAKEN_BACK_TEXTS)
    with lending.edge.pool.connection() as connection:
        [(withdrawn, decided)] = connection.execute(
            "SELECT (SELECT count(*) FROM withdrawn_decisions), (SELECT count(*) FROM decisions)"
        ).fetchall()
        told = [kind for kind, _ in told_events(connection)]
    assert (withdrawn, decided, told) == (1, 2, ["decision_withdrawn"])


def test_a_release_decides_from_the_next_purchase_on(lending: Api) -> None:
    line_id = opened(lending)
    first = bought(lending, line_id, 1_000)
    files = strategy_files(None)
    table = f"{CheckpointName.AUTHORIZE}/available.csv"
    files[table] = files[table].replace(b"amount_minor > available_minor", b"amount_minor > 100")
    with lending.edge.pool.connection() as connection:
        act = Act("ann", lending.clock.at, lending.clock.at.date(), lending.edge.ids)
        kept = submit(connection, files, act=act)
        approve(connection, kept.strategy_id, note="", act=Act("bo", act.at, act.today, act.event_ids))
        promote(connection, kept.strategy_id, because="try", act=act)
    second = bought(lending, line_id, 1_000)
    assert (first["outcome"], second["outcome"]) == ("approve", "decline")
    assert second["strategy_id"] == kept.strategy_id


def test_the_database_away_is_told_with_the_safe_outcome(lending: Api, server: Running) -> None:
    line_id = opened(lending)
    bought(lending, line_id, 1_000)
    with lending.edge.pool.connection() as connection:
        name = connection.info.dbname
        lending.edge.deciders.warm(connection)  # as the server does every second
    borrower_id = lending.get(f"/v1/lines/{line_id}").json()["borrower_id"]
    with psycopg.connect(server.url, autocommit=True) as outside:
        outside.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false'.encode())
        outside.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
        told = lending.post("/v1/authorizations", asked(line_id, deadline_ms=400), key="away")
        assert (told.status_code, told.json()["code"]) == (503, "undecided")
        assert "outcome: decline" in told.json()["detail"]
        # Nothing of these is recorded: the same key asks anew.
        lending.edge.pool.timeout, usual_s = 0.2, lending.edge.pool.timeout
        for path, body, outcome in (
            ("/v1/applications", {"borrower_id": borrower_id}, "review"),
            ("/v1/limit_requests", {"line_id": line_id, "requested_minor": 4_000_000}, "keep"),
        ):
            away = lending.post(path, body, key="away")
            assert (away.status_code, away.json()["code"]) == (503, "undecided")
            assert f"(outcome: {outcome}; nothing is recorded)" in away.json()["detail"]
        lending.edge.pool.timeout = usual_s
        outside.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true'.encode())
    done = threading.Event()
    for _ in range(100):
        again = lending.post("/v1/authorizations", asked(line_id), key="away")
        if again.status_code == 201:
            done.set()
            break
        done.wait(0.1)
    assert done.is_set()
    assert standing(lending, line_id)["held_minor"] == 21_000
