"""Higher limits asked for over HTTP: answered at once with reasons; what happens to a line is looked at soon."""

from datetime import date, timedelta
from typing import Any

import psycopg
import pytest
from tests.api.conftest import Api
from tests.api.test_lines_api import open_line, standing
from tests.books import ended
from tests.commands import command

from tallystick.operations.close_day import close_day
from tallystick.operations.deciding import Deciders
from tallystick.operations.limit_reviews import review_lines_at_night
from tallystick.operations.lines import Act
from tallystick.operations.price_reviews import reprice_lines_at_night
from tallystick.operations.strategies import strategy_files
from tallystick.operations.strategy_life import approve, promote, submit
from tallystick.trust.scopes import Scope
from tallystick.units.ids import IdPrefix, decode_id
from tallystick.web.limit_rounds import LimitRounds

LIMIT = 1_000_000


def released(api: Api) -> None:
    """The standard strategy is in force, and no behavior score is asked for an increase."""
    files = strategy_files(None)
    grade = files["review_limit/grade.csv"].split(b"\n")
    grade[1] = b"no_score,pd_ppm IS NULL AND bureau_score IS NULL,C,NO_SCORE_YET,N,N"
    files["review_limit/grade.csv"] = b"\n".join(grade)
    bureau = files["review_limit/bureau.csv"]
    files["review_limit/bureau.csv"] = bureau.replace(b",keep,BUREAU_MISSING,", b",continue,BUREAU_MISSING,")
    merit = files["reprice/merit.csv"].replace(b"months_on_book < 12,", b"months_on_book < 6,")
    files["reprice/merit.csv"] = merit.replace(b"fair,otherwise,keep,", b"fair,otherwise,lower,")
    with api.edge.pool.connection() as connection:
        kept = submit(connection, files, act=act_of(api, "ann"))
        approve(connection, kept.strategy_id, note="", act=act_of(api, "bo"))
        promote(connection, kept.strategy_id, because="begin", act=act_of(api, "bo"))


def act_of(api: Api, actor: str) -> Act:
    """Who acts, now."""
    today: date = api.clock.at.astimezone(api.edge.zone).date()
    return Act(actor=actor, at=api.clock.at, today=today, event_ids=api.edge.ids)


def reviewed(api: Api) -> None:
    """The close of yesterday, and a night's review."""
    with api.edge.pool.connection() as connection:
        connection.autocommit = True
        act = act_of(api, "night")
        list(close_day(connection, act.today - timedelta(days=1), act=act))
        ended(review_lines_at_night(connection, deciders=Deciders(), act=act, zone=api.edge.zone))
        connection.autocommit = False


@pytest.fixture
def lending(api: Api) -> Api:
    """A caller of a lender whose strategy reviews limits."""
    released(api)
    return api


def old_line(api: Api) -> str:
    """A line of 10,000 yuan, eight months old."""
    line_id: str = open_line(api, limit_minor=LIMIT)["line_id"]
    api.clock.at += timedelta(days=250)
    return line_id


def happened(api: Api, line_id: str, trigger: str, **told: object) -> dict[str, Any]:
    return api.made(f"/v1/lines/{line_id}/limit-reviews", {"trigger": trigger, **told})


def looked_at(api: Api) -> int:
    """A round of the server."""
    return LimitRounds(api.edge, metrics=api.frame.metrics).round()


def asked(api: Api, line_id: str, requested_minor: int) -> dict[str, Any]:
    return api.made("/v1/limit_requests", {"line_id": line_id, "requested_minor": requested_minor})


def test_a_borrower_asks_is_offered_accepts_and_has_the_higher_limit(lending: Api) -> None:
    line_id = old_line(lending)
    reviewed(lending)  # without an income it may not rise, and no cap has a price
    with lending.edge.pool.connection() as connection:
        connection.execute("UPDATE limit_nights SET room = '{1e12,1e12,1e12}'")
    wished = happened(lending, line_id, "income_proof", income_month_minor=2_000_000)
    assert wished["trigger"] == "income_proof"
    told = asked(lending, line_id, 1_200_000)
    assert (told["outcome"], told["limit_minor"], told["target_minor"]) == ("offered", LIMIT, 1_200_000), told["en"]
    assert told["held_by"]["code"] == "AS_ASKED"
    assert told["en"][0] == "a limit of 12,000.00 yuan is offered; it holds once you accept it"
    assert told["zh"][0].startswith("可将额度提高至")
    assert standing(lending, line_id)["limit_minor"] == LIMIT
    path = f"/v1/limit-offers/{told['offer_id']}"
    accepted = lending.made(f"{path}/accept", {"accepted_hash": lending.get(path).json()["document_hash"]})
    assert accepted["line"]["limit_minor"] == 1_200_000
    assert lending.get(f"/v1/limit_requests/{told['id']}").json() == told
    again = asked(lending, line_id, 1_300_000)
    assert (again["outcome"], again["reasons"][0]["code"]) == ("kept", "RAISED_LATELY")
    assert again["en"][1:2] == ["The limit was raised too lately"]
    assert any("days since the limit was last raised at 90" in line for line in again["en"]), "".join(again["en"])[
        -300:
    ]
    listed = lending.get(f"/v1/lines/{line_id}/limit_requests", limit=1).json()
    assert [each["id"] for each in listed["items"]] == [again["id"]]
    more = lending.get(f"/v1/lines/{line_id}/limit_requests", after=listed["next_after"]).json()
    assert [each["id"] for each in more["items"]] == [told["id"]]
    assert looked_at(lending) == 1
    triggers = [each["trigger"] for each in lending.get(f"/v1/lines/{line_id}/limit-reviews").json()["items"]]
    assert triggers == ["income_proof", "borrower_request", "borrower_request"]


