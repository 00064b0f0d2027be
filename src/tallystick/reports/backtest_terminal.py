"""What a backtest found, in a terminal of a hundred columns: swap set, expected profit and loss, off-policy value."""

import math
from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np
from rich.console import Group
from rich.table import Table
from rich.text import Text

from tallystick.reports.figures import (
    ABSENT,
    Language,
    MoneyScale,
    count_text,
    currency_text,
    percent_text,
    ratio_text,
    table_scale,
)
from tallystick.reports.terminal import plain_table
from tallystick.reports.texts import Texts, texts_in
from tallystick.strategy.expected_profit import ExpectedChange
from tallystick.strategy.off_policy import Bounded, OffPolicyValue
from tallystick.strategy.swap_set import Flow, Sums, SwapSet
from tallystick.units.money import minor_per_major

Words = Mapping[str, tuple[str, str]]  # zh, en

MOST_REASONS: Final = 4  # of each side of a flow
FEW_OUTCOMES: Final = 30
# Why a part of a backtest has no figures.
REASONS_WHY_NOT: Final = {
    why: f"backtest.{why}"
    for why in (
        *("no_economics", "none_mature", "none_labeled", "other_chances"),
        *("no_line_mature", "no_line", "no_chance"),  # of applications
    )
}
_NO_FIGURES: Final = {"expected": "backtest.no_expected", "value": "backtest.no_value"}
_OUTCOMES: Final = {outcome: f"backtest.{outcome}" for outcome in ("approve", "step_up", "review", "decline", "offer")}
_METHODS: Final = {method: f"backtest.{method}" for method in ("ips", "snips", "dr")}
_ARROW: Final = " → "


def head_lines(
    name: str,
    strategy: str,
    *,
    checkpoint: str,
    language: Language,
    batches: int,
    cases: int,
    **told: int,
) -> Iterator[Text]:
    """What was tested, and what is to be known of it.

    `told` are counts of `refused`, `recomputed`, `withdrawn` and `no_trace`.
    """
    say = texts_in(language)
    counts = {"batches": count_text(batches), "cases": count_text(cases)}
    yield Text(say("backtest.head", name=name, strategy=strategy, checkpoint=checkpoint, **counts), style="bold")
    for key in ("refused", "recomputed", "withdrawn", "no_trace"):
        if told[key]:
            yield Text(say(f"backtest.{key}", cases=count_text(told[key])))


def books_word() -> tuple[str, str]:
    """What the books' refusals are called among a strategy's steps."""
    return texts_in("zh")("backtest.books"), texts_in("en")("backtest.books")


def score_text(*, language: Language) -> Text:
    """By whose score both sides are reckoned."""
    return Text(texts_in(language)("backtest.score_of"))


def no_figures_text(part: str, why: str, *, language: Language, **windows: int) -> Text:
    """Why `expected` or `value` has no figures; `why` is one of `REASONS_WHY_NOT`.

    `windows` are the `days` of purchases, and the `months` and `opening_days` of lines.
    """
    say = texts_in(language)
    told = say(REASONS_WHY_NOT[why], **{name: str(figure) for name, figure in windows.items()})
    return Text(say(_NO_FIGURES[part], why=told), style="yellow")


def known_lines(*, days: int, mature: int, drawn: int, labeled: int, frauds: int, language: Language) -> Iterator[Text]:
    """How much is known of what came of the cases."""
    say = texts_in(language)
    counts = {"mature": mature, "drawn": drawn, "labeled": labeled, "frauds": frauds, "silent": drawn - labeled}
    told = {name: count_text(count) for name, count in counts.items()}
    yield Text(say("backtest.outcomes_known", days=str(days), **told))
    if labeled < FEW_OUTCOMES:
        yield Text(say("backtest.few"), style="yellow")


