"""The command line as a whole: every command by its name, and what becomes of a refusal."""

import sys

from cyclopts import App

from tallystick import __version__
from tallystick.bootstrap import error_terminal
from tallystick.cli import (
    books,
    database,
    debits,
    decisions,
    demonstration,
    features,
    ledger,
    limits,
    money,
    portfolio,
    products,
    reviews,
    server,
    settle,
    strategies,
    training,
    world,
)
from tallystick.config import SettingsFault

app = App(
    name="tallystick",
    help="A consumer credit line that a lender can run, read and prove.",
    version=__version__,
    help_format="plaintext",
)
for command in (
    portfolio.review,
    portfolio.fit,
    portfolio.watch,
    demonstration.demo,
    training.train,
    books.close_day,
    limits.review_lines,
    limits.reprice_lines,
    decisions.replay,
    decisions.backtest,
    server.serve,
):
    app.command(command)
for group in (
    portfolio.mapping_app,
    database.app,
    debits.app,
    decisions.app,
    features.app,
    ledger.app,
    money.app,
    products.app,
    reviews.app,
    server.keys_app,
    settle.app,
    strategies.app,
    world.app,
):
    app.command(group)


def main() -> None:
    """Run the command line; a refusal goes to standard error with status 2, a defect keeps its traceback."""
    try:
        app(sys.argv[1:])
    except KeyboardInterrupt:
        sys.exit(130)
    except OSError as error:
        if "libgomp" not in str(error):
            raise
        error_terminal().print(
            "LightGBM needs the system library libgomp: on Debian, apt-get install libgomp1", style="red"
        )
        sys.exit(2)
    except (ValueError, LookupError, RuntimeError) as fault:
        from tallystick.cluster.session import SparkMissing
        from tallystick.operations.faults import FAULTS
        from tallystick.world.demonstration.forecast import NothingReviewed
        from tallystick.world.economy.running import WORLD_FAULTS

        if not isinstance(fault, (*FAULTS, *WORLD_FAULTS, NothingReviewed, SettingsFault, SparkMissing)):
            raise
        error_terminal().print(str(fault), style="red", markup=False, soft_wrap=True)
        sys.exit(2)
