"""The product behind its public API as the world's lender: a server that stands by the world's instants answers.

People, shops, banks, analysts and collectors speak HTTP, each act by its own endpoint. The night has none: closing a
day and reviewing a book are the operator's commands, so whoever runs them (`nights`) works beside the server, on its
database.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any, Final

import msgspec
import pyarrow as pa

from tallystick.strategy.case_columns import CHECKPOINT_OUTPUTS, NO_PRICE, CheckpointName
from tallystick.terms.product import OfferKind, Product
from tallystick.units.ids import IdPrefix, decode_id, encode_id, id_after
from tallystick.world.economy import acts
from tallystick.world.economy.acts import DONE, Answer, AnyAct, Buy, Happened, Lender, Morning, Step
from tallystick.world.economy.api_client import ApiClient, ApiRefusal
from tallystick.world.economy.buying import LONGEST_PLAN, shown_by
from tallystick.world.economy.kept_steps import WorldTimeFault

Told = dict[str, Any]

# A report is known before the application that is decided on it.
_REPORT_BEFORE: Final = timedelta(milliseconds=1)
_A_DAY: Final = timedelta(days=1)
_MOST_TOGETHER: Final = 64
_DEADLINE_MS: Final = 10_000
_DEGREE: Final = 1_000_000


class OverHttp:
    """A `Lender` that is a running server, which follows a test clock (`tallystick serve --stands-at`).

    `api` asks with a key of every scope; `second` with one of another holder, who agrees where two are needed. `nights`
    does on the server's database what only an operator does, and tells what a borrower's app would read: standing,
    statements, reviews. `product` is what the server sells.
    """

    def __init__(self, api: ApiClient, second: ApiClient, *, nights: Lender, product: Product) -> None:
        self._api, self._second, self._nights, self._product = api, second, nights, product
        self._clock = api.clock_named("server")
        self._stands_at = api.clock_stands_at(self._clock)

    def begin(self, day: date, *, at: datetime) -> Morning:
        """A day begins for the server as well, and its operator closes the day before."""
        self._stand(at)
        return self._nights.begin(day, at=at)

    def review_limits(self, day: date, *, at: datetime) -> pa.Table:
        """The operator's nightly review."""
        self._stand(at)
        return self._nights.review_limits(day, at=at)

    def reviews(self, step: Step) -> pa.Table:
        """What waits for a person."""
        return self._nights.reviews(step)

    def standing(self) -> pa.Table:
        """All lines as they stand."""
        return self._nights.standing()

    def do(self, step: Step, acts: Sequence[AnyAct]) -> list[Answer]:
        """Each act asked of the server at the step's instant, by a key of its own: asked again, it is told the same."""
        asking = _Asking(self._api, self._second, product=self._product, step=step)
        self._stand(step.at - _REPORT_BEFORE)
        asking.make_known(acts)
        self._stand(step.at)
        return asking.all(acts)

    def _stand(self, at: datetime) -> None:
        """Let the server's time come to an instant; a day that was killed is lived again up to where it was."""
        if self._stands_at < at:
            self._api.move_clock(self._clock, at)
            self._stands_at = at
        elif self._stands_at - at > _A_DAY:
            raise WorldTimeFault(
                f"at: the server's clock stands at {self._stands_at}, later than {at}, and never goes back; give the "
                "world a server on a database of its own"
            )