def lines_known_lines(
    *,
    months: int,
    opening_days: int,
    earned_minor: int,
    lost_minor: int,
    currency: str,
    language: Language,
    **told: int,
) -> Iterator[Text]:
    """How much is known of what came of applications: `mature` ones, their `lines`, and how many of these `lost`."""
    say = texts_in(language)
    scale = table_scale([earned_minor, lost_minor], currency=currency, language=language)
    counts = {name: count_text(told[name]) for name in ("mature", "lines", "lost")}
    windows = {"months": str(months), "opening_days": str(opening_days)}
    amounts = {"earned": scale.text(earned_minor), "loss": scale.text(lost_minor), "unit": scale.unit}
    yield Text(say("backtest.lines_known", **windows, **counts, **amounts))
    if told["lines"] < FEW_OUTCOMES:
        yield Text(say("backtest.few"), style="yellow")


def verdict_text(value: OffPolicyValue, *, language: Language) -> Text:
    """Better, worse, the same or not distinguishable, by the last method: the doubly robust one where it is there."""
    say = texts_in(language)
    last = value.estimates[-1]
    ends = np.array([last.change.normal, last.change.bootstrap])
    told = {"method": last.method.upper(), "share": percent_text(value.settings.confidence, digits=0)}
    if not value.open_cases and all(each.change.low_minor == 0.0 == each.change.high_minor for each in value.estimates):
        return Text(say("backtest.verdict_same"), style="bold")
    if (ends > 0.0).all():
        return Text(say("backtest.verdict_better", **told), style="bold")
    if (ends < 0.0).all():
        return Text(say("backtest.verdict_worse", **told), style="bold")
    return Text(say("backtest.verdict_open", **told), style="bold")


def swap_report(swapped: SwapSet, *, steps: Words, reasons: Words, currency: str, language: Language) -> Group | Text:
    """All of a swap set; `steps` and `reasons` give the words of both strategies' steps and reason codes."""
    say = texts_in(language)
    scale = _scale(swapped, currency=currency, language=language)
    tables = [_overview(swapped, scale=scale, say=say)]
    if swapped.is_empty:
        return Group(*tables, Text(say("backtest.same")))
    if any(flow.is_moved for flow in swapped.flows):
        tables += [
            _flows(swapped, steps=steps, scale=scale, say=say),
            _reasons(swapped, reasons=reasons, say=say),
        ]
    if swapped.segments:
        tables.append(_segments(swapped, scale=scale, say=say))
    return Group(*tables)


def expected_report(change: ExpectedChange, *, currency: str, language: Language) -> Group:
    """Expected profit and loss of both strategies over the cases whose profit is known under both."""
    say = texts_in(language)
    rows = [(say(f"backtest.{name}"), *(getattr(side, f"{name}_minor") for side in (change.old, change.new)))
            for name in ("earned", "loss", "cost", "profit", "forgone")]  # fmt: skip
    scale = table_scale([amount for _, *amounts in rows for amount in amounts], currency=currency, language=language)
    table = plain_table(say("backtest.expected_title", cases=count_text(change.known), unit=scale.unit))
    table.add_column("")
    for head in ("before", "after", "change"):
        table.add_column(Text(say(f"backtest.{head}")), justify="right", no_wrap=True)
    for place, (name, old, new) in enumerate(rows):
        style = "bold" if place == 3 else ""
        table.add_row(Text(name), scale.text(old), scale.text(new), scale.change_text(new - old), style=style)
    unknown = change.unknown_alike + change.unknown_moved
    if not unknown:
        return Group(table)
    counts = {"cases": unknown, "alike": change.unknown_alike, "moved": change.unknown_moved}
    return Group(table, Text(say("backtest.unknown", **{name: count_text(count) for name, count in counts.items()})))


