"""A person over all lines: how one stands, and the cares that begin and end on every line at once."""

from datetime import date

from litestar import Response, Router, get, post
from litestar.params import JSONBody
from msgspec import Struct
from psycopg import Connection

from tallystick.operations.lines import Act
from tallystick.operations.persons import PersonStanding, person_standing, record_care
from tallystick.servicing import facts
from tallystick.servicing.refusals import Refusal
from tallystick.terms.product import CareKind
from tallystick.trust.scopes import Scope
from tallystick.units.ids import IdPrefix
from tallystick.web.answering import read, write
from tallystick.web.edge import Asked, caller_of, edge_of
from tallystick.web.happening import Happened, told
from tallystick.web.parameters import BorrowerPath, IdempotencyKey, OptionalText, needs, path_id, plausible
from tallystick.web.problems import problems


class PersonCareBody(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which care begins for the person, and since when; a line opened later has it from its opening."""

    kind: CareKind
    note: OptionalText = ""
    effective_on: date | None = None


class PersonCareEndBody(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which care is over."""

    kind: CareKind
    note: OptionalText = ""


class CareRecorded(Struct, frozen=True):
    """What was recorded: one event on each line that it concerned."""

    borrower_id: str
    kind: CareKind
    events: list[Happened]


@get(
    "/borrowers/{borrower_id:str}/standing",
    operation_id="get_borrower_standing",
    tags=["borrowers"],
    guards=[needs(Scope.BORROWERS_READ), needs(Scope.LINES_READ)],
    responses=problems(404),
    sync_to_thread=True,
)
def get_standing(request: Asked, borrower_id: BorrowerPath) -> Response[PersonStanding]:
    """How a person stands over all lines: joint exposure and cap, and what keeps every line from lending."""
    number = path_id(IdPrefix.BORROWER, borrower_id)
    return read(request, lambda connection, act: person_standing(connection, number, act=act))


@post(
    "/borrowers/{borrower_id:str}/begin-care",
    operation_id="begin_care_of_borrower",
    tags=["borrowers"],
    guards=[needs(Scope.CORRECTIONS_WRITE)],
    responses=problems(404, 409, 422),
    sync_to_thread=True,
)
def begin_care(
    request: Asked, borrower_id: BorrowerPath, data: JSONBody[PersonCareBody], idempotency_key: IdempotencyKey
) -> Response[CareRecorded]:
    """Hardship, death or identity theft of a person: on every line, what its contract says stops, stops."""
    plausible(data.effective_on, param="effective_on")
    fact = facts.CareBegun(kind=data.kind, note=data.note)
    return _recorded(request, borrower_id, data, fact, on=data.effective_on, idempotency_key=idempotency_key)


@post(
    "/borrowers/{borrower_id:str}/end-care",
    operation_id="end_care_of_borrower",
    tags=["borrowers"],
    guards=[needs(Scope.CORRECTIONS_WRITE)],
    responses=problems(404, 409, 422),
    sync_to_thread=True,
)
def end_care(
    request: Asked, borrower_id: BorrowerPath, data: JSONBody[PersonCareEndBody], idempotency_key: IdempotencyKey
) -> Response[CareRecorded]:
    """The care no longer holds on any line of the person."""
    fact = facts.CareEnded(kind=data.kind, note=data.note)
    return _recorded(request, borrower_id, data, fact, on=None, idempotency_key=idempotency_key)


def _recorded(
    request: Asked,
    borrower_id: str,
    body: object,
    fact: facts.CareBegun | facts.CareEnded,
    *,
    on: date | None,
    idempotency_key: str,
) -> Response[CareRecorded]:
    number = path_id(IdPrefix.BORROWER, borrower_id)
    edge, caller = edge_of(request), caller_of(request)

    def run(connection: Connection, _: Act) -> CareRecorded | Refusal:
        def act_on(line_id: int) -> Act:
            return edge.act_on_line(connection, caller, line_id)

        recorded = record_care(connection, number, fact, on=on, act_on=act_on)
        if isinstance(recorded, Refusal):
            return recorded
        events = [told(connection, done.event, line=done.line, act=act_on(done.line.line_id)) for done in recorded]
        return CareRecorded(borrower_id=borrower_id, kind=fact.kind, events=events)

    return write(request, body, run, idempotency_key=idempotency_key)


router = Router("/", route_handlers=[get_standing, begin_care, end_care])
