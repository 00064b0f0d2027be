"""How every benchmark reports: a table for people, or as last line one JSON object for machines."""

import json
import math
import os
import platform
from collections.abc import Mapping

Figures = Mapping[str, float]


def machine() -> dict[str, float]:
    """What the figures were measured on, as numbers: usable processors and the Python version (3.11)."""
    major, minor = platform.python_version_tuple()[:2]
    return {"cpu_count": _usable_processors(), "python": float(f"{major}.{minor}")}


def emit(name: str, ours: Figures, peer: Figures, ratio: Figures, *, as_json: bool) -> None:
    """Print the figures of one benchmark as a table, or as one JSON line of DESIGN.md section 10.

    Each key carries its unit (`fit_seconds`). Raises `ValueError` naming every figure that is not a finite
    number: a benchmark that could not measure must fail, not report.
    """
    groups = {"ours": ours, "peer": peer, "ratio": ratio, "machine": machine()}
    plain = {group: {key: float(figure) for key, figure in figures.items()} for group, figures in groups.items()}
    faults = [
        f"{group}.{key} = {figure}"
        for group, figures in plain.items()
        for key, figure in figures.items()
        if not math.isfinite(figure)
    ]
    if faults:
        raise ValueError(f"benchmark {name}: not a finite number: {', '.join(faults)}")
    if as_json:
        print(json.dumps({"name": name, **plain}, allow_nan=False), flush=True)
    else:
        _print_table(name=name, groups=plain)


def _usable_processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _print_table(name: str, groups: Mapping[str, Figures]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=name)
    table.add_column("")
    table.add_column("figure")
    table.add_column("value", justify="right")
    for group, figures in groups.items():
        for key, figure in figures.items():
            table.add_row(group, key, f"{figure:,.6g}")
        table.add_section()
    Console().print(table)