def value_report(value: OffPolicyValue, *, currency: str, language: Language) -> Group:
    """The off-policy value with its intervals, and what has to be known to trust it."""
    say = texts_in(language)
    title = {"cases": count_text(value.cases), "currency": currency_text(currency, language=language)}
    table = plain_table(say("backtest.value_title", **title))
    table.add_column(Text(say("backtest.method")))
    for head in ("value", "value_change"):
        table.add_column(Text(say(f"backtest.{head}")), justify="right")
    per = minor_per_major(currency)
    table.add_row(Text(say("backtest.observed")), _each_text(value.observed_minor, per), ABSENT)
    share = percent_text(value.settings.confidence, digits=0)
    for estimate in value.estimates:
        parts = (estimate.value, estimate.change)
        points = [_ends_text(part.low_minor, part.high_minor, per=per, say=say) for part in parts]
        table.add_section()
        table.add_row(Text(say(_METHODS[estimate.method])), *points, style="bold")
        for kind in ("normal", "bootstrap"):
            intervals = [_interval_text(part, kind, per=per, say=say) for part in parts]
            table.add_row(Text(say(f"backtest.{kind}", share=share)), *intervals)
    return Group(table, *map(Text, _value_notes(value, say=say)))


def _scale(swapped: SwapSet, *, currency: str, language: Language) -> MoneyScale:
    sums = [swapped.total.whole, *(flow.sums for flow in swapped.flows)]
    amounts = [amount for each in sums for amount in _amounts(each) if amount is not None]
    return table_scale(amounts, currency=currency, language=language)


def _amounts(sums: Sums) -> tuple[int | None, int | None, int | None]:
    return sums.amount_minor, sums.old_limit_minor, sums.new_limit_minor


def _add_sum_columns(table: Table, whole: Sums, *, scale: MoneyScale, say: Texts) -> None:
    """Cases, their share, and a column for each amount that is told of the cases."""
    heads = [say("backtest.cases"), say("backtest.share")]
    named = (("backtest.amount", whole.amount_minor), ("backtest.limit_before", whole.old_limit_minor),
             ("backtest.limit_after", whole.new_limit_minor))  # fmt: skip
    heads += [say(key, unit=scale.unit) for key, told in named if told is not None]
    for head in heads:
        table.add_column(Text(head), justify="right")


def _sum_cells(sums: Sums, whole: Sums, *, scale: MoneyScale) -> Iterator[str]:
    yield count_text(sums.cases)
    yield percent_text(sums.cases / whole.cases) if whole.cases else ABSENT
    for amount, told in zip(_amounts(sums), _amounts(whole), strict=True):
        if told is not None:
            yield ABSENT if amount is None else scale.text(amount)


def _overview(swapped: SwapSet, *, scale: MoneyScale, say: Texts) -> Table:
    total = swapped.total
    table = plain_table(say("backtest.swap_title"))
    table.add_column("")
    _add_sum_columns(table, total.whole, scale=scale, say=say)
    rows = [
        ("backtest.compared", total.whole),
        ("backtest.agreeing", total.agreeing),
        ("backtest.swapped_in", total.swapped_in),
        ("backtest.swapped_out", total.swapped_out),
    ]
    if total.whole.new_limit_minor is not None:
        rows += [("backtest.raised", total.raised), ("backtest.lowered", total.lowered)]
    for key, sums in rows:
        table.add_row(Text(say(key)), *_sum_cells(sums, total.whole, scale=scale))
    if swapped.other_inputs.cases:
        cells = [count_text(swapped.other_inputs.cases), ABSENT]
        amounts = zip(_amounts(swapped.other_inputs), _amounts(total.whole), strict=True)
        cells += [ABSENT if amount is None else scale.text(amount) for amount, told in amounts if told is not None]
        table.add_row(Text(say("backtest.other_inputs")), *cells, style="dim")
    return table


def _flows(swapped: SwapSet, *, steps: Words, scale: MoneyScale, say: Texts) -> Table:
    whole = swapped.total.whole
    table = plain_table(say("backtest.flows_title"))
    table.add_column(Text(say("backtest.flow")), overflow="fold")
    _add_sum_columns(table, whole, scale=scale, say=say)
    for flow in swapped.flows:
        if not flow.is_moved:
            continue
        table.add_section()
        table.add_row(Text(_flow_text(flow, say)), *_sum_cells(flow.sums, whole, scale=scale), style="bold")
        for step in flow.by_step:
            names = [_word(name, steps, say) for name in (step.old_step, step.new_step)]
            table.add_row(Text(f"  {_ARROW.join(names)}"), *_sum_cells(step.sums, whole, scale=scale))
    return table


