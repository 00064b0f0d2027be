"""A caller of the HTTP API: one key a write, asked again until it is answered; a refusal is told by its code."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from time import sleep
from typing import Any, Final

import httpx

Told = dict[str, Any]

# The caller is told to wait, or that the same request is being answered: nothing is known, the same key asks again.
_WAITS: Final = frozenset({429, 503})
_REFUSES: Final = frozenset({404, 409, 422})
_IN_PROGRESS: Final = "idempotency_in_progress"
# Our own mistakes, not what a lender answers.
_MISTAKES: Final = frozenset({"idempotency_key_reused", "mode_differs", "key_twice", "not_found", "test_clock_unknown"})
_TRIES: Final = 60
_LONGEST_WAIT_S: Final = 2.0


class ApiFault(RuntimeError):
    """The API does not answer as it should; the message tells what was asked and what came."""


class ApiRefusal(Exception):
    """A rule refused, or what is named is not there: `code` says which."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class ApiClient:
    """Asks with one token. `client` has the server's address as its base and no headers of its own."""

    def __init__(self, client: httpx.Client, *, token: str, wait: Callable[[float], None] = sleep) -> None:
        self._client, self._headers, self._wait = client, {"Authorization": f"Bearer {token}"}, wait

    def get(self, path: str, **parameters: str) -> Told:
        """What stands there. Raises `ApiRefusal`, `ApiFault`."""
        return self._answered("GET", path, params=parameters)

    def post(self, path: str, body: Mapping[str, object] | None = None, *, key: str | None = None) -> Told:
        """Write once by that key; without one nothing is written. Raises `ApiRefusal`, `ApiFault`."""
        headers = {} if key is None else {"Idempotency-Key": key}
        return self._answered("POST", path, headers=headers, **({} if body is None else {"json": body}))

    def authorize(self, purchases: Sequence[tuple[str, Mapping[str, object]]]) -> list[Told | ApiRefusal]:
        """Purchases decided side by side, each by its key; those that wait are asked again."""
        answered: dict[str, Told | ApiRefusal] = {}
        for _ in range(_TRIES):
            left = [(key, body) for key, body in purchases if key not in answered]
            if not left:
                return [answered[key] for key, _ in purchases]
            items = [{"idempotency_key": key, "authorization": body} for key, body in left]
            for item in self.post("/v1/authorizations/batch", {"items": items})["items"]:
                told = item["authorization"] or _refused(item["status"], item["problem"])
                if told is not None:
                    answered[item["idempotency_key"]] = told
            if len(answered) < len(purchases):
                self._wait(_LONGEST_WAIT_S)
        raise ApiFault(f"authorizations: not decided after {_TRIES} tries; is the server overloaded?")

    def clock_named(self, name: str) -> str:
        """The id of the first test clock of a name: the server's own."""
        found = [each["id"] for each in self.get("/v1/test-clocks", limit="100")["items"] if each["name"] == name]
        if not found:
            raise ApiFault("test-clocks: the server follows none; start it with `tallystick serve --stands-at INSTANT`")
        return str(found[-1])

    def clock_stands_at(self, clock_id: str) -> datetime:
        """What time it is by a test clock."""
        return datetime.fromisoformat(self.get(f"/v1/test-clocks/{clock_id}")["stands_at"])

    def move_clock(self, clock_id: str, to: datetime) -> None:
        """Let time pass by a test clock."""
        key = f"clock/{to:%Y%m%dT%H%M%S.%f}"
        self.post(f"/v1/test-clocks/{clock_id}/move", {"stands_at": to.isoformat()}, key=key)

    def _answered(self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **rest: Any) -> Told:
        for _ in range(_TRIES):
            try:
                response = self._client.request(method, path, headers={**self._headers, **(headers or {})}, **rest)
            except httpx.TransportError:
                self._wait(_LONGEST_WAIT_S)
                continue
            told: Told = response.json()
            if response.status_code < 400:
                return told
            refused = _refused(response.status_code, told)
            if refused is not None:
                raise refused
            self._wait(min(float(response.headers.get("Retry-After", 1)), _LONGEST_WAIT_S))
        raise ApiFault(f"{method} {path}: not answered after {_TRIES} tries; is the server running?")


def _refused(status: int, problem: Mapping[str, Any]) -> ApiRefusal | None:
    """What a rule says; None where the same is to be asked again. Raises `ApiFault` for what we did wrong."""
    code = str(problem["code"])
    if status in _WAITS or code == _IN_PROGRESS:
        return None
    if status not in _REFUSES or code in _MISTAKES:
        raise ApiFault(f"{status} {code}: {problem['detail']}")
    return ApiRefusal(code)
