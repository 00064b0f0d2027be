"""The books, read: the chart with its balances, a line's accounts, and transfers as they were posted."""

from datetime import date

from litestar import Response, Router, get
from msgspec import Struct
from psycopg import Connection

from tallystick.ledger.balance import Balance
from tallystick.ledger.chain import Position, Posted
from tallystick.ledger.chart import chart
from tallystick.ledger.transfer import Address
from tallystick.operations.ledger import read_trial_balance
from tallystick.operations.lines import Act
from tallystick.servicing.refusals import Refusal
from tallystick.storage import ledger_reading, lines
from tallystick.trust.scopes import Scope
from tallystick.units.ids import IdPrefix, encode_id
from tallystick.web.answering import read
from tallystick.web.edge import Asked
from tallystick.web.happening import line_number, no_such_line
from tallystick.web.parameters import (
    AfterPlace,
    LinePath,
    OfLine,
    Page,
    PageLimit,
    TransferPath,
    body_id,
    commit_page,
    commit_place,
    needs,
    path_id,
)
from tallystick.web.problems import Problem, problems


class AccountView(Struct, frozen=True):
    """One code of the chart in one currency, over all its owners; `net_minor` stands on its normal side."""

    code: str
    name_en: str
    name_zh: str
    group: str
    scope: str
    currency: str
    debit_minor: int
    credit_minor: int
    net_minor: int


class LineAccountView(Struct, frozen=True):
    """One account of a line."""

    code: str
    currency: str
    debit_minor: int
    credit_minor: int
    net_minor: int


class AddressView(Struct, frozen=True):
    """An account: its code, and whose it is; 0 is the house."""

    code: str
    owner_id: str


class TransferView(Struct, frozen=True):
    """One amount moved from one account to another. Corrections are new transfers; none ever changes."""

    id: str
    debit: AddressView
    credit: AddressView
    amount_minor: int
    currency: str
    effective_on: date
    booked_on: date
    kind: str
    line_id: str | None
    event_id: str | None


@get(
    "/ledger/accounts",
    operation_id="list_accounts",
    tags=["ledger"],
    guards=[needs(Scope.LEDGER_READ)],
    responses=problems(),
    sync_to_thread=True,
)
def list_accounts(request: Asked) -> Response[Page[AccountView]]:
    """The chart of accounts with the balance of each code, exact at this instant."""

    def run(connection: Connection, _: Act) -> Page[AccountView]:
        known = chart()
        return Page(
            [
                AccountView(
                    code=row.code,
                    name_en=known[row.code].name.en,
                    name_zh=known[row.code].name.zh,
                    group=known[row.code].group.value,
                    scope=known[row.code].scope.value,
                    currency=row.currency,
                    debit_minor=row.debit_minor,
                    credit_minor=row.credit_minor,
                    net_minor=row.net_minor,
                )
                for row in read_trial_balance(connection)
            ],
            None,
        )

    return read(request, run)


@get(
    "/lines/{line_id:str}/accounts",
    operation_id="list_line_accounts",
    tags=["ledger"],
    guards=[needs(Scope.LEDGER_READ)],
    responses=problems(404),
    sync_to_thread=True,
)
def list_line_accounts(request: Asked, line_id: LinePath) -> Response[Page[LineAccountView]]:
    """A line's own accounts in the books."""
    number = line_number(line_id)

    def run(connection: Connection, _: Act) -> Page[LineAccountView] | Refusal:
        if lines.read_line(connection, number) is None:
            return no_such_line()
        return Page([_line_account(balance) for balance in ledger_reading.line_balances(connection, number)], None)

    return read(request, run)


def _line_account(balance: Balance) -> LineAccountView:
    return LineAccountView(
        code=balance.address.code,
        currency=balance.currency,
        debit_minor=balance.debit_minor,
        credit_minor=balance.credit_minor,
        net_minor=balance.net_minor,
    )


@get(
    "/ledger/transfers",
    operation_id="list_transfers",
    tags=["ledger"],
    guards=[needs(Scope.LEDGER_READ)],
    responses=problems(),
    sync_to_thread=True,
)
def list_transfers(
    request: Asked,
    line_id: OfLine = None,
    limit: PageLimit = 20,
    after: AfterPlace = None,
) -> Response[Page[TransferView]]:
    """Transfers in the order in which they became visible, of one line where asked: a reader misses none.

    `next_after` is there even on the last page as long as it has items: ask again with it for what came since.
    """
    owner = None if line_id is None else body_id(IdPrefix.LINE, line_id, param="line_id")
    position = Position(*(commit_place(after) or (0, 0, 0)))

    def run(connection: Connection, _: Act) -> Page[TransferView]:
        if owner is None:
            rows = ledger_reading.settled_transfers(connection, after=position, most=limit)
        else:
            rows = ledger_reading.transfers_of_line(connection, owner, after_id=position.transfer_id, most=limit)
        return commit_page(rows, view=_transfer_view, place=lambda row: row.position)

    return read(request, run)


@get(
    "/ledger/transfers/{transfer_id:str}",
    operation_id="get_transfer",
    tags=["ledger"],
    guards=[needs(Scope.LEDGER_READ)],
    responses=problems(404),
    sync_to_thread=True,
)
def get_transfer(request: Asked, transfer_id: TransferPath) -> Response[TransferView]:
    """One transfer."""
    number = path_id(IdPrefix.TRANSFER, transfer_id)

    def run(connection: Connection, _: Act) -> TransferView:
        posted = ledger_reading.read_transfer(connection, number)
        if posted is None:
            raise Problem("transfer_unknown", status=404, detail="There is no transfer of this id", param="transfer_id")
        return _transfer_view(posted)

    return read(request, run)


def _transfer_view(posted: Posted) -> TransferView:
    transfer = posted.transfer
    return TransferView(
        id=encode_id(IdPrefix.TRANSFER, posted.position.transfer_id),
        debit=_address(transfer.debit),
        credit=_address(transfer.credit),
        amount_minor=transfer.amount_minor,
        currency=transfer.currency,
        effective_on=transfer.effective_on,
        booked_on=posted.booked_on,
        kind=transfer.kind,
        line_id=encode_id(IdPrefix.LINE, transfer.line_id) if transfer.line_id else None,
        event_id=encode_id(IdPrefix.EVENT, transfer.event_id) if transfer.event_id else None,
    )


def _address(address: Address) -> AddressView:
    scope = chart()[address.code].scope.value
    prefixes = {"line": IdPrefix.LINE, "merchant": IdPrefix.MERCHANT}
    prefix = prefixes.get(scope)
    owner = str(address.owner_id) if prefix is None else encode_id(prefix, address.owner_id)
    return AddressView(address.code, owner)


router = Router("/", route_handlers=[list_accounts, list_line_accounts, list_transfers, get_transfer])
