"""Review a portfolio: score, grade, price and set the limit of every line under a new cap and a baseline cap."""

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Final

import numpy as np

from tallystick.features.catalog import load_catalog
from tallystick.operations import summary as parts
from tallystick.operations.judging import CappedPlan, Judged, judge_lines, plan_cap
from tallystick.operations.loading import LoadedPortfolio, load_portfolio
from tallystick.operations.outputs import (
    decisions_table,
    principal_reasons,
    summary_json,
    write_table,
)
from tallystick.operations.progress import Progress
from tallystick.operations.scoring import Scored, reason_columns, scored_by_itself, scored_by_model
from tallystick.operations.strategies import read_strategy_folder
from tallystick.operations.validation import calibration_of, metrics_of, segments_of
from tallystick.operations.whole_files import prepare_folder, write_bytes
from tallystick.reports.page import render_page
from tallystick.reports.summary import Bilingual, Inputs, ModelSummary, RejectCount, Summary
from tallystick.scoring.model_kind import ModelKind
from tallystick.sources.portfolio import FieldCount
from tallystick.sources.reasons import NOTE_TEXTS, REJECT_TEXTS
from tallystick.strategy.limits import LIMIT_REASON_TEXTS
from tallystick.strategy.policy import Strategy
from tallystick.strategy.prices import ABOVE_LEGAL_CAP, ABOVE_LEGAL_CAP_TEXTS
from tallystick.units.money import minor_per_major

FORMAT: Final = 1
# What the bytes of the output depend on.
_LIBRARIES: Final = (
    "numpy", "scipy", "pyarrow", "duckdb", "sqlglot", "lightgbm", "xgboost-cpu", "altair", "vl-convert-python",
    "jinja2",
)  # fmt: skip


class ReviewFault(ValueError):
    """The review was asked for something that makes no sense; the message names the option and the way out."""


@dataclass(frozen=True, slots=True)
class ReviewRequest:
    """What to review. Caps in major units of the portfolio's currency, as a person writes them."""

    data: Path
    mapping: str
    out: Path
    cap_major: int
    baseline_cap_major: int
    as_of: date
    kind: ModelKind = "lightgbm"
    model: Path | None = None
    strategy: Path | None = None
    seed: int = 1
    formats: tuple[str, ...] = ("parquet",)


def review(request: ReviewRequest, *, progress: Progress) -> Summary:
    """Run the whole review and write decisions, rejects, summary.json and report.html into `request.out`.

    Same request, same files, same lock file and Python: the same bytes. Raises the fault of the part that refuses:
    files, mapping, portfolio, strategy, scoring or caps.
    """
    _check(request)
    prepare_folder(request.out)
    strategy = read_strategy_folder(request.strategy, on=request.as_of)
    loaded = load_portfolio(data=request.data, mapping=request.mapping, progress=progress)
    minor = minor_per_major(loaded.mapping.currency)
    if loaded.mapping.currency != strategy.currency:
        raise ReviewFault(
            f"the mapping gives {loaded.mapping.currency}, the strategy decides in {strategy.currency}: "
            "give an exchange rate in the mapping, or another strategy"
        )
    scored = _score(request, loaded, progress=progress)
    progress.step({"zh": "定级、定价、筛选", "en": "grading, pricing, screening"})
    judged = judge_lines(
        loaded.portfolio.line, loaded.columns, drawn_minor=loaded.drawn_minor(), pd_ppm=scored.pd_ppm, strategy=strategy
    )
    plans = []
    for cap_major in (request.baseline_cap_major, request.cap_major):
        progress.step({"zh": f"优化额度（上限 {cap_major:,}）", "en": f"optimizing limits (cap {cap_major:,})"})
        plans.append(plan_cap(judged, loaded.columns, cap_minor=cap_major * minor, strategy=strategy))
    progress.step({"zh": "评估模型", "en": "measuring the model"})
    model = _model_summary(request, loaded, scored, cap_minor=request.baseline_cap_major * minor, progress=progress)
    summary = _summary(request, loaded, judged, scored, model=model, strategy=strategy, plans=(plans[0], plans[1]))
    progress.step({"zh": "写出结果", "en": "writing the results"})
    _write(request, loaded, judged, scored, plans=(plans[0], plans[1]), summary=summary)
    return summary


