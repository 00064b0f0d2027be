"""How the world speaks to a lender: what people, shops and banks do, and what they are answered.

A lender is whoever follows `Lender`: the product in this process, or over HTTP. The world hands over acts step by
step; a step that comes again, because the world was killed before it wrote down the answers, is answered the same and
done once. What the world knows of a lender's books is what its borrowers and shops are told.
"""

from collections.abc import Sequence
from datetime import date, datetime
from enum import StrEnum
from typing import Final, Protocol, TypeAlias

import pyarrow as pa
from msgspec import Struct, field

from tallystick.operations.applications import BureauReport
from tallystick.storage.applications import Stated

DONE = "done"


class Act(Struct, frozen=True, kw_only=True, tag=True):
    """One thing that somebody does. Amounts are minor units."""


class Apply(Act, frozen=True, kw_only=True):
    """A person applies for a line; `reference` is how the lender knows the person from then on.

    `report` is what the bureau answers when it is asked. Device, phone and address are the shop's own texts.
    """

    reference: str
    stated: Stated
    report: BureauReport | None
    device: str
    phone: str
    address: str


class AcceptLine(Act, frozen=True, kw_only=True):
    """The offered line is accepted, or not."""

    application_id: int
    accepts: bool


class Buy(Act, frozen=True, kw_only=True):
    """A buyer at a checkout. `order` names the purchase in the world; the buyer can confirm it by a second factor.

    Place in millionths of a degree, where the buyer's device tells it.
    """

    order: int
    line_id: int
    amount_minor: int
    merchant_id: int
    category: str
    device: str | None
    phone: str | None
    address: str | None
    terminal: int | None = None
    latitude_udeg: int | None = None
    longitude_udeg: int | None = None
    confirms: bool = True


class Capture(Act, frozen=True, kw_only=True):
    """A shop claims what was authorized, in as many installments as the buyer chose; 0: paid next month."""

    decision_id: int
    amount_minor: int
    installments: int = 0
    price_code: str = ""


class Void(Act, frozen=True, kw_only=True):
    """A shop gives back what is held: the order is off."""

    decision_id: int


class Refund(Act, frozen=True, kw_only=True):
    """A shop gives money back for a purchase; `is_forced`: the dispute was decided for the buyer."""

    line_id: int
    draw_id: int
    amount_minor: int
    is_forced: bool = False


class Pay(Act, frozen=True, kw_only=True):
    """Money comes in by a bank, with its reference. The same reference again is a callback that came twice."""

    line_id: int
    amount_minor: int
    reference: str
    channel: str = "bank"


class SendBack(Act, frozen=True, kw_only=True):
    """The bank takes a payment back."""

    line_id: int
    payment_id: int
    reason: str


class ConvertBill(Act, frozen=True, kw_only=True):
    """The last statement's purchases, or part of them, are put into installments."""

    line_id: int
    statement_number: int
    amount_minor: int
    installments: int


class Label(Act, frozen=True, kw_only=True):
    """It became known what a purchase was."""

    decision_id: int
    is_fraud: bool


class Judge(Act, frozen=True, kw_only=True):
    """An analyst answers a review; `passes`: as good as the checkpoint can."""

    review_id: int
    passes: bool
    analyst: str
    reason: str


class AnswerLimit(Act, frozen=True, kw_only=True):
    """An offered limit is accepted, or not."""

    offer_id: int
    accepts: bool


class AskLimit(Act, frozen=True, kw_only=True):
    """A borrower asks for a higher limit."""

    line_id: int
    limit_minor: int


class ProveIncome(Act, frozen=True, kw_only=True):
    """A borrower proves an income, which is a reason to look at the limit again: it is looked at next morning."""

    line_id: int
    income_month_minor: int


class ChargeOff(Act, frozen=True, kw_only=True):
    """The lender gives a line up, by two persons."""

    line_id: int
    reason: str


class Leave(Act, frozen=True, kw_only=True):
    """A borrower closes the line, with nothing owed."""

    line_id: int


class ObjectToTerms(Act, frozen=True, kw_only=True):
    """A borrower objects to a change of terms before it binds: the line keeps its price, and buys nothing more."""

    line_id: int
    change_id: int


