"""What updates of priors look like in the terminal, in both languages."""

import io

from rich.console import Console

from tallystick.reports.figures import Language
from tallystick.reports.learned_summary import LearnedModel
from tallystick.reports.learned_terminal import learned_table
from tallystick.scoring.validation import Interval

STAYS = Interval(0.0, -1.135, 1.135)


def model(name: str, *, bads: int, auc: Interval | None, shift: Interval, is_distinguishable: bool) -> LearnedModel:
    """One row."""
    slope = Interval(1.0, 0.61, 1.64)
    return LearnedModel(name, "apply", 1_234, bads, auc, shift, slope, is_distinguishable)


MODELS = (
    model("application", bads=0, auc=None, shift=STAYS, is_distinguishable=False),
    model("behavior", bads=7, auc=Interval(0.71, 0.52, 0.9), shift=Interval(0.2, -0.4, 0.8), is_distinguishable=False),
    model("fraud", bads=40, auc=Interval(0.8, 0.7, 0.9), shift=Interval(0.9, 0.5, 1.3), is_distinguishable=True),
)


def shown(language: Language) -> list[str]:
    """The lines of the table."""
    screen = Console(file=io.StringIO(), width=100)
    with screen.capture() as captured:
        screen.print(learned_table(MODELS, language=language))
    return captured.get().splitlines()


def test_each_model_says_whether_its_lender_is_told_from_the_prior() -> None:
    lines = shown("en")
    [application], [behavior], [fraud] = ([line for line in lines if each.name in line] for each in MODELS)
    assert "no bads: it stays" in application
    assert "not distinguishable" in behavior
    assert "different" in fraud
    assert "0.71" in behavior
    assert "0.52–0.90" in lines[lines.index(behavior) + 1]


def test_the_words_are_chinese_in_chinese() -> None:
    told = "\n".join(shown("zh"))
    for word in ("尚无坏案例", "无法区分", "有差异", "先验AUC"):
        assert word in told
