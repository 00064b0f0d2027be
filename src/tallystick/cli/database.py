"""`tallystick db ...`: the database that Tallystick keeps, or the one it is given."""

from pathlib import Path

from cyclopts import App

from tallystick.bootstrap import database_place, settings, terminal
from tallystick.cli import ledger

app = App(name="db", help="The database: the embedded PostgreSQL, or yours by TALLYSTICK_DATABASE_URL.")


@app.command
def up() -> None:
    """Start the embedded server and have it stay up until `tallystick db stop`."""
    from tallystick.operations.database import bring_up

    running = bring_up(database_place())
    terminal().print(f"✓ {running.url}", markup=False, soft_wrap=True)


@app.command
def status() -> None:
    """Where the database is, its versions, its size, and who keeps it."""
    from rich.cells import cell_len

    from tallystick.operations.database import status as look

    found = look(database_place())
    is_zh = settings().language == "zh"
    rows = (
        ("位置" if is_zh else "place", found.place),
        ("PostgreSQL", found.server_version),
        ("结构版本" if is_zh else "schema", "-" if found.schema_number is None else f"{found.schema_number:04d}"),
        ("待迁移" if is_zh else "migrations pending", str(found.pending)),
        ("大小" if is_zh else "size", f"{found.size_bytes / 1e6:,.1f} MB"),
        ("副本代次" if is_zh else "generation", str(found.generation)),
        ("守护进程" if is_zh else "kept by process", "-" if found.keeper_pid is None else str(found.keeper_pid)),
    )
    widest = max(cell_len(name) for name, _ in rows)
    for name, figure in rows:  # no table: a path stays one line, however long, so that it can be copied
        terminal().print(f" {name}{' ' * (widest - cell_len(name))}  {figure}", markup=False, soft_wrap=True)


@app.command
def migrate() -> None:
    """Bring the schema up to this version of Tallystick; books copied here from another server begin a generation."""
    from tallystick.operations.database import migrate_database

    done = migrate_database(database_place())
    is_zh = settings().language == "zh"
    for migration in done.applied:
        terminal().print(f"✓ {migration.number:04d}_{migration.name}", markup=False)
    if done.begun_generation is not None:
        zh = f"✓ 数据库复制自另一台服务器：开始第 {done.begun_generation} 代"
        en = f"✓ the books were copied here from another server: generation {done.begun_generation} begins"
        terminal().print(zh if is_zh else en)
    elif not done.applied:
        terminal().print("✓ 无需迁移" if is_zh else "✓ nothing to migrate")


@app.command
def stop() -> None:
    """Stop the embedded server, whoever uses it."""
    from tallystick.operations.database import bring_down

    stopped = bring_down(database_place())
    zh = "✓ 已停止" if stopped else "✓ 没有在运行"
    en = "✓ stopped" if stopped else "✓ it was not running"
    terminal().print(zh if settings().language == "zh" else en)


@app.command
def backup(file: Path) -> None:
    """Write the whole database to a file, while it is used.

    Parameters
    ----------
    file
        A new file; it appears when it is whole.
    """
    from tallystick.operations.database import back_up

    size_bytes = back_up(database_place(), file)
    terminal().print(f"✓ {file} ({size_bytes / 1e6:,.1f} MB)", markup=False, soft_wrap=True)


@app.command
def restore(file: Path) -> None:
    """Read a backup into an empty database, and prove the books that came out of it.

    Parameters
    ----------
    file
        What `tallystick db backup` wrote.
    """
    from tallystick.operations.database import restore as run

    generation = run(database_place(), file)
    en = f"✓ restored, generation {generation}"
    zh = f"✓ 已恢复，第 {generation} 代"
    terminal().print(zh if settings().language == "zh" else en)
    ledger.verify()