class _Asking:
    """The acts of one step."""

    def __init__(self, api: ApiClient, second: ApiClient, *, product: Product, step: Step) -> None:
        self._api, self._second, self._product = api, second, product
        self._key = f"{step.day}/{step.number}"
        # Ids follow the server's clock: what has a lower one was there before this step.
        self._first_id = id_after(0, now_ms=round(step.at.timestamp() * 1_000), node=0)
        self._paid: set[int] = set()
        self._known: dict[int, Told] = {}  # who applies and what the bureau told of them, by the act's place

    def all(self, asked: Sequence[AnyAct]) -> list[Answer]:
        """Every act in its order, purchases that follow each other together."""
        answers: list[Answer] = []
        for kind, together in groupby(enumerate(asked), key=lambda each: type(each[1])):
            if issubclass(kind, Buy):
                answers += self._buy([(place, act) for place, act in together if isinstance(act, Buy)])
            else:
                answers += [self._do_or_refused(place, act) for place, act in together]
        return answers

    def _do_or_refused(self, place: int, act: AnyAct) -> Answer:
        key = f"{self._key}/{place}"
        try:
            return self._apply(act, place=place, key=key) if isinstance(act, acts.Apply) else self._do(act, key=key)
        except ApiRefusal as refused:
            return Answer(outcome=refused.code)

    def _do(self, act: AnyAct, *, key: str) -> Answer:  # noqa: PLR0912 - one line for each kind of act
        match act:
            case acts.AcceptLine():
                return self._accept_line(act, key=key)
            case acts.Capture():
                return self._capture(act, key=key)
            case acts.Void():
                self._api.post(f"{_authorization(act.decision_id)}/void", {}, key=key)
                return Answer(outcome=DONE, number=act.decision_id)
            case acts.Refund():
                return self._refund(act, key=key)
            case acts.Pay():
                return self._pay(act, key=key)
            case acts.SendBack():
                return self._send_back(act, key=key)
            case acts.ConvertBill():
                return self._convert_bill(act, key=key)
            case acts.Label():
                path = f"/v1/decisions/{encode_id(IdPrefix.DECISION, act.decision_id)}/label"
                self._api.post(path, {"is_fraud": act.is_fraud, "reason": "known by now"}, key=key)
                return Answer(outcome=DONE, number=act.decision_id)
            case acts.Judge():
                return self._judge(act, key=key)
            case acts.AnswerLimit():
                return self._answer_limit(act, key=key)
            case acts.AskLimit():
                return self._ask_limit(act, key=key)
            case acts.ProveIncome():
                body = {"trigger": "income_proof", "income_month_minor": act.income_month_minor}
                self._api.post(f"{_line(act.line_id)}/limit-reviews", body, key=key)
                return Answer(outcome=DONE, number=act.line_id)
            case acts.ChargeOff():
                return self._charge_off(act, key=key)
            case acts.Leave():
                self._api.post(f"{_line(act.line_id)}/close", {"reason": "the borrower leaves"}, key=key)
                return Answer(outcome=DONE, number=act.line_id)
            case acts.ObjectToTerms():
                change = encode_id(IdPrefix.TERMS_CHANGE, act.change_id)
                self._api.post(f"{_line(act.line_id)}/terms-notices/{change}/object", {}, key=key)
                return Answer(outcome=DONE, number=act.line_id)
            case acts.Buy() | acts.Apply():
                raise AssertionError("applications know their persons, and purchases are asked together")

    # Applications.

    def make_known(self, asked: Sequence[AnyAct]) -> None:
        """Tell who applies and what the bureau says of them, before they apply."""
        for place, act in enumerate(asked):
            if isinstance(act, acts.Apply):
                self._known[place] = self._person(act, key=f"{self._key}/{place}")

    def _person(self, act: acts.Apply, *, key: str) -> Told:
        found = self._api.get("/v1/borrowers", reference=act.reference)["items"]
        terms = {"jurisdiction": self._product.jurisdiction, "currency": self._product.currency}
        added = found or [self._api.post("/v1/borrowers", {"reference": act.reference, **terms}, key=f"{key}/person")]
        known: Told = {"borrower_id": added[0]["id"]}
        if act.report is not None:
            path = f"/v1/borrowers/{added[0]['id']}/bureau-reports"
            known["bureau_report_id"] = self._api.post(path, _without_nulls(act.report), key=f"{key}/report")["id"]
        return known

    def _apply(self, act: acts.Apply, *, place: int, key: str) -> Answer:
        contacts = {"device": act.device, "phone": act.phone, "address": act.address}
        body = {**_without_nulls(act.stated), **contacts, **self._known[place]}
        made = self._api.post("/v1/applications", body, key=key)
        reasons = _reasons(made["reasons"], made["refused_because"])
        if made["state"] == "offered":
            return msgspec.structs.replace(self._offered(made["offer"]), reasons=reasons)
        number = decode_id(IdPrefix.APPLICATION, made["id"])
        outcome = Happened.REVIEW if made["state"] == "in_review" else Happened.DECLINE
        return Answer(outcome=outcome.value, number=number, reasons=reasons)

    def _offered(self, offer: Told) -> Answer:
        return Answer(
            outcome=Happened.OFFER.value,
            number=decode_id(IdPrefix.APPLICATION, offer["application_id"]),
            amount_minor=offer["limit_minor"],
            price_code=offer["price_code"],
            fee_ppm=self._fee_ppm(offer["price_code"], LONGEST_PLAN),
        )

    def _accept_line(self, act: acts.AcceptLine, *, key: str) -> Answer:
        path = f"/v1/applications/{encode_id(IdPrefix.APPLICATION, act.application_id)}"
        if not act.accepts:
            self._api.post(f"{path}/decline", key=key)
            return Answer(outcome=DONE)
        shown = self._api.get(path)["offer"]["document_hash"]
        line = self._api.post(f"{path}/accept", {"accepted_hash": shown}, key=key)
        number = decode_id(IdPrefix.LINE, line["line_id"])
        return Answer(outcome=DONE, number=number, amount_minor=line["line"]["limit_minor"])

    # Purchases.

    def _buy(self, buys: Sequence[tuple[int, Buy]]) -> list[Answer]:
        """Have purchases decided; who is asked for a second factor and has one, confirms at once."""
        told: dict[int, Told | ApiRefusal] = {}
        for begin in range(0, len(buys), _MOST_TOGETHER):
            together = buys[begin : begin + _MOST_TOGETHER]
            first = self._decided([(place, _purchase(act), "") for place, act in together])
            confirmed = [
                (place, {**_purchase(act), "step_up_of": decided["id"]}, "/confirmed")
                for place, act in together
                if act.confirms
                and not isinstance(decided := first[place], ApiRefusal)
                and decided["outcome"] == Happened.STEP_UP
            ]
            told |= first | self._decided(confirmed)
        return [self._bought(told[place]) for place, _ in buys]

    def _decided(self, asked: Sequence[tuple[int, Told, str]]) -> dict[int, Told | ApiRefusal]:
        if not asked:
            return {}
        answers = self._api.authorize([(f"{self._key}/{place}{again}", body) for place, body, again in asked])
        return {place: answer for (place, _, _), answer in zip(asked, answers, strict=True)}

    def _bought(self, told: Told | ApiRefusal, *, outcome: str | None = None) -> Answer:
        if isinstance(told, ApiRefusal):
            return Answer(outcome=told.code)
        longest = max(told["installments"], key=lambda each: each["most_installments"], default=None)
        return Answer(
            outcome=outcome or told["outcome"],
            number=decode_id(IdPrefix.AUTHORIZATION, told["id"]),
            amount_minor=told["amount_minor"] if told["hold_id"] is not None else 0,
            price_code="" if longest is None else longest["price_code"],
            most_installments=0 if longest is None else longest["most_installments"],
            fee_ppm=None if longest is None else self._fee_ppm(longest["price_code"], longest["most_installments"]),
            reasons=tuple(each["code"] for each in told["reasons"]),
        )

    def _fee_ppm(self, code: str, most_installments: int) -> int | None:
        """What each installment costs at a price of the product, None where it is shown none."""
        shown = shown_by(self._product, code=code, most_installments=most_installments)
        return None if shown is None else shown.fee_ppm

    def _capture(self, act: acts.Capture, *, key: str) -> Answer:
        path = _authorization(act.decision_id)
        body: Told = {"amount_minor": act.amount_minor}
        if act.installments:
            choice = {"price_code": act.price_code, "installments": act.installments}
            line = f"/v1/lines/{self._api.get(path)['line_id']}"
            offer = {"offer": OfferKind.ORDER_INSTALLMENTS.value, **choice}
            body["plan"] = {**offer, "accepted_hash": self._quoted(line, offer, principal_minor=act.amount_minor)}
        drawn = self._api.post(f"{path}/capture", body, key=key)["fact"]
        number = decode_id(IdPrefix.DRAWDOWN, drawn["draw_id"])
        return Answer(outcome=DONE, number=number, amount_minor=drawn["amount_minor"])

    def _quoted(self, line: str, offer: Told, *, principal_minor: int) -> str:
        """The hash of the document that the borrower is shown."""
        told: str = self._api.post(f"{line}/quotes", {**offer, "principal_minor": principal_minor})["document_hash"]
        return told

    def _refund(self, act: acts.Refund, *, key: str) -> Answer:
        path = f"/v1/drawdowns/{encode_id(IdPrefix.DRAWDOWN, act.draw_id)}"
        if act.is_forced:
            body = {"amount_minor": act.amount_minor, "reason": "dispute"}
            given = self._api.post(f"{path}/chargebacks", body, key=key)["fact"]["chargeback_id"]
            return Answer(outcome=DONE, number=decode_id(IdPrefix.CHARGEBACK, given), amount_minor=act.amount_minor)
        given = self._api.post(f"{path}/refunds", {"amount_minor": act.amount_minor}, key=key)["fact"]["refund_id"]
        return Answer(outcome=DONE, number=decode_id(IdPrefix.REFUND, given), amount_minor=act.amount_minor)

    # Payments.

    def _pay(self, act: acts.Pay, *, key: str) -> Answer:
        """The channel's reference names the payment, whatever the key: a callback that comes twice tells the first."""
        body = {"amount_minor": act.amount_minor, "channel": act.channel, "reference": act.reference}
        paid = self._api.post(f"{_line(act.line_id)}/payments", body, key=key)["fact"]
        number = decode_id(IdPrefix.PAYMENT, paid["payment_id"])
        is_repeat = number < self._first_id or number in self._paid
        self._paid.add(number)
        return Answer(outcome=DONE, number=number, amount_minor=act.amount_minor, is_repeat=is_repeat)

    def _send_back(self, act: acts.SendBack, *, key: str) -> Answer:
        path = f"/v1/payments/{encode_id(IdPrefix.PAYMENT, act.payment_id)}"
        paid = self._api.get(path)
        self._api.post(f"{path}/return", {"reason": act.reason}, key=key)
        return Answer(outcome=DONE, number=act.payment_id, amount_minor=paid["amount_minor"])

    def _convert_bill(self, act: acts.ConvertBill, *, key: str) -> Answer:
        sold, line = self._product.bill_installments, _line(act.line_id)
        codes = (
            price.code
            for price in (() if sold is None else sold.prices)
            if price.least_installments <= act.installments <= price.most_installments
        )
        choice: Told = {"price_code": next(codes, NO_PRICE), "installments": act.installments}
        offer = {"offer": OfferKind.BILL_INSTALLMENTS.value, **choice}
        body = {
            **choice,
            "accepted_hash": self._quoted(line, offer, principal_minor=act.amount_minor),
            "statement_number": act.statement_number,
            "amount_minor": act.amount_minor,
        }
        plan_id = self._api.post(f"{line}/bill-conversions", body, key=key)["fact"]["plan"]["plan_id"]
        return Answer(outcome=DONE, number=decode_id(IdPrefix.PLAN, plan_id), amount_minor=act.amount_minor)

    # What persons at the lender decide, and limits.

    def _judge(self, act: acts.Judge, *, key: str) -> Answer:
        """One analyst answers, and another one agrees where two are needed."""
        path = f"/v1/reviews/{encode_id(IdPrefix.REVIEW, act.review_id)}"
        checkpoint = CheckpointName(self._api.get(path)["review"]["checkpoint"])
        ending = CHECKPOINT_OUTPUTS[checkpoint].ending
        body = {"outcome": ending[0] if act.passes else ending[-1], "reason": act.reason}
        judged = self._api.post(f"{path}/judge", body, key=key)
        if judged["outcome"] is None:
            judged = self._second.post(f"{path}/judge", body, key=f"{key}/second")
        decision_id = decode_id(IdPrefix.DECISION, judged["decision_id"])
        match checkpoint, judged["outcome"]:
            case CheckpointName.AUTHORIZE, Happened.APPROVE:
                return self._bought(self._api.get(_authorization(decision_id)), outcome=Happened.APPROVE.value)
            case CheckpointName.APPLY, Happened.OFFER:
                number = encode_id(IdPrefix.APPLICATION, decision_id)
                return self._offered(self._api.get(f"/v1/applications/{number}")["offer"])
            case CheckpointName.REVIEW_LIMIT, "increase":
                offers = self._api.get(f"/v1/lines/{judged['line_id']}/limit-offers")["items"]
                return _limit_offered(next(each for each in offers if each["answer"] is None))
        return Answer(outcome=Happened.DECLINE.value, number=act.review_id)

    def _answer_limit(self, act: acts.AnswerLimit, *, key: str) -> Answer:
        path = f"/v1/limit-offers/{encode_id(IdPrefix.LIMIT_OFFER, act.offer_id)}"
        if not act.accepts:
            self._api.post(f"{path}/decline", key=key)
            return Answer(outcome=DONE)
        shown = self._api.get(path)["document_hash"]
        raised = self._api.post(f"{path}/accept", {"accepted_hash": shown}, key=key)
        number = decode_id(IdPrefix.LINE, raised["line_id"])
        return Answer(outcome=DONE, number=number, amount_minor=raised["line"]["limit_minor"])

    def _ask_limit(self, act: acts.AskLimit, *, key: str) -> Answer:
        body = {"line_id": encode_id(IdPrefix.LINE, act.line_id), "requested_minor": act.limit_minor}
        told = self._api.post("/v1/limit_requests", body, key=key)
        reasons = (str(told["held_by"]["code"]),)
        if told["outcome"] == "offered":
            offer_id = decode_id(IdPrefix.LIMIT_OFFER, told["offer_id"])
            return Answer(
                outcome=Happened.OFFER.value, number=offer_id, amount_minor=told["target_minor"], reasons=reasons
            )
        outcome = Happened.REVIEW if told["outcome"] == "review" else Happened.DECLINE
        number = decode_id(IdPrefix.DECISION, told["id"])
        return Answer(outcome=outcome.value, number=number, amount_minor=told["target_minor"], reasons=reasons)

    def _charge_off(self, act: acts.ChargeOff, *, key: str) -> Answer:
        """Proposed by one, agreed to by another."""
        body = {"kind": "charged_off", "reason": act.reason}
        proposal = self._api.post(f"{_line(act.line_id)}/proposals", body, key=key)["id"]
        agreed = self._second.post(f"/v1/proposals/{proposal}/approve", {}, key=f"{key}/second")
        return Answer(outcome=DONE, number=act.line_id, amount_minor=agreed["line"]["charged_off_minor"])


