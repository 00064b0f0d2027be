"""Every answer that is not a success, as an RFC 9457 problem document with a stable code and the way out."""

import re
from typing import Any, Final

import msgspec
import psycopg
from litestar import Response
from litestar.enums import MediaType
from litestar.exceptions import HTTPException, ValidationException
from litestar.openapi.datastructures import ResponseSpec
from msgspec import Struct

from tallystick.operations.public_events import public_fact
from tallystick.servicing.refusals import Refusal, RefusalReason
from tallystick.terms.offering import OfferFault
from tallystick.trust.refusals import TrustReason, TrustRefusal
from tallystick.web.edge import Asked
from tallystick.web.languages import language_of
from tallystick.web.refusal_texts import in_words

PROBLEM_TYPE: Final = "application/problem+json"
Declined = Refusal | OfferFault | TrustRefusal
# What Litestar calls the one header that a route takes, and how it says that a parameter is missing.
_HEADERS: Final = {"idempotency_key": "Idempotency-Key"}
_MISSING_PARAMETER: Final = re.compile(r"^Missing required \w+ parameter '([^']+)'")


class ProblemDocument(Struct, frozen=True, omit_defaults=True, rename={"kind": "type"}):
    """What went wrong: `code` never changes its meaning, `param` is the field it is about, `detail` the way out.

    `figures` show it in numbers; `request_id` finds it in the logs. Of a rule of the line, `detail` is in Chinese where
    Accept-Language prefers it, else in English.
    """

    kind: str
    title: str
    status: int
    code: str
    detail: str
    request_id: str
    param: str | None = None
    figures: dict[str, Any] = {}


AWAY: Final = "The database is away: ask again in a second, with the same Idempotency-Key"
DEFECT: Final = "A defect of ours, nothing was written: tell us the request_id, and try again with the same key"


class Problem(Exception):
    """A refusal of the HTTP layer itself."""

    def __init__(
        self, code: str, *, status: int, detail: str, param: str | None = None, retry_after_s: int | None = None
    ) -> None:
        super().__init__(code)
        self.code = code
        self.status = status
        self.detail = detail
        self.param = param
        self.retry_after_s = retry_after_s


class Overloaded(Problem):
    """No connection was free in time: nothing happened."""

    def __init__(self) -> None:
        super().__init__(
            "overloaded", status=503, detail="All connections are in use: ask again in a second", retry_after_s=1
        )


def document(
    code: str,
    *,
    status: int,
    detail: str,
    request_id: str,
    param: str | None = None,
    figures: dict[str, Any] | None = None,
) -> ProblemDocument:
    """A problem whose type and title follow from its code."""
    return ProblemDocument(
        kind=f"https://tallystick.dev/problems/{code}",
        title=code.replace("_", " ").capitalize(),
        status=status,
        code=code,
        detail=detail,
        request_id=request_id,
        param=param,
        figures=figures or {},
    )


def answer(problem: ProblemDocument, *, headers: dict[str, str] | None = None) -> Response[bytes]:
    """The problem as a response."""
    return Response(
        content=msgspec.json.encode(problem),
        status_code=problem.status,
        media_type=PROBLEM_TYPE,
        headers=headers or {},
    )


def no_strategy(fault: Exception) -> Problem:
    """Nothing decides there: a strategy has to be promoted, or its book reviewed, first."""
    return Problem("no_strategy_in_force", status=503, detail=str(fault))


_CONFLICTS: Final = frozenset(
    {
        RefusalReason.BORROWER_EXISTS,
        RefusalReason.HOLD_EXISTS,
        RefusalReason.DRAW_EXISTS,
        RefusalReason.PLAN_EXISTS,
        RefusalReason.REFERENCE_REUSED,
        RefusalReason.REFERENCE_IN_STATEMENT,
        RefusalReason.PROPOSAL_DECIDED,
        RefusalReason.OFFER_ANSWERED,
        RefusalReason.OFFER_EXPIRED,
        RefusalReason.OFFER_OUTDATED,
        RefusalReason.NOTICE_OVER,
        RefusalReason.APPLICATION_NOT_OFFERED,
        RefusalReason.APPLICATION_NOT_DECLINED,
        RefusalReason.APPLICATION_NOT_IN_REVIEW,
        RefusalReason.APPLICATION_REVIEWED,
        RefusalReason.OVERRIDE_WAITS,
        RefusalReason.LABEL_EXISTS,
        RefusalReason.STEP_UP_OVER,
        RefusalReason.STEP_UP_USED,
        RefusalReason.REVIEW_CLOSED,
        RefusalReason.REVIEW_ASSIGNED,
        RefusalReason.FREEZE_LIFTED,
        RefusalReason.SUBJECT_FROZEN,
        RefusalReason.HOLD_UNDER_REVIEW,
        TrustReason.IDENTITY_TAKEN,
        TrustReason.MODE_DIFFERS,
        TrustReason.PERSON_ERASED,
    }
)
_MISSING: Final = frozenset(
    {
        RefusalReason.BORROWER_UNKNOWN,
        RefusalReason.LINE_NOT_OPEN,
        RefusalReason.PROPOSAL_UNKNOWN,
        RefusalReason.OFFER_UNKNOWN,
        RefusalReason.NOTICE_UNKNOWN,
        RefusalReason.APPLICATION_UNKNOWN,
        RefusalReason.OVERRIDE_UNKNOWN,
        RefusalReason.DECISION_UNKNOWN,
        RefusalReason.REVIEW_UNKNOWN,
        RefusalReason.FREEZE_UNKNOWN,
        TrustReason.API_KEY_UNKNOWN,
        TrustReason.BORROWER_UNKNOWN,
        TrustReason.PERSON_UNKNOWN,
        TrustReason.ENDPOINT_UNKNOWN,
        TrustReason.CLOCK_UNKNOWN,
    }
)


