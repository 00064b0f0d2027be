"""What happened, in the order in which it became visible: a reader that keeps its place misses nothing."""

from typing import Annotated, Final

from litestar import Response, Router, get
from litestar.params import QueryParameter
from psycopg import Connection

from tallystick.operations.lines import Act
from tallystick.operations.public_events import PublicEvent, public_event
from tallystick.storage import event_feed
from tallystick.storage.event_feed import BEGINNING, FedEvent, Position
from tallystick.trust.scopes import Scope
from tallystick.units.ids import IdPrefix
from tallystick.web.answering import read
from tallystick.web.edge import Asked
from tallystick.web.parameters import AfterPlace, OfLine, Page, PageLimit, body_id, needs
from tallystick.web.problems import Problem, problems

_LARGEST: Final = (1 << 63) - 1
_LARGEST_GENERATION: Final = (1 << 31) - 1


def _place(event: FedEvent) -> str:
    position = event.position
    return f"{position.generation}.{position.xid}.{position.event_id}"


def _position(after: str | None) -> Position:
    """The place after which to read. Raises `Problem` for what was no `next_after`."""
    if after is None:
        return BEGINNING
    generation, xid, event_id = map(int, after.split("."))
    if generation > _LARGEST_GENERATION or max(xid, event_id) > _LARGEST:
        raise Problem("request_invalid", status=400, detail="after: give the next_after of a page", param="after")
    return Position(generation, xid, event_id)


@get(
    "/events",
    operation_id="list_events",
    tags=["events"],
    guards=[needs(Scope.EVENTS_READ)],
    responses=problems(),
    sync_to_thread=True,
)
def list_all(
    request: Asked,
    line_id: OfLine = None,
    kind: Annotated[str | None, QueryParameter(max_length=60, pattern="^[a-z_]+$")] = None,
    limit: PageLimit = 20,
    after: AfterPlace = None,
) -> Response[Page[PublicEvent]]:
    """Events of all lines, or of one line or kind, oldest first.

    `next_after` is there even on the last page as long as it has items: ask again with it for what came since.
    """
    owner = None if line_id is None else body_id(IdPrefix.LINE, line_id, param="line_id")
    position = _position(after)

    def run(connection: Connection, _: Act) -> Page[PublicEvent]:
        rows = event_feed.events_after(connection, position, most=limit, line_id=owner, kind=kind)
        return Page([public_event(row) for row in rows], _place(rows[-1]) if rows else None)

    return read(request, run)


router = Router("/", route_handlers=[list_all])
