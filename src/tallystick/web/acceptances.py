"""What borrowers accepted, read back word for word."""

from datetime import datetime
from typing import cast

import msgspec
from litestar import Response, Router, get
from litestar.enums import MediaType
from msgspec import Struct

from tallystick.storage.acceptances import Acceptance, read_acceptance
from tallystick.terms.disclosure import Disclosure
from tallystick.trust.scopes import Scope
from tallystick.units.ids import IdPrefix, encode_id
from tallystick.web.answering import connected
from tallystick.web.edge import Asked, edge_of
from tallystick.web.happening import not_there
from tallystick.web.parameters import AcceptancePath, needs, path_id
from tallystick.web.problems import problems
from tallystick.web.quotes import as_page, wants_page


class AcceptanceView(Struct, frozen=True):
    """A disclosure as the borrower accepted it: `purpose` is `line`, `limit`, `terms`, or a plan's kind of offer."""

    id: str
    borrower_id: str
    line_id: str | None
    purpose: str
    accepted_at: datetime
    document_hash: str
    disclosure: Disclosure


def _view(kept: Acceptance) -> AcceptanceView:
    return AcceptanceView(
        id=encode_id(IdPrefix.ACCEPTANCE, kept.acceptance_id),
        borrower_id=encode_id(IdPrefix.BORROWER, kept.borrower_id),
        line_id=None if kept.line_id is None else encode_id(IdPrefix.LINE, kept.line_id),
        purpose=kept.purpose,
        accepted_at=kept.accepted_at,
        document_hash=kept.disclosure_hash,
        disclosure=kept.disclosure,
    )


@get(
    "/acceptances/{acceptance_id:str}",
    operation_id="get_acceptance",
    tags=["lines"],
    guards=[needs(Scope.LINES_READ)],
    responses=problems(404),
    sync_to_thread=True,
)
def get_one(request: Asked, acceptance_id: AcceptancePath) -> Response[AcceptanceView]:
    """What the borrower accepted, as it was shown: as JSON, or as a page with `Accept: text/html`."""
    number = path_id(IdPrefix.ACCEPTANCE, acceptance_id)
    with connected(edge_of(request)) as connection:
        kept = read_acceptance(connection, number)
    if kept is None:
        raise not_there(IdPrefix.ACCEPTANCE, kind="acceptance")
    if wants_page(request):
        return cast("Response[AcceptanceView]", as_page(kept.disclosure, request=request))
    content = msgspec.json.encode(_view(kept))
    return cast("Response[AcceptanceView]", Response(content=content, media_type=MediaType.JSON))


router = Router("/", route_handlers=[get_one])
