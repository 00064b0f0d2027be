"""The product guide names every key of a product file, in both languages, and its example works as written."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import inspect

from tallystick.terms.product import Product

DOCS = Path(__file__).parents[3] / "docs"
GUIDES = ("products.md", "products.zh-CN.md")


def _keys(kind: inspect.Type) -> Iterator[str]:
    match kind:
        case inspect.StructType():
            for field in kind.fields:
                yield field.name
                yield from _keys(field.type)
        case inspect.UnionType():
            for part in kind.types:
                yield from _keys(part)
        case inspect.VarTupleType():
            yield from _keys(kind.item_type)
        case inspect.DictType():
            yield from _keys(kind.value_type)


@pytest.mark.parametrize("guide", GUIDES)
def test_the_guide_names_every_key(guide: str) -> None:
    text = (DOCS / guide).read_text(encoding="utf-8")
    missing = sorted(key for key in set(_keys(inspect.type_info(Product))) if not re.search(rf"\b{key}\b", text))
    assert missing == []


@pytest.mark.parametrize("guide", GUIDES)
def test_the_guides_example_prints_what_it_says(guide: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = (DOCS / guide).read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    exec(compile(example, guide, "exec"), {})
    assert capsys.readouterr().out.strip() == example.rsplit("# ", 1)[1].strip()