def _check(request: ReviewRequest) -> None:
    for option, value in (("--cap", request.cap_major), ("--baseline-cap", request.baseline_cap_major)):
        if value < 1:
            raise ReviewFault(f"{option} is {value}: give whole units of money above zero")
    if request.baseline_cap_major > request.cap_major:
        raise ReviewFault(
            f"--baseline-cap {request.baseline_cap_major:,} is above --cap {request.cap_major:,}: the baseline is the "
            "cap in force, the cap the one to compare with it"
        )
    unknown = [each for each in request.formats if each not in ("parquet", "csv")]
    if unknown:
        raise ReviewFault(f"format {unknown[0]!r} is not known: give parquet, csv or both")


def _score(request: ReviewRequest, loaded: LoadedPortfolio, *, progress: Progress) -> Scored:
    progress.step({"zh": "评分", "en": "scoring"})
    if request.model is not None:
        return scored_by_model(loaded, folder=request.model)
    return scored_by_itself(loaded, kind=request.kind, seed=request.seed, progress=progress)


def _model_summary(
    request: ReviewRequest, loaded: LoadedPortfolio, scored: Scored, *, cap_minor: int, progress: Progress
) -> ModelSummary:
    catalog = {feature.name: feature for feature in load_catalog().features}
    segments = segments_of(loaded, cap_minor=cap_minor)
    metrics = metrics_of(loaded, scored.pd, segments=segments, seed=request.seed)
    judges = [(scored.kind, metrics)]
    if scored.is_out_of_fold and scored.kind != "scorecard":
        peer = scored_by_itself(loaded, kind="scorecard", seed=request.seed, progress=progress)
        judges.append(("scorecard", metrics_of(loaded, peer.pd, segments=segments[:1], seed=request.seed)))
    return {
        "kind": scored.kind,
        "model_id": scored.model_id,
        "out_of_fold": scored.is_out_of_fold,
        "features": [
            {
                "name": feature.name,
                "zh": catalog[feature.name].zh,
                "en": catalog[feature.name].en,
                "direction": feature.direction,
            }
            for feature in scored.features
        ],
        "metrics": metrics,
        "calibration": calibration_of(loaded, scored.pd),
        "candidates": [
            {
                "kind": kind,
                "auc": found[0]["auc"],
                "auc_low": found[0]["auc_low"],
                "auc_high": found[0]["auc_high"],
                "brier": found[0]["brier"],
            }
            for kind, found in judges
            if found
        ],
    }


def _summary(
    request: ReviewRequest,
    loaded: LoadedPortfolio,
    judged: Judged,
    scored: Scored,
    *,
    model: ModelSummary,
    strategy: Strategy,
    plans: tuple[CappedPlan, CappedPlan],
) -> Summary:
    baseline, new = plans
    portfolio = loaded.portfolio
    eligibility_texts = _bilingual({ABOVE_LEGAL_CAP: ABOVE_LEGAL_CAP_TEXTS, **strategy.eligibility.reasons})
    score_texts = _bilingual(load_catalog().reasons)
    limit_texts = _bilingual({reason.value: pair for reason, pair in LIMIT_REASON_TEXTS.items()})
    refused = np.where(judged.lines.may_increase, "", judged.eligibility)
    score_codes = [np.where(judged.lines.may_increase, "", codes) for codes in reason_columns(scored.reasons)]
    return {
        "format": FORMAT,
        "currency": strategy.currency,
        "inputs": _inputs(request, loaded, strategy=strategy),
        "rows": {
            "read": portfolio.rows_read,
            "valid": portfolio.line.num_rows,
            "rejected": portfolio.rejected_rows,
            "rejects": _counts(portfolio.reject_counts),
            "notes": _counts(portfolio.notes),
        },
        "statements": _statements(loaded, scored, strategy=strategy),
        "model": model,
        "baseline_cap_minor": baseline.plan.cap_minor,
        "new_cap_minor": new.plan.cap_minor,
        "scenarios": parts.scenarios(judged, baseline=baseline, new=new),
        "swap": parts.swap_set(judged, baseline=baseline, new=new),
        "frontier": parts.frontier(baseline=baseline, new=new),
        "prices": parts.price_parts(judged),
        "reasons": [
            *parts.count_reasons([refused], texts=eligibility_texts, kind="eligibility"),
            *parts.count_reasons(score_codes, texts=score_texts, kind="score"),
            *parts.count_reasons([new.plan.reason], texts=limit_texts, kind="limit"),
        ],
        "limit_bands": parts.limit_bands(judged, baseline=baseline, new=new),
    }


