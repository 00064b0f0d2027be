"""The acts of a step, each done by the product's own operations in one transaction, and what each came to."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Final

import msgspec
from psycopg import Connection, Rollback

from tallystick.operations.application_answers import accept_offer, turn_down_offer
from tallystick.operations.applications import Application, apply
from tallystick.operations.capturing import Claim, capture, void
from tallystick.operations.contract_changes import object_to_change
from tallystick.operations.decision_record import REVIEWED
from tallystick.operations.lending import (
    PaidBefore,
    PlanRequest,
    approve,
    convert_bill,
    propose,
    quote_plan,
    receive_payment,
)
from tallystick.operations.limit_outcomes import RAISE_OFFERED
from tallystick.operations.limit_requests import Happened as Reason
from tallystick.operations.limit_requests import request_limit, wish_for_review
from tallystick.operations.line_offers import accept_limit, turn_down_limit
from tallystick.operations.lines import Recorded, record, record_sent_back
from tallystick.operations.purchase_labels import label_purchase
from tallystick.operations.reviewing import judge
from tallystick.servicing import facts
from tallystick.servicing.line import Line
from tallystick.servicing.refusals import Refusal
from tallystick.storage import credit_offers, decisions, limit_offers
from tallystick.storage.applications import ApplicationState, StoredApplication
from tallystick.storage.contracts import Contracts
from tallystick.storage.credit_offers import CreditOffer
from tallystick.storage.decisions import StoredDecision
from tallystick.storage.limit_offers import OfferAnswer
from tallystick.storage.line_reading import payment
from tallystick.storage.lines import read_line
from tallystick.storage.reviews import Review, read_review
from tallystick.storage.terms_changes import TermsNotice
from tallystick.strategy.case_columns import CHECKPOINT_OUTPUTS, NO_PRICE, CheckpointName
from tallystick.terms.disclosure import Disclosure, document_hash
from tallystick.terms.offering import OfferFault
from tallystick.terms.product import OfferKind
from tallystick.trust.personal_data import Contact
from tallystick.world.economy.acts import (
    DONE,
    AcceptLine,
    Answer,
    AnswerLimit,
    AnyAct,
    Apply,
    AskLimit,
    Buy,
    Capture,
    ChargeOff,
    ConvertBill,
    Happened,
    Judge,
    Label,
    Leave,
    ObjectToTerms,
    Pay,
    ProveIncome,
    Refund,
    SendBack,
    Void,
)
from tallystick.world.economy.buying import (
    CHECKOUT,
    LONGEST_PLAN,
    Buying,
    Moment,
    WorldFault,
    bought,
    refused,
    shown_by,
)
from tallystick.world.economy.kept_steps import Applicant

# Who asks, as the books name them.
APP: Final = "app"
BANK: Final = "bank"
DISPUTES: Final = "disputes"
FRAUD_DESK: Final = "fraud desk"
COLLECTIONS: Final = "collections"
HEAD_OF_COLLECTIONS: Final = "head of collections"


def do_all(
    connection: Connection, acts: Sequence[AnyAct], *, applicants: Sequence[Applicant], moment: Moment
) -> tuple[Answer, ...]:
    """Do the acts in their order, purchases that follow each other together; the caller commits."""
    step = _Acting(connection, iter(applicants), moment)
    answers: list[Answer] = []
    for kind, together in groupby(acts, key=type):
        if issubclass(kind, Buy):
            answers += step.buying.buy([each for each in together if isinstance(each, Buy)])
        else:
            answers += map(step.do_or_leave, together)
    return tuple(answers)


class _Acting:
    """Acts in one transaction."""

    def __init__(self, connection: Connection, applicants: Iterator[Applicant], moment: Moment) -> None:
        self._connection = connection
        self._applicants = applicants
        self._moment = moment
        self.buying = Buying(connection, moment)

    def do_or_leave(self, act: AnyAct) -> Answer:
        """Do one act, of which a refusal leaves nothing behind, as over HTTP."""
        with self._connection.transaction():
            answer = self._do(act)
            if answer.is_refusal:
                raise Rollback
        return answer

    def _do(self, act: AnyAct) -> Answer:  # noqa: PLR0912 - one line for each kind of act
        match act:
            case Apply():
                return self._apply(act, next(self._applicants))
            case AcceptLine():
                return self._accept_line(act)
            case Capture():
                return self._capture(act)
            case Void():
                return self._void(act)
            case Refund():
                return self._refund(act)
            case Pay():
                return self._pay(act)
            case SendBack():
                return self._send_back(act)
            case ConvertBill():
                return self._convert_bill(act)
            case Label():
                return self._label(act)
            case Judge():
                return self._judge(act)
            case AnswerLimit():
                return self._answer_limit(act)
            case AskLimit():
                return self._ask_limit(act)
            case ProveIncome():
                return self._prove_income(act)
            case ChargeOff():
                return self._charge_off(act)
            case Leave():
                return self._leave(act)
            case ObjectToTerms():
                return self._object(act)
            case Buy():
                return self.buying.buy([act])[0]

    def _apply(self, act: Apply, applicant: Applicant) -> Answer:
        moment, application_id = self._moment, next(self._moment.act.event_ids)
        made = apply(
            self._connection,
            Application(
                application_id=application_id,
                request_key=f"world application {application_id}",
                request_digest=hashlib.sha256(msgspec.msgpack.encode(act)).digest(),
                borrower_id=applicant.borrower_id,
                stated=act.stated,
                device_id=self._moment.number(Contact.DEVICE, act.device),
                phone_id=self._moment.number(Contact.PHONE, act.phone),
                address_id=self._moment.number(Contact.ADDRESS, act.address),
                bureau_report_id=applicant.report_id,
            ),
            deciders=moment.deciders,
            act=moment.by(APP),
            zone=moment.zone,
        )
        if isinstance(made, Refusal):
            return refused(made)
        assert isinstance(made, StoredApplication), "its key is its own"
        reasons = made.reasons if made.refused_because is None else (*made.reasons, made.refused_because)
        offer = credit_offers.last_offer_of(self._connection, application_id)
        if made.state is ApplicationState.OFFERED and offer is not None:
            return msgspec.structs.replace(self._offered(offer), reasons=reasons)
        return Answer(outcome=_STATES[made.state].value, number=application_id, reasons=reasons)

    def _offered(self, offer: CreditOffer) -> Answer:
        """An offered line, at the price that its contract has."""
        contract = Contracts(self._connection)[offer.contract_hash]
        shown = shown_by(contract, code=offer.price_code, most_installments=LONGEST_PLAN)
        return Answer(
            outcome=Happened.OFFER.value,
            number=offer.application_id,
            amount_minor=offer.limit_minor,
            price_code=offer.price_code,
            fee_ppm=None if shown is None else shown.fee_ppm,
        )

    def _accept_line(self, act: AcceptLine) -> Answer:
        by = self._moment.by(APP)
        if not act.accepts:
            turned = turn_down_offer(self._connection, act.application_id, act=by)
            return refused(turned) if isinstance(turned, Refusal) else Answer(outcome=DONE)
        offer = credit_offers.last_offer_of(self._connection, act.application_id)
        shown = None if offer is None else offer.disclosure_hash
        opened = accept_offer(self._connection, act.application_id, accepted_hash=shown, act=by)
        return _done(opened, lambda line: (line.line_id, line.limit_minor))

    def _capture(self, act: Capture) -> Answer:
        decision, by, plan = self._decision(act.decision_id), self._moment.by(CHECKOUT), None
        if act.installments:
            assert decision.line_id is not None, "a purchase is on a line"
            asked = PlanRequest(
                offer=OfferKind.ORDER_INSTALLMENTS, price_code=act.price_code, installments=act.installments
            )
            accepted = self._accepted(decision.line_id, asked, principal_minor=act.amount_minor)
            if isinstance(accepted, Answer):
                return accepted
            plan = accepted
        claim = Claim(amount_minor=act.amount_minor, plan=plan)
        drawn = capture(self._connection, decision, claim, deciders=self._moment.deciders, act=by)
        if isinstance(drawn, Recorded):
            assert isinstance(drawn.event.fact, facts.Drawdown)
            return Answer(outcome=DONE, number=drawn.event.fact.draw_id, amount_minor=drawn.event.fact.amount_minor)
        return refused(drawn)

    def _accepted(self, line_id: int, asked: PlanRequest, *, principal_minor: int) -> PlanRequest | Answer:
        """The plan on the document that the borrower is shown, or why there is none."""
        quoted = quote_plan(
            self._connection, line_id, asked, principal_minor=principal_minor, act=self._moment.by(CHECKOUT)
        )
        if not isinstance(quoted, Disclosure):
            return refused(quoted)
        return msgspec.structs.replace(asked, accepted_hash=document_hash(quoted))

    def _decision(self, decision_id: int) -> StoredDecision:
        found = decisions.read_decision(self._connection, decision_id)
        if found is None:
            raise WorldFault(f"decision_id: {decision_id} was never decided; give what a purchase was answered")
        return found

    def _void(self, act: Void) -> Answer:
        decision = self._decision(act.decision_id)
        voided = void(self._connection, decision, amount_minor=None, act=self._moment.by(CHECKOUT))
        return _done(voided, lambda _: (act.decision_id, 0))

    def _refund(self, act: Refund) -> Answer:
        number = next(self._moment.act.event_ids)
        if act.is_forced:
            forced = facts.Chargeback(
                chargeback_id=number, draw_id=act.draw_id, amount_minor=act.amount_minor, reason="dispute"
            )
            recorded = record(self._connection, act.line_id, forced, act=self._moment.by(DISPUTES))
        else:
            given = facts.Refunded(refund_id=number, draw_id=act.draw_id, amount_minor=act.amount_minor)
            recorded = record(self._connection, act.line_id, given, act=self._moment.by(CHECKOUT))
        return _done(recorded, lambda _: (number, act.amount_minor))

    def _pay(self, act: Pay) -> Answer:
        received = receive_payment(
            self._connection,
            act.line_id,
            amount_minor=act.amount_minor,
            channel=act.channel,
            reference=act.reference,
            act=self._moment.by(BANK),
        )
        match received:
            case PaidBefore(payment_id=payment_id):
                return Answer(outcome=DONE, number=payment_id, amount_minor=act.amount_minor, is_repeat=True)
            case Recorded():
                assert isinstance(received.event.fact, facts.PaymentReceived)
                number = received.event.fact.payment_id
                return Answer(outcome=DONE, number=number, amount_minor=act.amount_minor)
        return refused(received)

    def _send_back(self, act: SendBack) -> Answer:
        paid = payment(self._connection, act.payment_id)
        if paid is None or paid.line_id != act.line_id:
            raise WorldFault(f"payment_id: {act.payment_id} is no payment of that line; give what paying was answered")
        returned = facts.PaymentReturned(payment_id=act.payment_id, event_id=paid.event_id, reason=act.reason)
        recorded = record_sent_back(self._connection, act.line_id, returned, act=self._moment.by(BANK))
        return _done(recorded, lambda _: (act.payment_id, paid.amount_minor))

    def _convert_bill(self, act: ConvertBill) -> Answer:
        asked = PlanRequest(
            offer=OfferKind.BILL_INSTALLMENTS,
            price_code=self._bill_price(act.line_id, act.installments),
            installments=act.installments,
        )
        accepted = self._accepted(act.line_id, asked, principal_minor=act.amount_minor)
        if isinstance(accepted, Answer):
            return accepted
        converted = convert_bill(
            self._connection,
            act.line_id,
            act.statement_number,
            accepted,
            amount_minor=act.amount_minor,
            act=self._moment.by(APP),
        )
        if isinstance(converted, Recorded):
            assert isinstance(converted.event.fact, facts.BillConverted)
            return Answer(outcome=DONE, number=converted.event.fact.plan.plan_id, amount_minor=act.amount_minor)
        return refused(converted)

    def _bill_price(self, line_id: int, installments: int) -> str:
        """The first price at which a bill is sold in so many installments; none where it is not."""
        stored = read_line(self._connection, line_id)
        sold = None if stored is None else Contracts(self._connection)[stored.line.contract_hash].bill_installments
        codes = (
            price.code
            for price in (sold.prices if sold is not None else ())
            if price.least_installments <= installments <= price.most_installments
        )
        return next(codes, NO_PRICE)

    def _label(self, act: Label) -> Answer:
        told = label_purchase(
            self._connection,
            act.decision_id,
            is_fraud=act.is_fraud,
            reason="known by now",
            act=self._moment.by(FRAUD_DESK),
        )
        return refused(told) if isinstance(told, Refusal) else Answer(outcome=DONE, number=act.decision_id)

    def _judge(self, act: Judge) -> Answer:
        """One analyst answers, and another one agrees where two are needed."""
        judged = self._judged(act, by=act.analyst)
        if isinstance(judged, Review) and judged.outcome is None:
            judged = self._judged(act, by=f"{act.analyst} (second)")
        if not isinstance(judged, Review):
            return refused(judged)
        match judged.checkpoint, judged.outcome:
            case CheckpointName.AUTHORIZE, Happened.APPROVE:
                decision = self._decision(judged.review_id)
                return bought(decision, self.buying.shown([decision]), outcome=Happened.APPROVE)
            case CheckpointName.APPLY, Happened.OFFER:
                offer = credit_offers.last_offer_of(self._connection, judged.review_id)
                assert offer is not None, "it was offered"
                return self._offered(offer)
            case CheckpointName.REVIEW_LIMIT, "increase":
                assert judged.line_id is not None
                raised = limit_offers.open_offer(self._connection, judged.line_id)
                assert raised is not None, "it was offered"
                return Answer(outcome=Happened.OFFER.value, number=raised.offer_id, amount_minor=raised.limit_minor)
        return Answer(outcome=Happened.DECLINE.value, number=judged.review_id)

    def _judged(self, act: Judge, *, by: str) -> Review | Refusal | OfferFault:
        found = read_review(self._connection, act.review_id)
        if found is None:
            raise WorldFault(f"review_id: {act.review_id} is no review; give one of those that wait")
        answers = CHECKPOINT_OUTPUTS[CheckpointName(found.checkpoint)].ending
        outcome = answers[0] if act.passes else answers[-1]
        moment = self._moment
        return judge(self._connection, act.review_id, outcome, reason=act.reason, act=moment.by(by), zone=moment.zone)

    def _answer_limit(self, act: AnswerLimit) -> Answer:
        by = self._moment.by(APP)
        if not act.accepts:
            turned = turn_down_limit(self._connection, act.offer_id, OfferAnswer.DECLINED, act=by)
            return refused(turned) if isinstance(turned, Refusal) else Answer(outcome=DONE)
        offer = limit_offers.read_offer(self._connection, act.offer_id)
        shown = None if offer is None else offer.disclosure_hash
        raised = accept_limit(self._connection, act.offer_id, accepted_hash=shown, act=by)
        return _done(raised, lambda line: (line.line_id, line.limit_minor))

    def _ask_limit(self, act: AskLimit) -> Answer:
        moment = self._moment
        told = request_limit(
            self._connection,
            act.line_id,
            act.limit_minor,
            deciders=moment.deciders,
            act=moment.by(APP),
            zone=moment.zone,
        )
        if isinstance(told, Refusal):
            return refused(told)
        reasons = (told.reason,) if told.refused_because is None else (told.reason, told.refused_because)
        if told.outcome == RAISE_OFFERED:
            assert told.offer_id is not None
            return Answer(
                outcome=Happened.OFFER.value, number=told.offer_id, amount_minor=told.target_minor, reasons=reasons
            )
        outcome = (Happened.REVIEW if told.outcome == REVIEWED else Happened.DECLINE).value
        return Answer(outcome=outcome, number=told.decision_id, amount_minor=told.target_minor, reasons=reasons)

    def _prove_income(self, act: ProveIncome) -> Answer:
        proven = Reason(trigger="income_proof", income_month_minor=act.income_month_minor)
        wish = wish_for_review(self._connection, act.line_id, proven, act=self._moment.by(APP))
        return refused(wish) if isinstance(wish, Refusal) else Answer(outcome=DONE, number=act.line_id)

    def _charge_off(self, act: ChargeOff) -> Answer:
        fact = facts.ChargedOff(reason=act.reason)
        proposed = propose(self._connection, act.line_id, fact, act=self._moment.by(COLLECTIONS))
        if isinstance(proposed, Refusal):
            return refused(proposed)
        agreed = approve(self._connection, proposed.proposal_id, act=self._moment.by(HEAD_OF_COLLECTIONS))
        return _done(agreed, lambda line: (line.line_id, line.charged_off_minor))

    def _leave(self, act: Leave) -> Answer:
        closed = facts.LineClosed(reason="the borrower leaves")
        return _done(
            record(self._connection, act.line_id, closed, act=self._moment.by(APP)), lambda line: (line.line_id, 0)
        )

    def _object(self, act: ObjectToTerms) -> Answer:
        told = object_to_change(self._connection, act.line_id, act.change_id, act=self._moment.by(APP))
        return Answer(outcome=DONE, number=act.line_id) if isinstance(told, TermsNotice) else refused(told)


_STATES: Final = {
    ApplicationState.OFFERED: Happened.OFFER,
    ApplicationState.IN_REVIEW: Happened.REVIEW,
    ApplicationState.DECLINED: Happened.DECLINE,
}


def _done(told: Recorded | Refusal | OfferFault, came_of: Callable[[Line], tuple[int, int]]) -> Answer:
    """Done, with the number and the amount that came of it, or why not."""
    if not isinstance(told, Recorded):
        return refused(told)
    number, amount_minor = came_of(told.line)
    return Answer(outcome=DONE, number=number, amount_minor=amount_minor)
