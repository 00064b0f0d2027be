"""`tallystick products ...`: what is sold, by its versions."""

from pathlib import Path

from cyclopts import App

from tallystick.bootstrap import act_of, database_place, terminal

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

    chosen = product_named(product)
    with ready_database(database_place()) as url, psycopg.connect(url) as connection:
        is_new = publish_product(connection, chosen, act=act_of("command line"))
    terminal().print(f"{'✓' if is_new else '='} {chosen.id} {chosen.version}", markup=False)


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