def test_what_became_of_a_price_is_listed_and_told_in_words(lending: Api) -> None:
    line_id = old_line(lending)
    assert lending.get(f"/v1/lines/{line_id}/price-reviews").json()["items"] == []
    with lending.edge.pool.connection() as connection:
        connection.autocommit = True
        act = act_of(lending, "night")
        list(close_day(connection, act.today - timedelta(days=1), act=act))
        told = ended(reprice_lines_at_night(connection, deciders=Deciders(), act=act, zone=lending.edge.zone))
        connection.autocommit = False
    assert told.lines == 1
    [answer] = lending.get(f"/v1/lines/{line_id}/price-reviews").json()["items"]
    assert (answer["outcome"], answer["price_code"], answer["change_id"]) == ("kept", "standard", None)
    assert (answer["reason"]["code"], answer["reason"]["zh"]) == ("NO_LOWER_PRICE", "没有更低的价格")
    told_of = lending.get(f"/v1/decisions/{answer['id']}").json()
    assert (told_of["decision"]["outcome"], told_of["decision"]["final_outcome"]) == ("lower", "keep")
    assert told_of["explanation"]["en"] == ["it stays as it is", "no lower price is sold"]


def test_the_same_request_is_answered_once(lending: Api) -> None:
    line_id = old_line(lending)
    body = {"line_id": line_id, "requested_minor": 1_200_000}
    first, second = (lending.post("/v1/limit_requests", body, key="once") for _ in range(2))
    assert first.status_code == second.status_code == 201
    assert first.json() == second.json()
    assert first.json()["outcome"] == "kept"
    assert len(lending.get(f"/v1/lines/{line_id}/limit_requests").json()["items"]) == 1


def test_a_warning_is_looked_at_by_the_next_round_and_the_line_is_frozen(lending: Api) -> None:
    line_id = old_line(lending)
    happened(lending, line_id, "early_warning", warning="red")
    assert standing(lending, line_id)["limit_minor"] == LIMIT
    assert looked_at(lending) == 1
    now = standing(lending, line_id)
    assert (now["limit_minor"], now["frozen_because"]) == (100_000, "WARNED_RED")
    (answer,) = lending.get(f"/v1/lines/{line_id}/limit-reviews").json()["items"]
    assert (answer["outcome"], answer["target_minor"]) == ("lowered", 100_000)
    assert answer["event_id"].startswith("event_")
    assert looked_at(lending) == 0


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"trigger": "income_proof"}, "income_month_minor"),
        ({"trigger": "payment", "warning": "red"}, "warning"),
    ],
)
def test_what_happened_tells_what_it_is_about(lending: Api, body: dict[str, Any], param: str) -> None:
    line_id = old_line(lending)
    refused = lending.post(f"/v1/lines/{line_id}/limit-reviews", body)
    assert (refused.status_code, refused.json()["code"], refused.json()["param"]) == (422, "trigger_incomplete", param)


def test_what_is_not_there_and_who_may_not_ask(lending: Api) -> None:
    nobody = {"line_id": "line_0000000000009", "requested_minor": 5}
    assert lending.post("/v1/limit_requests", nobody).json()["code"] == "line_not_open"
    assert lending.get("/v1/limit_requests/decision_0000000000009").json()["code"] == "limit_request_unknown"
    reader = lending.other(Scope.LINES_READ)
    assert reader.post("/v1/limit_requests", nobody).status_code == 403


def test_without_a_strategy_nobody_answers_and_the_key_is_free_again(api: Api) -> None:
    line_id = old_line(api)
    body = {"line_id": line_id, "requested_minor": 1_200_000}
    away = api.post("/v1/limit_requests", body, key="again")
    assert (away.status_code, away.json()["code"]) == (503, "no_strategy_in_force")
    happened(api, line_id, "payment")
    assert looked_at(api) == 0
    released(api)
    assert api.post("/v1/limit_requests", body, key="again").status_code == 201
    assert looked_at(api) == 1


def test_the_nights_command_tells_what_became_of_limits(lending: Api, database_url: str) -> None:
    line_id = open_line(lending, limit_minor=LIMIT)["line_id"]
    happened(lending, line_id, "early_warning", warning="red")
    night = ("review-lines", "--by", "night")
    assert "close-day" in command(*night, url=database_url, language="zh").refused()
    command("close-day", url=database_url).told()
    in_chinese = command(*night, url=database_url, language="zh").told()
    assert "审查 1 条额度" in in_chinese
    assert command(*night, url=database_url, language="zh").told() == in_chinese
    in_english = command(*night, url=database_url).told()
    assert "1 lines looked at" in in_english
    assert max(map(len, (*in_chinese.splitlines(), *in_english.splitlines()))) <= 100
    with psycopg.connect(database_url) as connection:
        row = connection.execute(
            "SELECT limit_minor FROM lines WHERE line_id = %s", [decode_id(IdPrefix.LINE, line_id)]
        ).fetchone()
    assert row == (100_000,)
