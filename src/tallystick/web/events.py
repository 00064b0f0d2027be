"""What happened, in the order in which it became visible: a reader that keeps its place misses nothing."""

from typing import Annotated

import msgspec
from litestar import Response, Router, get
from litestar.params import QueryParameter
from psycopg import Connection

from tallystick.operations.lines import Act
from tallystick.operations.public_events import PublicEvent, public_event
from tallystick.storage import event_feed
from tallystick.storage.event_feed import BEGINNING, Position
from tallystick.trust.scopes import Scope
from tallystick.units.ids import IdPrefix
from tallystick.web.answering import read
from tallystick.web.edge import Asked
from tallystick.web.parameters import (
    AfterPlace,
    OfLine,
    Page,
    PageLimit,
    body_id,
    commit_page,
    commit_place,
    needs,
)
from tallystick.web.problems import problems


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
    """Events of all lines and what became of decisions, or of one line or kind, oldest first.

    `next_after` is there even on the last page as long as it has items: ask again with it for what came since.
    """
    owner = None if line_id is None else body_id(IdPrefix.LINE, line_id, param="line_id")
    place = commit_place(after)
    position = BEGINNING if place is None else Position(*place)

    def run(connection: Connection, _: Act) -> Page[PublicEvent]:
        rows = event_feed.events_after(connection, position, most=limit, line_id=owner, kind=kind)
        return commit_page(rows, view=public_event, place=lambda row: msgspec.structs.astuple(row.position))

    return read(request, run)


router = Router("/", route_handlers=[list_all])
