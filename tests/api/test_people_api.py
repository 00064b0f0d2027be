"""Who a borrower is stays apart, is read only by name, and is erased for good while the books stay whole."""

import psycopg
import pytest
from tests.api.conftest import Api
from tests.api.test_lines_api import accepted_line, draw

from tallystick.operations.personal_data import rewrap_secrets
from tallystick.trust.master_key import MasterKey
from tallystick.trust.scopes import Scope
from tallystick.units.ids import IdPrefix, encode_id

PERSON = {
    "full_name": "王小明",
    "phone": "+8613800138000",
    "identity": {"kind": "resident_identity_card", "country": "CN", "number": "11010519491231002X"},
}
BODY = {"reference": "p1", "jurisdiction": "CN", "currency": "CNY", "personal_data": PERSON}


def test_personal_data_is_read_as_it_was_given_and_the_reader_is_kept(api: Api) -> None:
    borrower = api.made("/v1/borrowers", BODY)
    path = f"/v1/borrowers/{borrower['id']}/personal-data"
    answer = api.other(Scope.PERSONAL_DATA_READ, holder="call center").get(path)
    assert answer.json()["personal_data"] == PERSON
    [read] = api.get(f"{path}/reads").json()["items"]
    assert (read["actor"], read["request_id"]) == ("call center", answer.headers["request-id"])


def test_everybody_who_looked_is_told_page_by_page(api: Api) -> None:
    path = f"/v1/borrowers/{api.made('/v1/borrowers', BODY)['id']}/personal-data"
    asked = [api.get(path).headers["request-id"] for _ in range(5)]
    told: list[str] = []
    after: dict[str, str] = {}
    while True:
        page = api.get(f"{path}/reads", limit=2, **after).json()
        told += [read["request_id"] for read in page["items"]]
        if page["next_after"] is None:
            break
        after = {"after": page["next_after"]}
    assert told == asked[::-1]
    assert api.get("/v1/borrowers/borrower_0000000000001/personal-data/reads").status_code == 404


def test_a_borrower_is_told_without_a_name(api: Api) -> None:
    borrower = api.made("/v1/borrowers", BODY)
    told = api.get(f"/v1/borrowers/{borrower['id']}").text + api.get("/v1/borrowers", reference="p1").text
    assert "王" not in told
    assert "138" not in told
    assert api.get("/v1/borrowers", reference="p1").json()["items"] == [borrower]


def test_who_may_not_read_personal_data_does_not(api: Api) -> None:
    borrower = api.made("/v1/borrowers", BODY)
    refused = api.other(Scope.BORROWERS_READ, Scope.LINES_READ).get(f"/v1/borrowers/{borrower['id']}/personal-data")
    assert refused.status_code == 403
    assert api.other(Scope.BORROWERS_WRITE).post("/v1/borrowers", {**BODY, "reference": "p2"}).status_code == 403


def test_the_database_holds_no_name_in_any_table(api: Api, database_url: str) -> None:
    api.made("/v1/borrowers", BODY)
    api.post("/v1/borrowers", {**BODY, "reference": "p2"})
    with psycopg.connect(database_url) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        told = "".join(
            str(row)
            for (table,) in tables
            for row in connection.execute(f'SELECT t::text FROM "{table}" AS t'.encode())
        )
    assert "p1" in told
    for word in ("王小明", "13800138000", "11010519491231002X"):
        assert word not in told
        assert word.encode().hex() not in told


def test_one_document_is_one_borrower(api: Api) -> None:
    first = api.made("/v1/borrowers", BODY)
    person = {**PERSON, "identity": {**PERSON["identity"], "number": "110105 19491231 002x"}}  # type: ignore[dict-item]
    refused = api.post("/v1/borrowers", {**BODY, "reference": "p2", "personal_data": person})
    assert (refused.status_code, refused.json()["code"]) == (409, "identity_taken")
    assert refused.json()["figures"] == {"borrower_id": first["id"]}
    assert api.get("/v1/borrowers", reference="p2").json()["items"] == [], "nothing of a refused request stays"


def test_an_erased_person_is_gone_and_the_books_are_whole(api: Api, database_url: str) -> None:
    borrower = api.made("/v1/borrowers", BODY)
    opened = api.made("/v1/lines", accepted_line(api, borrower["id"]))
    draw(api, opened["line_id"], 10_000)
    path = f"/v1/borrowers/{borrower['id']}/personal-data"
    assert api.delete(path).status_code == 200
    assert api.delete(path).status_code == 200
    gone = api.get(path)
    assert (gone.status_code, gone.json()["code"]) == (409, "person_erased")
    assert api.put(path, PERSON).json()["code"] == "person_erased"
    assert api.get(f"/v1/lines/{opened['line_id']}").json()["standing"]["drawn_minor"] == 10_000
    with psycopg.connect(database_url) as connection:
        row = connection.execute("SELECT wrapped_key, sealed, identity_index FROM personal_records").fetchone()
    assert row == (None, None, None)
    again = api.post("/v1/borrowers", {**BODY, "reference": "p2"})
    assert again.status_code == 201, "the same person may come back, as another borrower"