def declined(refusal: Declined, *, request: Asked) -> ProblemDocument:
    """A refusal of an operation: 404 where what was addressed is not there, 409 where it is in the way, 422 else."""
    figures = public_fact(refusal.figures)
    match refusal:
        case OfferFault() | TrustRefusal():
            detail = refusal.way_out
        case Refusal():
            detail = in_words(refusal.reason, figures, language=language_of(request, otherwise="en"))
    status = 422
    if refusal.reason in _CONFLICTS:
        status = 409
    elif refusal.reason in _MISSING:
        status = 404
    elif refusal.reason is TrustReason.SCOPE_NOT_YOURS:
        status = 403
    return document(
        refusal.reason.value,
        status=status,
        detail=detail[:1].upper() + detail[1:],
        request_id=request_id_of(request),
        param=refusal.field or None,
        figures=figures,
    )


def request_id_of(request: Asked) -> str:
    """The id that the frame gave the request."""
    return str(request.scope["state"].get("request_id", ""))


def problem_document(problem: Problem, *, request_id: str) -> ProblemDocument:
    """A refusal of the HTTP layer as it is told."""
    return document(
        problem.code, status=problem.status, detail=problem.detail, request_id=request_id, param=problem.param
    )


def answer_problem(request: Asked, problem: Problem) -> Response[bytes]:
    """Litestar's handler of `Problem`."""
    told = problem_document(problem, request_id=request_id_of(request))
    return answer(told, headers={} if problem.retry_after_s is None else {"Retry-After": str(problem.retry_after_s)})


def answer_invalid(request: Asked, fault: ValidationException) -> Response[bytes]:
    """Litestar's handler of what does not fit the documented request."""
    faults = fault.extra if isinstance(fault.extra, list) else []
    first = faults[0] if faults and isinstance(faults[0], dict) else {}
    told = str(first.get("message") or fault.detail)
    missing = _MISSING_PARAMETER.match(told)
    named = missing[1] if missing else str(first.get("key") or "")
    param = _HEADERS.get(named, named) or None
    detail = f"{param or 'The request'}: {told}. See /openapi.json for what is expected"
    return answer(
        document("request_invalid", status=400, detail=detail[:500], request_id=request_id_of(request), param=param)
    )


def answer_away(request: Asked, fault: psycopg.OperationalError) -> Response[bytes]:
    """Litestar's handler of a database that went away: whether the write was committed is known when it is repeated."""
    request.scope["state"]["fault"] = fault
    told = document("database_away", status=503, detail=AWAY, request_id=request_id_of(request))
    return answer(told, headers={"Retry-After": "1"})


def answer_defect(request: Asked, fault: Exception) -> Response[bytes]:
    """Litestar's handler of everything else: the frame logs where it happened, the caller learns nothing of it."""
    request.scope["state"]["fault"] = fault
    return answer(document("internal_error", status=500, detail=DEFECT, request_id=request_id_of(request)))


_BY_STATUS: Final = {
    400: ("request_invalid", "The request cannot be read. See /openapi.json for what is expected"),
    404: ("not_found", "There is nothing at this path. See /openapi.json for those that exist"),
    405: ("method_not_allowed", "See the Allow header for the methods of this path"),
    413: ("request_too_large", "Send at most 64 KiB"),
}


def answer_http(request: Asked, fault: HTTPException) -> Response[bytes]:
    """Litestar's handler of what its router and parser refuse."""
    code, detail = _BY_STATUS.get(fault.status_code, ("request_refused", "The request was refused"))
    told = document(code, status=fault.status_code, detail=detail, request_id=request_id_of(request))
    return answer(told, headers=dict(fault.headers or {}))


_DESCRIPTIONS: Final = {
    400: "The request does not fit this document, or lacks its Idempotency-Key",
    401: "No API key, or one that does not hold",
    403: "The API key lacks the scope",
    404: "What the path names is not there",
    409: "In the way: the same key with another body, a request still running, or a thing that exists",
    422: "Refused by a named rule; nothing happened",
    429: "Too many requests for this key; see Retry-After",
    503: "Overloaded or stopping; nothing happened, ask again",
}


def problems(*codes: int) -> dict[int, ResponseSpec]:
    """The problems that a route documents beside those that every route has."""
    return {
        code: ResponseSpec(
            data_container=ProblemDocument,
            description=_DESCRIPTIONS[code],
            media_type=PROBLEM_TYPE,
            generate_examples=False,
        )
        for code in sorted({400, 401, 403, 429, 503, *codes})
    }


JSON: Final = MediaType.JSON