class Happened(StrEnum):
    """What an act came to, where it is not `DONE` or the name of a refusal: what a checkpoint answered."""

    APPROVE = "approve"
    DECLINE = "decline"
    REVIEW = "review"
    STEP_UP = "step_up"
    OFFER = "offer"


class Answer(Struct, frozen=True, kw_only=True):
    """What an act came to: `outcome` is `DONE`, one of `Happened`, or the code of a refusal.

    `number` is the id of what came of it: application, line, decision, draw, payment or offer (0: nothing).
    `amount_minor` is the limit that was offered or granted, or what was held, drawn or paid. `price_code` and
    `most_installments` are what a buyer may choose of, or what an offered line has; `fee_ppm` is what each installment
    costs at that price, a share of the original principal, None where no price is told; `is_repeat`: it had been done
    before.
    """

    outcome: str
    number: int = 0
    amount_minor: int = 0
    price_code: str = ""
    most_installments: int = 0
    fee_ppm: int | None = None
    reasons: tuple[str, ...] = ()
    is_repeat: bool = False

    @property
    def is_refusal(self) -> bool:
        """Whether the books or the law refused."""
        return self.outcome not in (DONE, *Happened)


AnyAct: TypeAlias = (
    Apply | AcceptLine | Buy | Capture | Void | Refund | Pay | SendBack | ConvertBill | Label | Judge | AnswerLimit
    | AskLimit | ProveIncome | ChargeOff | Leave | ObjectToTerms
)  # fmt: skip


class Step(Struct, frozen=True):
    """A moment of a day at which things are done: `number` rises through the day, `at` is its instant (UTC)."""

    day: date
    number: int
    at: datetime


_NO_NOTICES: Final = pa.schema(
    [(name, pa.int64()) for name in ("change_id", "line_id", "previous_fee_ppm", "fee_ppm")]
    + [("binds_on", pa.date32())]
).empty_table()


class Morning(Struct, frozen=True):
    """What a lender tells when a day begins, the day before being closed.

    - `standing`, a row a line: `line_id`, `limit_minor`, `drawn_minor`, `held_minor`, `available_minor`, `owed_minor`
      (everything, charges too; of a line that was charged off the claim that is left), `due_minor` (asked for and not
      paid), `days_past_due`, `is_open`, `is_frozen`, `is_charged_off`.
    - `statements` that closed in the night: `line_id`, `number`, `closing_minor`, `minimum_minor`, `due_on`, and what
      made it: `purchases_minor` (installments that fell into it as well), `payments_minor`, `refunds_minor`,
      `charges_minor` (interest, fees and penalties, without what was waived); where it tells its prices, also
      `daily_rate_ppm` (what a day costs of what is not paid in full) and `fee_ppm` (what each installment costs of a
      bill that is put into installments, of the principal; null where none is).
    - `notices` of another price that lines were told yesterday and that do not bind yet: `change_id`, `line_id`,
      `binds_on`, and what each installment of an order costs before and after, `previous_fee_ppm` and `fee_ppm`.
    """

    standing: pa.Table
    statements: pa.Table
    notices: pa.Table = field(default_factory=lambda: _NO_NOTICES)


class Lender(Protocol):
    """The lender, as the world knows it. Asked again for the same day or step it does nothing and tells the same."""

    def begin(self, day: date, *, at: datetime) -> Morning:
        """A day begins: the day before is closed; what lapsed, lapses."""

    def review_limits(self, day: date, *, at: datetime) -> pa.Table:
        """The nightly review of all limits, and of prices where several are sold. Tells the offers to be answered.

        A row an offer: `offer_id`, `line_id`, `previous_minor`, `limit_minor`, `valid_until`.
        """

    def do(self, step: Step, acts: Sequence[AnyAct]) -> list[Answer]:
        """Do what is asked, in order, and answer each. Two purchases of one step are never on one line.

        The instants of steps and nights rise: no decision sees what has its own instant.
        """

    def reviews(self, step: Step) -> pa.Table:
        """What waits for a person: `review_id`, `checkpoint`, `decision_id`, `line_id`, `amount_minor`."""

    def standing(self) -> pa.Table:
        """All lines as they stand now, in the columns of `Morning.standing`."""
