"""Whatever is sent, the API answers as its OpenAPI document says, and never with a defect of ours."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from psycopg.conninfo import conninfo_to_dict
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from tests.api.conftest import Api, caller_of, edge_over, listening
from tests.api.deciding import bought, deciding
from tests.api.test_applications_api import DECIDERS, applied, borrower_with_report
from tests.api.test_lines_api import draw_in_installments, open_line
from tests.conftest import copied_database

from tallystick.operations.deciding import Deciders
from tallystick.storage.embedded import Running
from tallystick.units.ids import IdPrefix, encode_id
from tallystick.web.app import create_app
from tallystick.web.edge import Edge

# The document needs no database, nor anything else of an edge.
# A request that fits may still be refused by a named rule (422), and one that repeats by its key (409).
REFUSED = {"checks": {"positive_data_acceptance": {"expected-statuses": ["2xx", "401", "403", "404", "409", "422"]}}}
OPENAPI = schemathesis.openapi.from_dict(
    create_app(cast("Edge", None)).openapi(), config=SchemathesisConfig.from_dict(REFUSED)
)
OPERATIONS: list[Any] = [cast("Any", found).ok() for found in OPENAPI.get_all_operations()]
BOUNDED = settings(
    max_examples=12,
    derandomize=True,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@dataclass(frozen=True)
class Known:
    """A database in which there is one of each thing, their ids by the path parameter that names them, and its time."""

    template: str
    ids: dict[str, str]
    at: datetime


@pytest.fixture(scope="module")
def known(server: Running, template_database: str) -> Iterator[Known]:
    """Made once by a server, and copied for every operation."""
    with copied_database(server, template_database) as url:
        with edge_over(url, deciders=DECIDERS) as edge:
            frame = create_app(edge)
            with listening(frame) as there, caller_of(edge, frame, there) as api:
                ids, at = _one_of_each(api), api.clock.at
        yield Known(str(conninfo_to_dict(url)["dbname"]), ids, at)


@pytest.fixture
def database_url(server: Running, known: Known) -> Iterator[str]:
    """A copy of what is known."""
    with copied_database(server, known.template) as url:
        yield url


@pytest.fixture
def deciders() -> Deciders:
    """Kept from test to test."""
    return DECIDERS


def _one_of_each(api: Api) -> dict[str, str]:
    line = open_line(api, reference="known")
    drawn = draw_in_installments(api, line["line_id"], 90_000)
    paid = api.made(f"/v1/lines/{line['line_id']}/payments", {"amount_minor": 100, "channel": "bank"})
    hold = api.made(
        f"/v1/lines/{line['line_id']}/holds",
        {"amount_minor": 500, "merchant_id": "merchant_0000000000005", "expires_on": "2026-11-30"},
    )
    refund = api.made(f"/v1/drawdowns/{drawn['fact']['draw_id']}/refunds", {"amount_minor": 100})
    api.made(f"/v1/lines/{line['line_id']}/fees", {"amount_minor": 300, "reason": "card copy"})
    waiver = {"kind": "waived", "component": "fee", "amount_minor": 100, "reason": "goodwill"}
    proposal = api.made(f"/v1/lines/{line['line_id']}/proposals", waiver)
    offer = api.made(f"/v1/lines/{line['line_id']}/limit-offers", {"limit_minor": 4_000_000, "reason": "review"})
    endpoint = api.made("/v1/webhook-endpoints", {"url": "http://127.0.0.1:9/"})
    clock = api.made("/v1/test-clocks", {"name": "a month", "stands_at": "2026-02-05T02:00:00Z"})
    with deciding(api) as lender:
        waiting = bought(api, lender, 1, 1_600_000, device_id=77)
    application = applied(api, borrower_with_report(api, "applicant"))
    frozen = api.made(
        "/v1/freezes", {"subject": "merchant", "merchant_id": encode_id(IdPrefix.MERCHANT, 7), "reason": "x"}
    )
    return {
        "line_id": line["line_id"],
        "acceptance_id": line["fact"]["acceptance_id"],
        "borrower_id": api.get("/v1/borrowers").json()["items"][0]["id"],
        "draw_id": drawn["fact"]["draw_id"],
        "plan_id": drawn["fact"]["plan"]["plan_id"],
        "payment_id": paid["fact"]["payment_id"],
        "hold_id": hold["fact"]["hold_id"],
        "refund_id": refund["fact"]["refund_id"],
        "proposal_id": proposal["id"],
        "clock_id": clock["id"],
        "offer_id": offer["id"],
        "application_id": application["id"],
        "credit_offer_id": application["offer"]["id"],
        "endpoint_id": endpoint["endpoint"]["id"],
        "authorization_id": encode_id(IdPrefix.AUTHORIZATION, waiting.decision_id),
        "decision_id": encode_id(IdPrefix.DECISION, waiting.decision_id),
        "review_id": encode_id(IdPrefix.REVIEW, waiting.decision_id),
        "freeze_id": frozen["freeze"]["id"],
    }


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.definition.raw["operationId"])
def test_every_answer_is_documented(operation: Any, api: Api, known: Known) -> None:
    api.clock.at = known.at
    url, headers = str(api.client.base_url), {"Authorization": f"Bearer {api.token}"}

    @BOUNDED
    @given(case=operation.as_strategy())
    def answers_as_documented(case: Any) -> None:
        case.call_and_validate(base_url=url, headers=headers)
        if set(case.path_parameters or {}) & set(known.ids):
            case.path_parameters = {name: known.ids.get(name, told) for name, told in case.path_parameters.items()}
            case.call_and_validate(base_url=url, headers=headers, checks=[not_a_server_error])

    answers_as_documented()


def test_the_document_has_every_route_and_names_every_problem() -> None:
    for operation in OPERATIONS:
        raw = operation.definition.raw
        assert raw["description"], raw["operationId"]
        if operation.path.startswith("/v1/"):
            assert {"400", "401", "403", "429", "503"} <= set(raw["responses"]), raw["operationId"]
            assert raw["security"] == [{"bearer": []}]
        if operation.method in ("post", "put", "delete") and "preview" not in operation.path + raw["operationId"]:
            headers = [one["name"] for one in raw.get("parameters", []) if one["in"] == "header"]
            has_none = raw["operationId"] in ("quote_plan", "quote_line", "authorize_batch")  # its items have one each
            assert headers == ([] if has_none else ["Idempotency-Key"]), raw["operationId"]