def test_personal_data_can_be_corrected(api: Api) -> None:
    borrower = api.made("/v1/borrowers", {**BODY, "personal_data": None})
    path = f"/v1/borrowers/{borrower['id']}/personal-data"
    assert api.get(path).json()["code"] == "person_unknown"
    assert api.put(path, PERSON).status_code == 200
    assert api.put(path, {"full_name": "王晓明"}).status_code == 200
    assert api.get(path).json()["personal_data"] == {"full_name": "王晓明"}


@pytest.mark.parametrize(
    ("change", "code"),
    [({"jurisdiction": "XX"}, "jurisdiction_unknown"), ({"reference": "p1"}, "borrower_exists")],
)
def test_a_borrower_that_cannot_be_is_refused(api: Api, change: dict[str, str], code: str) -> None:
    api.made("/v1/borrowers", BODY)
    refused = api.post("/v1/borrowers", {**BODY, "personal_data": None, "reference": "p2", **change})
    assert refused.json()["code"] == code


def test_a_blocked_borrower_gets_no_line(api: Api) -> None:
    borrower = api.made("/v1/borrowers", BODY)
    blocked = api.made(f"/v1/borrowers/{borrower['id']}/block", {"reason": "fraud"})
    assert blocked["blocked_because"] == "fraud"
    line = accepted_line(api, borrower["id"])
    assert api.post("/v1/lines", line).json()["code"] == "borrower_blocked"
    assert api.made(f"/v1/borrowers/{borrower['id']}/unblock", {"reason": "cleared"})["blocked_because"] is None
    assert api.post("/v1/lines", line).status_code == 201


def test_a_death_is_told_once_and_holds_on_every_line(api: Api) -> None:
    """What stops, whom to contact and what is reported stand on each line; the person shows what holds for all."""
    borrower_id = api.made("/v1/borrowers", BODY)["id"]
    first, second = (api.made("/v1/lines", accepted_line(api, borrower_id))["line_id"] for _ in range(2))
    draw(api, first, 90_000)
    stands = api.get(f"/v1/borrowers/{borrower_id}/standing").json()
    assert (stands["lines"], stands["exposure_minor"]) == (2, 90_000)
    assert (stands["joint_cap_minor"], stands["joint_available_minor"]) == (20_000_000, 19_910_000)
    path = f"/v1/borrowers/{borrower_id}/begin-care"
    begun = api.made(path, {"kind": "deceased", "note": "told by her son", "effective_on": "2026-01-05"})
    assert [event["kind"] for event in begun["events"]] == ["care_begun", "care_begun"]
    assert "son" not in str(begun), "the note stays inside"
    for line_id in (first, second):
        shown = api.get(f"/v1/lines/{line_id}").json()["standing"]
        assert (shown["cares"], shown["contact"], shown["reporting"]) == (["deceased"], "estate_in_writing", "withheld")
    assert api.get(f"/v1/borrowers/{borrower_id}/standing").json()["cares"] == ["deceased"]
    again = api.post(path, {"kind": "deceased"})
    assert again.json()["code"] == "line_in_care"
    assert api.made(f"/v1/borrowers/{borrower_id}/end-care", {"kind": "deceased"})["events"]
    shown = api.get(f"/v1/lines/{second}").json()["standing"]
    assert (shown["cares"], shown["contact"], shown["reporting"]) == ([], "borrower", "continues")
    assert api.get(f"/v1/borrowers/{encode_id(IdPrefix.BORROWER, 1)}/standing").status_code == 404


def test_a_lender_caps_a_person_lower_than_the_law(api: Api) -> None:
    added = api.made("/v1/borrowers", {**BODY, "joint_cap_minor": 100_000})
    assert added["joint_cap_minor"] == 100_000
    plain = api.made("/v1/borrowers", {**BODY, "reference": "p3", "personal_data": None})
    assert plain["joint_cap_minor"] == 20_000_000


def test_another_master_key_opens_everything_once_it_has_been_sealed_anew(api: Api) -> None:
    borrower = api.made("/v1/borrowers", BODY)
    api.made("/v1/webhook-endpoints", {"url": "http://127.0.0.1:9/"})
    new = MasterKey(bytes(reversed(range(32))))
    with api.edge.pool.connection() as connection:
        assert rewrap_secrets(connection, old=api.edge.master_key, new=new) == 1
    object.__setattr__(api.edge, "master_key", new)
    path = f"/v1/borrowers/{borrower['id']}/personal-data"
    assert api.get(path).json()["personal_data"] == PERSON
    refused = api.post("/v1/borrowers", {**BODY, "reference": "p2"})
    assert refused.json()["code"] == "identity_taken", "the document is found under the new key as well"