def _line(line_id: int) -> str:
    return f"/v1/lines/{encode_id(IdPrefix.LINE, line_id)}"


def _authorization(decision_id: int) -> str:
    return f"/v1/authorizations/{encode_id(IdPrefix.AUTHORIZATION, decision_id)}"


def _purchase(buy: Buy) -> Told:
    """A purchase as a checkout asks for it."""
    body: Told = {
        "line_id": encode_id(IdPrefix.LINE, buy.line_id),
        "amount_minor": buy.amount_minor,
        "merchant_id": encode_id(IdPrefix.MERCHANT, buy.merchant_id),
        "category": buy.category,
        "device": buy.device,
        "phone": buy.phone,
        "address": buy.address,
        "terminal": buy.terminal,
        "deadline_ms": _DEADLINE_MS,
    }
    if buy.latitude_udeg is not None and buy.longitude_udeg is not None:
        body["place"] = {"latitude": buy.latitude_udeg / _DEGREE, "longitude": buy.longitude_udeg / _DEGREE}
    return body


def _limit_offered(offer: Told) -> Answer:
    number = decode_id(IdPrefix.LIMIT_OFFER, offer["id"])
    return Answer(outcome=Happened.OFFER.value, number=number, amount_minor=offer["limit_minor"])


def _reasons(codes: Sequence[str], because: str | None) -> tuple[str, ...]:
    return (*codes, *(() if because is None else (because,)))


def _without_nulls(told: msgspec.Struct) -> Told:
    """What is known of something, as JSON."""
    return {name: value for name, value in msgspec.to_builtins(told).items() if value is not None}
