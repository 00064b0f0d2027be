"""Commands over a portfolio file: review, fit, watch and mappings."""

import sys
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from tallystick.bootstrap import business_date, error_terminal, settings, shown_progress, terminal
from tallystick.reports.summary import Summary
from tallystick.scoring.model_kind import ModelKind

mapping_app = App(name="mapping", help="Tell Tallystick which of your columns is which field.")


def review(  # noqa: PLR0913 - one parameter per option of the command line
    *,
    data: Path,
    mapping: str,
    cap: int,
    baseline_cap: int,
    out: Path,
    model: Path | None = None,
    kind: ModelKind = "lightgbm",
    strategy: Path | None = None,
    as_of: date | None = None,
    seed: int = 1,
    csv: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Score, grade, price and set the limit of every line under a new cap and a baseline cap.

    Parameters
    ----------
    data
        Parquet or CSV: one file, or a folder of them.
    mapping
        A built-in mapping (uci-taiwan, tallystick) or the file of your own.
    cap
        The highest limit that an increase may reach, in whole units of money.
    baseline_cap
        The cap to compare with: the one in force.
    out
        Folder for decisions, rejects, summary.json and report.html.
    model
        A fitted model's folder. Without it the portfolio scores itself out of fold, by its own outcomes.
    kind
        The kind of model for a portfolio that scores itself.
    strategy
        A strategy folder; without it the standard strategy.
    as_of
        The day whose law holds; without it today.
    seed
        The seed of everything that is drawn.
    csv
        Write decisions.csv beside decisions.parquet.
    """
    from tallystick.operations.review import ReviewRequest
    from tallystick.operations.review import review as run

    request = ReviewRequest(
        data=data,
        mapping=mapping,
        out=out,
        cap_major=cap,
        baseline_cap_major=baseline_cap,
        as_of=as_of or business_date(),
        kind=kind,
        model=model,
        strategy=strategy,
        seed=seed,
        formats=("parquet", "csv") if csv else ("parquet",),
    )
    with shown_progress(settings().language) as progress:
        summary = run(request, progress=progress)
    _show(summary, out=out)


def fit(*, data: Path, mapping: str, out: Path, kind: ModelKind = "lightgbm", seed: int = 1) -> None:
    """Fit a model on a portfolio whose outcomes are known, and write it as a folder.

    Parameters
    ----------
    data
        Parquet or CSV: one file, or a folder of them.
    mapping
        A built-in mapping or the file of your own.
    out
        Folder for the model: manifest, calibration and weights, all text.
    kind
        scorecard, lightgbm or xgboost.
    seed
        The same seed gives the same bytes.
    """
    from tallystick.operations.fit import FitRequest
    from tallystick.operations.fit import fit as run
    from tallystick.reports.model_terminal import metrics_table

    language = settings().language
    with shown_progress(language) as progress:
        answer = run(FitRequest(data=data, mapping=mapping, out=out, kind=kind, seed=seed), progress=progress)
    screen = terminal()
    screen.print(metrics_table(answer.metrics, language=language))
    screen.print(f"{answer.kind} · {answer.features} · {answer.model_id} → {out}")


def watch(
    model: Path | None = None,
    data: Path | None = None,
    *,
    against: Path | None = None,
    mapping: str | None = None,
    since: date | None = None,
    out: Path | None = None,
    false_alarm: float = 0.01,
) -> None:
    """Compare rows at hand with those a model learned from: features, scores, outcomes, early signs.

    Parameters
    ----------
    model
        Folder of the model. One made by `train` needs the data alone; one made by `fit` the next two as well.
    data
        The rows at hand, of the form that the model learned from.
    against
        Of a model made by `fit`, or without one: the portfolio to compare with.
    mapping
        The mapping of both portfolios.
    since
        Of a model made by `train` on dated rows: from when on they are watched; those before serve features alone.
    out
        Folder for watch.json (a row per check) and watch.prom (Prometheus text).
    false_alarm
        How often the whole watch may alarm although nothing changed.
    """
    from tallystick.operations.watching import WatchOptions
    from tallystick.operations.watching import watch as run
    from tallystick.reports.watch_terminal import watch_table, watch_verdict

    language = settings().language
    options = WatchOptions(model, data, against, mapping, since, out, false_alarm)
    with shown_progress(language) as progress:
        checks = run(options, progress=progress)
    screen = terminal()
    screen.print(watch_table(checks, language=language))
    verdict = watch_verdict(checks, false_alarm=false_alarm, language=language)
    screen.print(verdict, markup=False, soft_wrap=True)


@mapping_app.command
def init(data: Path, *, out: Path) -> None:
    """Draft a mapping from the columns of a file, to be read and completed by you.

    Parameters
    ----------
    data
        Parquet or CSV.
    out
        The mapping file to write; an existing one is not touched.
    """
    from tallystick.operations.mapping import init_mapping

    init_mapping(data=data, out=out)
    terminal().print(f"{out}\ntallystick mapping check {out} --data {data}")


@mapping_app.command
def check(mapping: str, *, data: Path | None = None) -> None:
    """Say everything that is wrong with a mapping, by itself and for a file.

    Parameters
    ----------
    mapping
        A built-in mapping or a file.
    data
        The file or folder it is for.
    """
    from tallystick.operations.mapping import check_mapping_file

    faults = check_mapping_file(mapping=mapping, data=data)
    for fault in faults:
        error_terminal().print(str(fault), markup=False, soft_wrap=True)
    if faults:
        sys.exit(2)
    terminal().print("✓")


def _show(summary: Summary, *, out: Path) -> None:
    from tallystick.reports.model_terminal import model_table
    from tallystick.reports.terminal import headline, prices_table, rows_table

    language = settings().language
    screen = terminal()
    for table in (rows_table, model_table, prices_table, headline):
        screen.print(table(summary, language=language))
    label: dict[Literal["zh", "en"], str] = {"zh": "报告", "en": "report"}
    screen.print(f"{label[language]}: {out / 'report.html'}", soft_wrap=True, markup=False)
