"""The statement in docs/money-files.md is one that can be imported."""

import re
from datetime import date
from pathlib import Path

from tallystick.sources.money_rows import OPTIONAL, REQUIRED, MoneyRow, read_money_rows

GUIDE = Path(__file__).parents[3] / "docs" / "money-files.md"


def test_the_statement_in_the_guide_is_read_whole(tmp_path: Path) -> None:
    found = re.search(r"```csv\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    path = tmp_path / "guide.csv"
    path.write_text(found[1], encoding="utf-8")
    rows = list(read_money_rows(path, today=date(2026, 11, 24), channels=frozenset({"gateway"})))
    assert [row.amount_minor for row in rows if isinstance(row, MoneyRow)] == [30_000, 1_994_000, 1_234, -30_000]


def test_the_guide_names_every_column() -> None:
    guide = GUIDE.read_text(encoding="utf-8")
    assert all(f"| `{column}` |" in guide for column in (*REQUIRED, *OPTIONAL))
