"""Expressions of a configuration over one row of a file: that they read their own row, and nothing that nobody knew."""

from collections.abc import Collection

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from tallystick.terms.form import FaultNotes


def quoted(text: str) -> str:
    """The expression with its columns in quotes, for a file may have a column called `at` or `order`."""
    return str(sqlglot.parse_one(text, read="duckdb").sql(dialect="duckdb", identify=True))


def columns_of(text: str) -> tuple[str, ...]:
    """The columns that an expression reads, each once; none of what is no expression."""
    try:
        return tuple(
            dict.fromkeys(column.name for column in sqlglot.parse_one(text, read="duckdb").find_all(exp.Column))
        )
    except SqlglotError:
        return ()


def note_expression(
    key: str,
    text: str,
    *,
    known: Collection[str],
    files: Collection[str],
    hidden: Collection[str],
    hidden_way_out: str,
    notes: FaultNotes,
) -> None:
    """Note what is wrong with an expression over `known` columns, of which those `hidden` tell the outcome."""
    try:
        tree = sqlglot.parse_one(text, read="duckdb")
    except SqlglotError as error:
        notes.add(key, f"not an SQL expression ({error})", "correct it")
        return
    if list(tree.find_all(exp.Query)):
        notes.add(key, "reads more than its own row", "write an expression over the row's columns")
    for name in columns_of(text):
        if name in hidden:
            notes.add(key, f"{name} tells the outcome, which nobody knew yet", hidden_way_out)
        elif name not in known:
            notes.add(key, f"{', '.join(files)} has no column {name}", f"use {', '.join(known)}")
