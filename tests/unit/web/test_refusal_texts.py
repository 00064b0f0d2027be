"""Every refusal in the source has words in both languages that tell exactly its figures, and no words are left over."""

import ast
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import tallystick
from tallystick.servicing.refusals import RefusalReason
from tallystick.web.languages import preferred
from tallystick.web.refusal_texts import placeholders, refusal_texts

SOURCE = Path(str(files(tallystick)))
Given = tuple[RefusalReason, frozenset[str]]


def refusals_in(path: Path) -> Iterator[Given]:
    """Each refusal that a file gives: its reason, and the names of its figures."""
    for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(function, ast.FunctionDef):
            made = {
                name.id: node.value
                for node in ast.walk(function)
                if isinstance(node, ast.Assign)
                for name in node.targets
                if isinstance(name, ast.Name) and name.id == "reason"
            }
            for call in ast.walk(function):
                if isinstance(call, ast.Call) and getattr(call.func, "id", "") in {"Refusal", "_elsewhere"}:
                    first = call.args[0] if call.args else call
                    for reason in ast.walk(made.get(getattr(first, "id", ""), first)):
                        if isinstance(reason, ast.Attribute) and getattr(reason.value, "id", "") == "RefusalReason":
                            yield RefusalReason[reason.attr], _figures(call, function)


def _figures(call: ast.Call, function: ast.FunctionDef) -> frozenset[str]:
    if getattr(call.func, "id", "") == "_elsewhere":
        return frozenset(keyword.arg for keyword in call.keywords if keyword.arg)
    given = next((keyword.value for keyword in call.keywords if keyword.arg == "figures"), None)
    if isinstance(given, ast.Name):
        assigned = [
            node
            for node in ast.walk(function)
            if isinstance(node, ast.Assign)
            and any(getattr(name, "id", "") == given.id for name in node.targets)
            and node.lineno < call.lineno
        ]
        given = max(assigned, key=lambda node: node.lineno).value
    assert given is None or isinstance(given, ast.Dict), ast.unparse(call)
    return frozenset(str(key.value) for key in given.keys if isinstance(key, ast.Constant)) if given else frozenset()


GIVEN: set[Given] = {
    given
    for package in ("servicing", "operations", "web")
    for path in (SOURCE / package).glob("*.py")
    for given in refusals_in(path)
}


def test_every_reason_is_given_somewhere_and_has_words() -> None:
    assert {reason for reason, _ in GIVEN} == set(refusal_texts()) == set(RefusalReason)


def test_the_words_tell_exactly_the_figures_that_are_given() -> None:
    told = {(reason, text.figures) for reason, texts in refusal_texts().items() for text in texts}
    assert told == GIVEN


def test_both_languages_tell_the_same_figures_in_whole_sentences() -> None:
    for reason, texts in refusal_texts().items():
        for text in texts:
            assert placeholders(text.zh) == text.figures, reason
            assert text.en.endswith("."), reason
            assert text.zh.endswith("。"), reason


def test_the_language_is_the_one_that_the_caller_prefers() -> None:
    assert preferred("", otherwise="en") == "en"
    assert preferred("zh-CN,zh;q=0.9,en;q=0.8", otherwise="en") == "zh"
    assert preferred("zh;q=0.2, EN-us;q=0.7", otherwise="zh") == "en"
    assert preferred("de, *;q=0.1", otherwise="en") == "en"
    assert preferred("zh;q=much, zh;q=nan, zh;q=7, ;;,", otherwise="en") == "en"
