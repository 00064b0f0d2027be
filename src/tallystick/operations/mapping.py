"""Draft a mapping from a file's columns, and say everything that is wrong with one."""

from pathlib import Path
from typing import Final

import pyarrow.compute as pc

from tallystick.operations.whole_files import OutputFault, write_bytes
from tallystick.sources.draft import draft_mapping
from tallystick.sources.files import read_table
from tallystick.sources.mapping import Fault, Mapping, MappingFaults, check_mapping, read_mapping
from tallystick.sources.portfolio import Portfolio, PortfolioFault, map_portfolio
from tallystick.sources.reasons import RejectReason

# Refusals that a mapping which says more would decide: what it leaves open, and the way out.
_LEFT_OPEN: Final = {
    RejectReason.UNLISTED_CODE: 'add them to codes, or say unlisted = "missing" or "reject"',
    RejectReason.NEGATIVE: "say what negative means, or name the values in special",
    RejectReason.CURRENCY_WITHOUT_RATE: "add a rate for each, or a code for how it is written",
}
_SHOWN: Final = 8  # values


def init_mapping(*, data: Path, out: Path) -> None:
    """Draft a mapping for a file or folder and write it to `out`.

    Raises `FileFault` for data that cannot be read, `OutputFault` where `out` exists or cannot be written.
    """
    if out.exists():
        raise OutputFault(f"{out}: exists already and is not touched; give a new name, or remove it first")
    text = draft_mapping(read_table(data).table, name=out.stem)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(text.encode(), out)
    except OSError as error:
        raise OutputFault(f"{out}: cannot be written ({error.strerror}); give a path that you may write") from error


def check_mapping_file(*, mapping: str, data: Path | None = None) -> tuple[Fault, ...]:
    """Everything that is wrong with a mapping by itself and, given data, in what it leaves open for them.

    A single bad cell is no fault of a mapping: `review` refuses its row by name. Raises `FileFault` for the data.
    """
    try:
        read = read_mapping(mapping)
    except MappingFaults as error:
        return error.faults
    if data is None:
        return ()
    table = read_table(data).table
    faults = check_mapping(read, table)
    if faults:
        return faults
    try:
        portfolio = map_portfolio(table, read)
    except PortfolioFault as error:
        return (Fault("data", str(error), "no line is left to review"),)
    return _left_open(read, portfolio)


def _left_open(mapping: Mapping, portfolio: Portfolio) -> tuple[Fault, ...]:
    faults = []
    for count in portfolio.reject_counts:
        reason, mapped = RejectReason(count.reason), mapping.fields[count.field]
        is_decided = (
            mapped.unlisted == "reject" if reason is RejectReason.UNLISTED_CODE else mapped.negative == "reject"
        )
        if reason in _LEFT_OPEN and not is_decided:
            values = _values(portfolio, count.field, reason)
            problem = f"{count.rows:,} of {portfolio.rows_read:,} rows would be refused as {reason}: {values}"
            faults.append(Fault(f"field.{count.field}", problem, _LEFT_OPEN[reason]))
    return tuple(faults)


def _values(portfolio: Portfolio, field: str, reason: RejectReason) -> str:
    """The refused values, each once, in order of text."""
    rejects = portfolio.rejects
    rows = pc.and_(pc.equal(rejects["field"], field), pc.equal(rejects["reason"], reason.value))
    values = sorted(pc.unique(rejects["value"].filter(rows)).to_pylist())
    return ", ".join(map(repr, values[:_SHOWN])) + (", ..." if len(values) > _SHOWN else "")
