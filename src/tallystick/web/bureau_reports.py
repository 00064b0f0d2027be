"""Reports of a credit bureau, as they are told to us: written once, seen by what is decided after them."""

from datetime import datetime
from typing import Annotated

import msgspec
from litestar import Response, Router, post
from litestar.params import JSONBody
from msgspec import Meta, Struct
from psycopg import Connection

from tallystick.operations.applications import BureauReport, note_bureau_report
from tallystick.operations.lines import Act
from tallystick.servicing.refusals import Refusal
from tallystick.trust.scopes import Scope
from tallystick.units.ids import IdPrefix, encode_id
from tallystick.web.answering import write
from tallystick.web.edge import Asked
from tallystick.web.parameters import BorrowerPath, IdempotencyKey, ToldMinor, needs, path_id
from tallystick.web.problems import problems

_Count = Annotated[int, Meta(ge=0, le=100_000)]


class BureauReportBody(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a bureau told of the borrower; leave out what it did not tell."""

    bureau_score: Annotated[int, Meta(ge=0, le=10_000)] | None = None
    open_lines: _Count | None = None
    total_limit_minor: ToldMinor | None = None
    total_drawn_minor: ToldMinor | None = None
    inquiries_90d: _Count | None = None
    worst_days_past_due_24m: _Count | None = None


class BureauReportView(Struct, frozen=True):
    """A report that is known from `told_at` on."""

    id: str
    borrower_id: str
    told_at: datetime


@post(
    "/borrowers/{borrower_id:str}/bureau-reports",
    operation_id="add_bureau_report",
    tags=["applications"],
    guards=[needs(Scope.APPLICATIONS_WRITE)],
    responses=problems(404, 409, 422),
    sync_to_thread=True,
)
def add(
    request: Asked, borrower_id: BorrowerPath, data: JSONBody[BureauReportBody], idempotency_key: IdempotencyKey
) -> Response[BureauReportView]:
    """Tell what a credit bureau reported. Applications that come after it are decided on it."""
    number = path_id(IdPrefix.BORROWER, borrower_id)

    def run(connection: Connection, act: Act) -> BureauReportView | Refusal:
        report_id = next(act.event_ids)
        report = msgspec.convert(data, BureauReport, from_attributes=True)
        refused = note_bureau_report(connection, number, report, report_id=report_id, act=act)
        if refused is not None:
            return refused
        return BureauReportView(encode_id(IdPrefix.BUREAU_REPORT, report_id), borrower_id, act.at)

    return write(request, data, run, idempotency_key=idempotency_key)


router = Router("/", route_handlers=[add])
