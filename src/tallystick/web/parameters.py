"""Words that many requests share: ids in paths, amounts, dates, texts, pages."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import date
from typing import Annotated, Any, Final, Generic, TypeVar

import msgspec
from litestar.connection import ASGIConnection
from litestar.handlers.base import BaseRouteHandler
from litestar.params import HeaderParameter, PathParameter, QueryParameter
from msgspec import Meta, Struct

from tallystick.features.event_tables import MOST_TOLD_MINOR
from tallystick.operations.api_keys import Caller
from tallystick.trust.scopes import Scope
from tallystick.units.ids import ID_PATTERN, IdFault, IdPrefix, decode_id, encode_id
from tallystick.units.money import MINOR_DIGITS, MOST_MINOR
from tallystick.web.problems import Problem

# PostgreSQL keeps no NUL, and control characters have no place in a name or a reference.
_PLAIN: Final = r"^[^\x00-\x1f\x7f]*$"
_MOST_PER_PAGE: Final = 100
_LAST_YEAR: Final = 2200
_FIRST_YEAR: Final = 2000
_LARGEST: Final = (1 << 63) - 1
_LARGEST_GENERATION: Final = (1 << 31) - 1

AmountMinor = Annotated[int, Meta(ge=1, le=MOST_MINOR, description="Whole minor units of the line's currency")]
LimitMinor = Annotated[int, Meta(ge=0, le=MOST_MINOR, description="Whole minor units of the line's currency")]
# What becomes a row of a stream, and so a feature.
PurchaseMinor = Annotated[int, Meta(ge=1, le=MOST_TOLD_MINOR, description="Whole minor units of the line's currency")]
ToldMinor = Annotated[int, Meta(ge=0, le=MOST_TOLD_MINOR, description="Whole minor units")]
Text = Annotated[str, Meta(min_length=1, max_length=200, pattern=_PLAIN)]
OptionalText = Annotated[str, Meta(max_length=200, pattern=_PLAIN)]
Code = Annotated[str, Meta(min_length=1, max_length=60, pattern=r"^[A-Za-z0-9_.:-]+$")]
AcceptedHash = Annotated[
    str, Meta(pattern=r"^[0-9a-f]{64}$", description="`document_hash` of the disclosure that the borrower saw")
]
Currency = Annotated[
    str, Meta(pattern=f"^({'|'.join(sorted(MINOR_DIGITS))})$", description="ISO 4217", examples=["CNY"])
]
Jurisdiction = Annotated[str, Meta(pattern=r"^[A-Z]{2}$", description="ISO 3166-1 alpha-2", examples=["CN"])]
Metadata = Annotated[
    dict[
        Annotated[str, Meta(min_length=1, max_length=40, pattern=r"^[A-Za-z0-9_.-]+$")],
        Annotated[str, Meta(max_length=500, pattern=_PLAIN)],
    ],
    Meta(max_length=50, description="Yours to use. Never personal data: it is not encrypted"),
]
IdempotencyKey = Annotated[
    str,
    HeaderParameter(
        name="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=r"^[\x21-\x7e]+$",
        description="Chosen by you, new for each write: the same key and body give the same answer again",
    ),
]
PageLimit = Annotated[int, QueryParameter(name="limit", ge=1, le=_MOST_PER_PAGE, description="At most so many")]


def _pattern(prefix: IdPrefix) -> str:
    return f"^{prefix}_{ID_PATTERN}$"


# A chargeback is a refund that a dispute decided: both are told in one list.
_REFUND: Final = f"^({IdPrefix.REFUND}|{IdPrefix.CHARGEBACK})_{ID_PATTERN}$"


def _in_path(prefix: IdPrefix) -> PathParameter:
    return PathParameter(pattern=_pattern(prefix), description=f"The {prefix}'s id")


def _in_body(prefix: IdPrefix) -> Meta:
    return Meta(pattern=_pattern(prefix), description=f"The {prefix}'s id")


def _in_query(prefix: IdPrefix) -> QueryParameter:
    return QueryParameter(pattern=_pattern(prefix), description=f"Of this {prefix} only")


def _after(pattern: str) -> QueryParameter:
    return QueryParameter(name="after", pattern=pattern, description="`next_after` of the page before")


AcceptancePath = Annotated[str, _in_path(IdPrefix.ACCEPTANCE)]
AuthorizationPath = Annotated[str, _in_path(IdPrefix.AUTHORIZATION)]
ApiKeyPath = Annotated[str, _in_path(IdPrefix.API_KEY)]
ApplicationPath = Annotated[str, _in_path(IdPrefix.APPLICATION)]
BorrowerPath = Annotated[str, _in_path(IdPrefix.BORROWER)]
ClockPath = Annotated[str, _in_path(IdPrefix.TEST_CLOCK)]
DecisionPath = Annotated[str, _in_path(IdPrefix.DECISION)]
DrawPath = Annotated[str, _in_path(IdPrefix.DRAWDOWN)]
EndpointPath = Annotated[str, _in_path(IdPrefix.WEBHOOK_ENDPOINT)]
FreezePath = Annotated[str, _in_path(IdPrefix.FREEZE)]
LimitRequestPath = Annotated[str, _in_path(IdPrefix.DECISION)]
LimitOfferPath = Annotated[str, _in_path(IdPrefix.LIMIT_OFFER)]
HoldPath = Annotated[str, _in_path(IdPrefix.HOLD)]
LinePath = Annotated[str, _in_path(IdPrefix.LINE)]
PaymentPath = Annotated[str, _in_path(IdPrefix.PAYMENT)]
PlanPath = Annotated[str, _in_path(IdPrefix.PLAN)]
ProposalPath = Annotated[str, _in_path(IdPrefix.PROPOSAL)]
RefundPath = Annotated[str, PathParameter(pattern=_REFUND, description="The id of a refund or a chargeback")]
ReviewPath = Annotated[str, _in_path(IdPrefix.REVIEW)]
StatementPath = Annotated[int, PathParameter(ge=1, le=100_000, description="The statement's number on its line")]
TermsChangePath = Annotated[str, _in_path(IdPrefix.TERMS_CHANGE)]
TransferPath = Annotated[str, _in_path(IdPrefix.TRANSFER)]

BorrowerId = Annotated[str, _in_body(IdPrefix.BORROWER)]
BureauReportId = Annotated[str, _in_body(IdPrefix.BUREAU_REPORT)]
ClockId = Annotated[str, _in_body(IdPrefix.TEST_CLOCK)]
DeviceId = Annotated[str, _in_body(IdPrefix.DEVICE)]
AuthorizationId = Annotated[str, _in_body(IdPrefix.AUTHORIZATION)]
EventId = Annotated[str, _in_body(IdPrefix.EVENT)]
HoldId = Annotated[str, _in_body(IdPrefix.HOLD)]
LineId = Annotated[str, _in_body(IdPrefix.LINE)]
MerchantId = Annotated[str, _in_body(IdPrefix.MERCHANT)]
PlanId = Annotated[str, _in_body(IdPrefix.PLAN)]

OfAssigned = Annotated[
    str | None,
    QueryParameter(min_length=1, max_length=200, pattern=_PLAIN, description="Assigned to this holder only"),
]
OfBorrower = Annotated[str | None, _in_query(IdPrefix.BORROWER)]
OfLine = Annotated[str | None, _in_query(IdPrefix.LINE)]

AfterApiKey = Annotated[str | None, _after(_pattern(IdPrefix.API_KEY))]
AfterAuthorization = Annotated[str | None, _after(_pattern(IdPrefix.AUTHORIZATION))]
AfterApplication = Annotated[str | None, _after(_pattern(IdPrefix.APPLICATION))]
AfterBorrower = Annotated[str | None, _after(_pattern(IdPrefix.BORROWER))]
AfterClock = Annotated[str | None, _after(_pattern(IdPrefix.TEST_CLOCK))]
AfterCreditOffer = Annotated[str | None, _after(_pattern(IdPrefix.CREDIT_OFFER))]
AfterDecision = Annotated[str | None, _after(_pattern(IdPrefix.DECISION))]
AfterDelivery = Annotated[str | None, _after(_pattern(IdPrefix.WEBHOOK_DELIVERY))]
AfterDraw = Annotated[str | None, _after(_pattern(IdPrefix.DRAWDOWN))]
AfterEndpoint = Annotated[str | None, _after(_pattern(IdPrefix.WEBHOOK_ENDPOINT))]
AfterFreeze = Annotated[str | None, _after(_pattern(IdPrefix.FREEZE))]
AfterHold = Annotated[str | None, _after(_pattern(IdPrefix.HOLD))]
AfterLine = Annotated[str | None, _after(_pattern(IdPrefix.LINE))]
AfterLimitOffer = Annotated[str | None, _after(_pattern(IdPrefix.LIMIT_OFFER))]
AfterPayment = Annotated[str | None, _after(_pattern(IdPrefix.PAYMENT))]
AfterPlace = Annotated[str | None, _after("^[0-9]{1,9}([.][0-9]{1,19}){2}$")]
AfterProposal = Annotated[str | None, _after(_pattern(IdPrefix.PROPOSAL))]
AfterPlan = Annotated[str | None, _after(_pattern(IdPrefix.PLAN))]
AfterRead = Annotated[str | None, _after("^[0-9]{1,18}$")]
AfterRefund = Annotated[str | None, _after(_REFUND)]
AfterReview = Annotated[str | None, _after(_pattern(IdPrefix.REVIEW))]
AfterStatement = Annotated[str | None, _after("^[0-9]{1,9}$")]

View = TypeVar("View")
Row = TypeVar("Row")


class Page(Struct, Generic[View], frozen=True):
    """Part of a list; `next_after` gives the next one, and is null on the last."""

    items: list[View]
    next_after: str | None


def page(rows: list[Row], *, limit: int, view: Callable[[Row], View], place: Callable[[Row], str]) -> Page[View]:
    """A page of at most `limit` of the rows; one row more says that there is a next."""
    shown = rows[:limit]
    return Page([view(row) for row in shown], place(shown[-1]) if len(rows) > limit else None)


def path_id(prefix: IdPrefix, text: str) -> int:
    """The number of an id in a path. Raises `Problem`: a text that is no id names nothing."""
    try:
        return decode_id(prefix, text)
    except IdFault as fault:
        raise Problem(f"{prefix}_unknown", status=404, detail=str(fault), param=f"{prefix}_id") from fault


def body_id(prefix: IdPrefix, text: str, *, param: str) -> int:
    """The number of an id in a body. Raises `Problem` naming the field."""
    try:
        return decode_id(prefix, text)
    except IdFault as fault:
        raise Problem("request_invalid", status=400, detail=str(fault), param=param) from fault


def refund_number(text: str, *, param: str) -> int:
    """The number of a refund's or chargeback's id. Raises `Problem` naming the parameter."""
    prefix = IdPrefix.CHARGEBACK if text.startswith(IdPrefix.CHARGEBACK) else IdPrefix.REFUND
    return body_id(prefix, text, param=param)


def place_id(prefix: IdPrefix, after: str | None) -> int | None:
    """The id after which a page begins. Raises `Problem` for what was no `next_after`."""
    return None if after is None else body_id(prefix, after, param="after")


def commit_place(after: str | None) -> tuple[int, int, int] | None:
    """The place in the order of commits after which a page begins. Raises `Problem` for what was no `next_after`."""
    if after is None:
        return None
    generation, xid, number = map(int, after.split("."))
    if generation > _LARGEST_GENERATION or max(xid, number) > _LARGEST:
        raise Problem("request_invalid", status=400, detail="after: give the next_after of a page", param="after")
    return generation, xid, number


def commit_page(
    rows: Sequence[Row], *, view: Callable[[Row], View], place: Callable[[Row], Iterable[int]]
) -> Page[View]:
    """A page of a list that goes on: `next_after` is there while it has items, to ask again for what came since."""
    return Page([view(row) for row in rows], ".".join(map(str, place(rows[-1]))) if rows else None)


def public(prefix: IdPrefix) -> Callable[[int], str]:
    """Ids of a kind as they are told."""
    return lambda number: encode_id(prefix, number)


def plausible(day: date | None, *, param: str) -> date | None:
    """A date that somebody can mean. Raises `Problem` naming the field for one that is a slip of the keyboard."""
    if day is not None and not _FIRST_YEAR <= day.year <= _LAST_YEAR:
        raise Problem(
            "date_implausible",
            status=422,
            detail=f"{param}: give a year from {_FIRST_YEAR} to {_LAST_YEAR}",
            param=param,
        )
    return day


def needs(scope: Scope) -> Callable[[ASGIConnection[Any, Any, Any, Any], BaseRouteHandler], Awaitable[None]]:
    """A guard: the key must have this scope. Raises `Problem` naming it.

    It waits for nothing, and is async all the same: Litestar would send a plain function to a thread and back.
    """

    async def guard(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
        must_have(connection, scope)

    return guard


def must_have(connection: ASGIConnection[Any, Any, Any, Any], scope: Scope) -> None:
    """Raises `Problem` naming the scope where the key lacks it."""
    caller = connection.scope["state"].get("caller")
    if not isinstance(caller, Caller) or scope not in caller.scopes:
        raise Problem(
            "scope_missing",
            status=403,
            detail=f"This key lacks the scope {scope}: use a key that has it",
            param="Authorization",
        )


def whole_json(told: object) -> Any:
    """A frozen value as plain JSON values, for an answer that shows it as it is."""
    return msgspec.json.decode(msgspec.json.encode(told))