def _reasons(swapped: SwapSet, *, reasons: Words, say: Texts) -> Table:
    table = plain_table(say("backtest.reasons_title"))
    for head in ("flow", "side", "reason"):
        table.add_column(Text(say(f"backtest.{head}")), overflow="fold")
    table.add_column(Text(say("backtest.cases")), justify="right", no_wrap=True)
    for flow in swapped.flows:
        for side, counts in (("before", flow.old_reasons), ("after", flow.new_reasons)):
            for code, count in counts[:MOST_REASONS]:
                told = f"{code} {_word(code, reasons, say)}" if code in reasons else code
                table.add_row(Text(_flow_text(flow, say)), say(f"backtest.{side}"), Text(told), count_text(count))
    return table


def _segments(swapped: SwapSet, *, scale: MoneyScale, say: Texts) -> Table:
    table = plain_table(say("backtest.segments_title"))
    table.add_column(Text(say("backtest.segment")), overflow="fold")
    heads = ("cases", "agreement", "swapped_in_cases", "swapped_out_cases")
    for head in heads:
        table.add_column(Text(say(f"backtest.{head}")), justify="right", no_wrap=True)
    has_amounts = swapped.total.whole.amount_minor is not None
    if has_amounts:
        for head in heads[2:]:
            table.add_column(Text(f"{say(f'backtest.{head}')} {scale.unit}"), justify="right", no_wrap=True)
    for each in swapped.segments:
        moved = (each.swapped_in, each.swapped_out)
        table.add_row(
            Text(say("backtest.segment_missing") if each.segment is None else each.segment),
            count_text(each.whole.cases),
            percent_text(each.agreement),
            *(count_text(sums.cases) for sums in moved),
            *(scale.text(sums.amount_minor) for sums in moved if sums.amount_minor is not None),
        )
    return table


def _flow_text(flow: Flow, say: Texts) -> str:
    return _ARROW.join(say(_OUTCOMES[outcome]) for outcome in (flow.old_outcome, flow.new_outcome))


def _word(code: str, words: Words, say: Texts) -> str:
    return words[code][0 if say.language == "zh" else 1] if code in words else code


def _each_text(amount_minor: float, per: int) -> str:
    return ratio_text(None if math.isnan(amount_minor) else amount_minor / per, digits=2)


def _ends_text(low: float, high: float, *, per: int, say: Texts) -> str:
    low_text, high_text = _each_text(low, per), _each_text(high, per)
    return low_text if low_text == high_text else say("backtest.between", low=low_text, high=high_text)


def _interval_text(part: Bounded, kind: str, *, per: int, say: Texts) -> str:
    low, high = part.normal if kind == "normal" else part.bootstrap
    return _ends_text(low, high, per=per, say=say)


def _value_notes(value: OffPolicyValue, *, say: Texts) -> Iterator[str]:
    if value.open_cases:
        yield say("backtest.open", share=percent_text(value.open_share), cases=count_text(value.open_cases))
    else:
        yield say("backtest.identified")
    yield say("backtest.unsupported", share=percent_text(value.unsupported_share))
    yield say(
        "backtest.weights",
        effective=ratio_text(value.effective_cases, digits=0),
        cases=count_text(value.cases),
        borrowers=count_text(value.borrowers),
        largest=ratio_text(value.largest_weight, digits=1),
        mean=ratio_text(value.mean_weight),
        wanted=ratio_text(1.0 - value.unsupported_share),
    )
    if value.settings.most_weight is not None and value.clipped_cases:
        most, share = ratio_text(value.settings.most_weight, digits=1), percent_text(value.clipped_share)
        yield say("backtest.clipped", cases=count_text(value.clipped_cases), most=most, share=share)
    else:
        yield say("backtest.unclipped")
    if value.immature:
        yield say("backtest.immature", cases=count_text(value.immature))
    if value.unpredicted:
        yield say("backtest.unpredicted", cases=count_text(value.unpredicted))
