"""`tallystick products ...`: what is sold, by its versions."""

from pathlib import Path
from typing import TYPE_CHECKING

from cyclopts import App

from tallystick.bootstrap import act_of, database_place, terminal
from tallystick.cli.strategies import tell_unfit

if TYPE_CHECKING:
    from tallystick.terms.product import Product

app = App(name="products", help="Products: files that say what a line costs and how it lives.")


@app.command
def publish(product: str, /) -> None:
    """Publish a version of a product; the law is asked first, and every fault told.

    Parameters
    ----------
    product
        The name of one that ships (baitiao, cash, scene-education), or a file of your own.
    """
    import psycopg

    from tallystick.operations.database import ready_database
    from tallystick.operations.lending import publish_product
    from tallystick.operations.products import product_named
    from tallystick.operations.strategy_life import release_unfit

    chosen = product_named(product)
    act = act_of("command line")
    with ready_database(database_place()) as url, psycopg.connect(url) as connection:
        is_new = publish_product(connection, chosen, act=act)
        connection.commit()
        unfit = list(release_unfit(connection, since=act.today))
    terminal().print(f"{'✓' if is_new else '='} {chosen.id} {chosen.version}", markup=False)
    tell_unfit(unfit)
    _tell_unannounced(chosen)


@app.command
def announce(product_id: str, /) -> None:
    """Tell every line on older terms of the version sold today; it binds after the notice that its contract promises.

    Parameters
    ----------
    product_id
        The product, by its id. Lines that were told already are not told again.
    """
    from tallystick.bootstrap import opened_books, settings
    from tallystick.operations.contract_changes import Announced, announce

    told: dict[int, Announced] = {}
    with opened_books() as connection:
        for announced in announce(connection, product_id=product_id, act=act_of("command line")):
            told[announced.change.change_id] = announced
    is_zh = settings().language == "zh"
    for announced in told.values():
        change, lines = announced.change, f"{announced.lines:,}"
        en = f"✓ {change.from_hash[:12]} → {change.to_hash[:12]}: {lines} lines told, in force from {change.binds_on}"
        zh = f"✓ {change.from_hash[:12]} → {change.to_hash[:12]}：已告知 {lines} 条额度，{change.binds_on} 起生效"
        terminal().print(zh if is_zh else en, markup=False)
    if not told:
        terminal().print("= 没有需要告知的额度" if is_zh else "= no line is on older terms", markup=False)


@app.command
def check(file: Path, /) -> None:
    """Say everything that is wrong with a product's file.

    Parameters
    ----------
    file
        The TOML file.
    """
    from tallystick.operations.products import product_named

    chosen = product_named(str(file))
    terminal().print(f"✓ {chosen.id} {chosen.version}", markup=False)
    _tell_unannounced(chosen)


def _tell_unannounced(product: "Product") -> None:
    """Say from when on the days off that move the product's due dates are not announced."""
    from tallystick.terms.days_off import announced_through

    country = product.calendar.holidays
    year = None if country is None else announced_through(country)
    if year is not None:
        terminal().print(
            f"  days off of {country} are announced through {year}; due dates agreed beyond move off weekends and the "
            "days that the law names",
            markup=False,
        )
