"""What a borrower accepts: exactly the disclosure that was quoted, kept as it was shown."""

import msgspec
from psycopg import Connection

from tallystick.operations.lines import Act
from tallystick.servicing.refusals import Refusal, RefusalReason
from tallystick.storage import acceptances
from tallystick.terms.disclosure import Disclosure, document_hash


def unaccepted(disclosure: Disclosure, *, accepted_hash: str | None, field: str = "accepted_hash") -> Refusal | None:
    """Why nothing is agreed: another document was accepted, or none. The refusal tells the hash of the one that holds.

    The borrower must see that document before its hash is given back.
    """
    quoted_hash = document_hash(disclosure)
    if accepted_hash == quoted_hash:
        return None
    return Refusal(RefusalReason.ACCEPTANCE_MISSING, field=field, figures={"quoted_hash": quoted_hash})


def keep_acceptance(
    connection: Connection,
    disclosure: Disclosure,
    *,
    acceptance_id: int,
    borrower_id: int,
    line_id: int,
    purpose: str,
    act: Act,
) -> None:
    """Keep what was accepted, word for word, with its hash."""
    acceptances.add_acceptance(
        connection,
        acceptance_id=acceptance_id,
        borrower_id=borrower_id,
        line_id=line_id,
        purpose=purpose,
        disclosure_hash=document_hash(disclosure),
        disclosure=msgspec.json.encode(disclosure).decode(),
        accepted_at=act.at,
    )
