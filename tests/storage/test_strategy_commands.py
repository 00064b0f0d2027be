"""A strategy's life at the command line, in both languages, each step told and each refusal with its way out."""

from pathlib import Path

import psycopg
import pytest
from tests.books import Books
from tests.commands import Ran, command
from tests.deciding import Lender

from tallystick.operations.strategies import copy_standard_strategy
from tallystick.operations.strategy_life import StrategyReason
from tallystick.reports.texts import texts_in
from tallystick.storage.strategies import releases


def strategy(url: str, *words: str, language: str = "en") -> Ran:
    """`tallystick strategy ...` as an operator runs it."""
    return command("strategy", *words, url=url, language=language)


def submitted(url: str, folder: Path, *, name: str) -> str:
    """The hash of a variant of the standard strategy that ann submitted."""
    copy_standard_strategy(folder)
    text = (folder / "strategy.toml").read_text(encoding="utf-8")
    (folder / "strategy.toml").write_text(text.replace('name = "standard"', f'name = "{name}"'), encoding="utf-8")
    return strategy(url, "submit", str(folder), "--by", "ann").told().split()[-1]


def test_from_a_folder_to_deciding_and_back(database_url: str, tmp_path: Path) -> None:
    first, second = (submitted(database_url, tmp_path / name, name=name) for name in ("cautious", "bold"))
    assert "no strategy decides" in strategy(database_url, "releases").told()
    assert strategy(database_url, "approve", first, "--by", "ANN").refused() == (
        "by: ann submitted it; let somebody else approve it"
    )
    not_yet = strategy(database_url, "promote", first, "--by", "bo", "--because", "launch").refused()
    assert "is not approved" in not_yet
    for each in (first, second):
        strategy(database_url, "approve", each[:8], "--by", "bo").told()
    strategy(database_url, "promote", first, "--by", "bo", "--because", "launch").told()
    with_challenger = ("promote", first, "--challenger", f"{second[:8]}=2.5", "--by", "bo", "--because", "trial")
    shares = strategy(database_url, *with_challenger).told()
    assert f"{first[:12]} 97.5%" in shares
    assert f"{second[:12]} 2.5%" in shares
    strategy(database_url, "rollback", "--by", "cy", "--because", "complaints").told()
    listed = strategy(database_url, "releases", language="zh").told()
    assert "撤回第 2 号" in listed
    assert listed.index("complaints") < listed.index("trial") < listed.index("launch")
    again = strategy(database_url, "rollback", "--by", "cy", "--because", "more", language="zh").refused()
    assert "没有更早的发布" in again


def test_damage_limits_are_printed_edited_and_given_to_a_release(database_url: str, tmp_path: Path) -> None:
    with psycopg.connect(database_url) as connection:
        kept = Lender(Books(connection)).keep()
    text = strategy(database_url, "damage", "--limits").told()
    file = tmp_path / "limits.toml"
    file.write_text(text.replace("trial_hours = 72", "trial_hours = 5"), encoding="utf-8")
    strategy(database_url, "promote", kept, "--by", "bo", "--because", "launch", "--damage-limits", str(file)).told()
    with psycopg.connect(database_url) as connection:
        assert releases(connection)[0].damage_limits.trial_hours == 5
    assert "过去一小时内没有决定" in strategy(database_url, "damage", language="zh").told()


@pytest.mark.parametrize("given", ["abcdef12", "abcdef12=", "=5", "abcdef12=five", "abcdef12=Infinity", "a=0.00001"])
def test_a_challenger_is_a_hash_and_a_percentage(database_url: str, given: str) -> None:
    run = strategy(database_url, "promote", "abcdef12", "--challenger", given, "--by", "bo", "--because", "x")
    assert "give the hash and a percentage" in run.refused()


def test_every_refusal_has_its_words_in_both_languages() -> None:
    for language in ("zh", "en"):
        say = texts_in("zh" if language == "zh" else "en")
        assert all(f"release.{reason}" in say.entries for reason in StrategyReason)
