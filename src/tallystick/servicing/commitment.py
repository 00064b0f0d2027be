"""What the lender still owes to lend: the undrawn part of an open line's limit, kept off the balance sheet."""

from msgspec.structs import replace

from tallystick.servicing.journal import UNDRAWN, UNDRAWN_CONTRA, Journal
from tallystick.servicing.line import Condition, Line
from tallystick.servicing.owed import drawn_minor


def commitment_minor(line: Line) -> int:
    """Limit less drawn principal; nothing once the line is closed or charged off."""
    return max(0, line.limit_minor - drawn_minor(line)) if line.condition is Condition.OPEN else 0


def with_commitment(line: Line, *, journal: Journal) -> Line:
    """Post by how much the commitment changed."""
    now_minor = commitment_minor(line)
    if now_minor == line.commitment_minor:
        return line
    journal.move(
        line,
        "commitment",
        debit=UNDRAWN,
        credit=UNDRAWN_CONTRA,
        amount_minor=now_minor - line.commitment_minor,
    )
    return replace(line, commitment_minor=now_minor)
