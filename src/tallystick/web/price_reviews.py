"""A line's price as it was looked at by night: what it is to be, from when, why, and the change that it was told of."""

from datetime import date, datetime

from litestar import Response, Router, get
from msgspec import Struct
from psycopg import Connection

from tallystick.operations.lines import Act
from tallystick.servicing.refusals import Refusal
from tallystick.storage.lines import read_line
from tallystick.storage.price_reviews import PriceAnswer, price_answers_of_line
from tallystick.strategy.price_targets import PRICE_REASON_TEXTS, PriceReason
from tallystick.trust.scopes import Scope
from tallystick.units.ids import IdPrefix, encode_id
from tallystick.web.answering import read
from tallystick.web.decision_views import ReasonView, optional_id
from tallystick.web.edge import Asked
from tallystick.web.happening import line_number, no_such_line
from tallystick.web.parameters import AfterDecision, LinePath, Page, PageLimit, needs, page, place_id
from tallystick.web.problems import problems


class PriceAnswerView(Struct, frozen=True):
    """What became of a line's price: `outcome` is lowered, noticed (higher from `binds_on` on) or kept.

    `id` is the decision, which tells the borrower's words; `change_id` the change of terms that the line was told of.
    """

    id: str
    line_id: str
    present_price_code: str
    price_code: str
    outcome: str
    reason: ReasonView
    refused_because: str | None
    change_id: str | None
    binds_on: date | None
    answered_at: datetime


def _view(answer: PriceAnswer) -> PriceAnswerView:
    return PriceAnswerView(
        id=encode_id(IdPrefix.DECISION, answer.decision_id),
        line_id=encode_id(IdPrefix.LINE, answer.line_id),
        present_price_code=answer.present_price_code,
        price_code=answer.price_code,
        outcome=answer.outcome,
        reason=ReasonView(answer.reason, *PRICE_REASON_TEXTS[PriceReason(answer.reason)]),
        refused_because=answer.refused_because,
        change_id=optional_id(IdPrefix.TERMS_CHANGE, answer.change_id),
        binds_on=answer.binds_on,
        answered_at=answer.answered_at,
    )


@get(
    "/lines/{line_id:str}/price-reviews",
    operation_id="list_price_reviews",
    tags=["terms"],
    guards=[needs(Scope.LINES_READ)],
    responses=problems(404),
    sync_to_thread=True,
)
def list_reviews(
    request: Asked, line_id: LinePath, limit: PageLimit = 20, after: AfterDecision = None
) -> Response[Page[PriceAnswerView]]:
    """The nights in which the strategy would have changed the line's price, and what became of it; the newest first."""
    number, before_id = line_number(line_id), place_id(IdPrefix.DECISION, after)

    def run(connection: Connection, _: Act) -> Page[PriceAnswerView] | Refusal:
        if read_line(connection, number) is None:
            return no_such_line()
        rows = price_answers_of_line(connection, number, before_id=before_id, most=limit + 1)
        return page(rows, limit=limit, view=_view, place=lambda row: encode_id(IdPrefix.DECISION, row.decision_id))

    return read(request, run, line_id=number)


router = Router("/", route_handlers=[list_reviews])