def _inputs(request: ReviewRequest, loaded: LoadedPortfolio, *, strategy: Strategy) -> Inputs:
    return {
        "data_files": list(loaded.source.files),
        "data_sha256": loaded.source.sha256,
        "mapping": loaded.mapping.name,
        "mapping_sha256": loaded.mapping.sha256,
        "strategy": strategy.name,
        "strategy_sha256": strategy.sha256,
        "as_of": request.as_of.isoformat(),
        "seed": request.seed,
        "versions": {
            "tallystick": version("tallystick"),
            "python": platform.python_version(),
            **{name: version(name) for name in _LIBRARIES},
        },
    }


def _counts(counts: tuple[FieldCount, ...]) -> list[RejectCount]:
    texts = _bilingual({reason.value: pair for told in (REJECT_TEXTS, NOTE_TEXTS) for reason, pair in told.items()})
    return [
        {
            "field": count.field,
            "reason": count.reason,
            "text": texts[count.reason],
            "rows": count.rows,
        }
        for count in counts
    ]


def _bilingual(pairs: Mapping[str, tuple[str, str]]) -> dict[str, Bilingual]:
    return {code: {"zh": zh, "en": en} for code, (zh, en) in pairs.items()}


def _statements(loaded: LoadedPortfolio, scored: Scored, *, strategy: Strategy) -> list[Bilingual]:
    cap = strategy.price_cap
    stated: list[Bilingual] = [{"zh": each["zh"], "en": each["en"]} for each in loaded.mapping.statements]
    stated.append(
        {
            "zh": f"法定价格上限为年化 {cap.bound / 10_000:g}%（{cap.id}，{cap.in_force_from} 起）。",
            "en": f"The legal cap on price is {cap.bound / 10_000:g} % a year ({cap.id}, from {cap.in_force_from}).",
        }
    )
    stated.append(
        {
            "zh": "所有提额邀约按全部被接受计算，因此用信余额与损失偏保守；"
            "提额只有在借款人接受后才生效，下调立即生效。",
            "en": "Every offered increase is taken as accepted, so balances and losses are on the careful side. "
            "An increase takes effect once the borrower accepts it, a decrease at once.",
        }
    )
    stated.append(
        {
            "zh": "收益与损失参数来自策略的 economics.toml，每个参数都注明来源；"
            "标为 assumption 的须换成机构自己的数字。",
            "en": "What credit earns and loses comes from the strategy's economics.toml, each figure with its source; "
            "replace those marked assumption by your own.",
        }
    )
    untold = loaded.lines_without_balance()
    if untold:
        stated.append(
            {
                "zh": f"{untold:,} 户没有最近一期账单余额，按未用信计入。",
                "en": f"{untold:,} lines have no latest statement balance: they count as nothing drawn.",
            }
        )
    if scored.is_out_of_fold:
        stated.append(
            {
                "zh": "每一户的违约概率都由未见过该户的模型给出（折外预测）；数据没有时间维度时，无法做跨期检验。",
                "en": "Every PD comes from a model that never saw the line (out of fold); no out-of-time test is made.",
            }
        )
    return stated


def _write(
    request: ReviewRequest,
    loaded: LoadedPortfolio,
    judged: Judged,
    scored: Scored,
    *,
    plans: tuple[CappedPlan, CappedPlan],
    summary: Summary,
) -> None:
    baseline, new = plans
    reasons = principal_reasons(judged, new, reason_columns(scored.reasons))
    decisions = decisions_table(loaded, judged, baseline=baseline, new=new, reasons=reasons)
    for ending in request.formats:
        write_table(decisions, request.out / f"decisions.{ending}")
    write_table(loaded.portfolio.rejects, request.out / "rejects.parquet")
    write_bytes(summary_json(summary), request.out / "summary.json")
    write_bytes(render_page(summary).encode(), request.out / "report.html")
