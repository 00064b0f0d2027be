"""Makes summaries to report on: a lender's usual one, and the odd ones."""

from copy import deepcopy
from typing import Literal

from tallystick.reports.summary import (
    CalibrationPoint,
    CapUse,
    FrontierPoint,
    GradeFigures,
    LimitMove,
    Metric,
    PriceParts,
    ReasonCount,
    Scenario,
    ScenarioName,
    Summary,
    SwapCell,
)

YUAN = 100
GRADES = "ABCDEFGH"
_LINES = (3_105, 4_212, 4_020, 3_306, 2_508, 1_407, 804, 536)
_PD_PPM = (5_000, 14_000, 28_000, 53_000, 88_000, 140_000, 230_000, 420_000)
_LGD = 0.7
_LIMIT_YUAN: dict[ScenarioName, tuple[int, ...]] = {
    "today": (31_000, 26_000, 22_000, 18_000, 15_500, 12_000, 10_400, 9_000),
    "baseline": (33_500, 29_200, 24_600, 19_300, 15_900, 11_800, 9_900, 8_700),
    "new": (43_800, 37_900, 28_800, 20_600, 15_900, 11_600, 9_800, 8_700),
}
_CAP_YUAN: dict[ScenarioName, int | None] = {"today": None, "baseline": 30_000, "new": 50_000}
_DRAWN_SHARE = (0.18, 0.27, 0.38, 0.47, 0.55, 0.61, 0.66, 0.71)


def usual() -> Summary:
    """Twenty thousand lines in eight grades: the new cap earns more and loses more."""
    return {
        "format": 1,
        "currency": "CNY",
        "inputs": {
            "data_files": ["lines.parquet", "months.parquet"],
            "data_sha256": "9f2c1b7a" * 8,
            "mapping": "world",
            "mapping_sha256": "0c41d2e3" * 8,
            "strategy": "standard",
            "strategy_sha256": "77aa10ff" * 8,
            "as_of": "2026-09-30",
            "seed": 7,
            "versions": {"tallystick": "0.1.0", "python": "3.11.9", "lightgbm": "4.6.0", "numpy": "2.3.4"},
        },
        "rows": {
            "read": 20_000,
            "valid": 19_898,
            "rejected": 102,
            "rejects": [
                {
                    "field": "credit_limit_minor",
                    "reason": "missing",
                    "text": {"zh": "missing", "en": "missing"},
                    "rows": 61,
                },
                {"field": "line_id", "reason": "duplicate", "text": {"zh": "duplicate", "en": "duplicate"}, "rows": 38},
                {
                    "field": "drawn_minor",
                    "reason": "not a number",
                    "text": {"zh": "not a number", "en": "not a number"},
                    "rows": 9,
                },
            ],
            "notes": [
                {
                    "field": "education",
                    "reason": "undocumented code 0, taken as missing",
                    "text": {
                        "zh": "undocumented code 0, taken as missing",
                        "en": "undocumented code 0, taken as missing",
                    },
                    "rows": 345,
                }
            ],
        },
        "statements": [
            {
                "zh": "损失与利润都是未来十二个月的预期值。",
                "en": "Losses and profit are expectations over the next twelve months.",
            },
            {
                "zh": "违约损失率 70%，来自 economics.toml 的假设。",
                "en": "Loss given default is 70%, an assumption of economics.toml.",
            },
            {
                "zh": "额度提高后的用款反应取自 Agarwal 等 (2018)。",
                "en": "The response of drawings to limits is that of Agarwal et al. (2018).",
            },
            {
                "zh": "价格上限是综合年化 24%（2025 年 12 月指引）。",
                "en": "The legal cap is 24% a year all-in (guidance of December 2025).",
            },
        ],
        "model": {
            "kind": "lightgbm",
            "model_id": "b51e07d9c8a4" * 5,
            "out_of_fold": True,
            "features": [
                {
                    "name": "utilization_latest",
                    "zh": "最近一月额度使用率",
                    "en": "Utilization in the latest month",
                    "direction": "up",
                },
                {
                    "name": "payment_ratio_3m",
                    "zh": "近三月还款比例",
                    "en": "Payment ratio over three months",
                    "direction": "down",
                },
                {"name": "age_years", "zh": "年龄", "en": "Age", "direction": "none"},
            ],
            "metrics": _metrics(),
            "calibration": _calibration(),
            "candidates": [
                {"kind": "lightgbm", "auc": 0.8312, "auc_low": 0.8221, "auc_high": 0.8399, "brier": 0.0611},
                {"kind": "xgboost", "auc": 0.8297, "auc_low": 0.8206, "auc_high": 0.8385, "brier": 0.0613},
                {"kind": "scorecard", "auc": 0.8214, "auc_low": 0.8119, "auc_high": 0.8305, "brier": 0.0622},
            ],
        },
        "baseline_cap_minor": 30_000 * YUAN,
        "new_cap_minor": 50_000 * YUAN,
        "scenarios": [_scenario("today"), _scenario("baseline"), _scenario("new")],
        "swap": _swap(),
        "frontier": [*_frontier("baseline"), *_frontier("new")],
        "prices": _prices(),
        "reasons": _reasons(),
        "limit_bands": _bands(),
    }


def worse() -> Summary:
    """The new cap earns less than the baseline cap, and no line gets more."""
    summary = usual()
    new = summary["scenarios"][2]
    new["profit_minor"] = summary["scenarios"][1]["profit_minor"] - 3_210_000 * YUAN
    for cell in summary["swap"]:
        cell["same"] += cell["more"]
        cell["more"] = cell["more_minor"] = 0
    return summary


def equal() -> Summary:
    """The caps are the same in every figure."""
    summary = usual()
    new = deepcopy(summary["scenarios"][1])
    new["name"] = "new"
    summary["scenarios"][2] = new
    for cell in summary["swap"]:
        cell["same"] += cell["more"] + cell["less"]
        cell["more"] = cell["less"] = cell["more_minor"] = cell["less_minor"] = 0
    return summary


def infeasible() -> Summary:
    """The plan under the new cap breaks its cap on expected loss."""
    summary = usual()
    cap = summary["scenarios"][2]["caps"][1]
    cap["bound"] = cap["used"] * 9 // 10
    return summary


def bare() -> Summary:
    """One grade, nothing refused, nothing measured, no frontier, no price offered, no certificate."""
    summary = usual()
    summary["rows"] = {"read": 1_200, "valid": 1_200, "rejected": 0, "rejects": [], "notes": []}
    summary["statements"] = []
    summary["reasons"] = []
    summary["frontier"] = []
    summary["prices"] = [{**summary["prices"][7], "grade": "A"}]
    summary["swap"] = [{"grade": "A", "more": 0, "same": 1_200, "less": 0, "more_minor": 0, "less_minor": 0}]
    for scenario in summary["scenarios"]:
        scenario["gap_ppm"], scenario["caps"] = None, []
        scenario["by_grade"] = [{**scenario["by_grade"][0], "grade": "A"}]
    model = summary["model"]
    metric = model["metrics"][0]
    metric["bads"] = 0
    metric["auc"] = metric["auc_low"] = metric["auc_high"] = None
    metric["ks"] = metric["ks_low"] = metric["ks_high"] = None
    model["metrics"], model["calibration"], model["candidates"], model["features"] = [metric], [], [], []
    model["out_of_fold"] = False
    return summary


def empty() -> Summary:
    """Nothing was read: no line, no grade, no band, all sums zero."""
    summary = bare()
    summary["rows"] = {"read": 0, "valid": 0, "rejected": 0, "rejects": [], "notes": []}
    summary["swap"], summary["prices"], summary["limit_bands"] = [], [], []
    summary["model"]["metrics"] = []
    for scenario in summary["scenarios"]:
        for key, value in scenario.items():
            if isinstance(value, int):
                scenario[key] = 0  # type: ignore[literal-required]
        scenario["by_grade"], scenario["stress_loss_minor"] = [], {"base": 0, "adverse": 0, "severe": 0}
    return summary


def hostile() -> Summary:
    """Names that try to become markup, in every place where a name comes from outside."""
    summary, text = usual(), "<script>alert('x')</script>"
    summary["inputs"]["data_files"] = [f"{text}.parquet"]
    summary["inputs"]["versions"] = {text: text}
    summary["rows"]["rejects"][0] = {"field": text, "reason": text, "text": {"zh": text, "en": text}, "rows": 61}
    summary["statements"] = [{"zh": text, "en": text}]
    summary["reasons"][0]["code"], summary["reasons"][0]["text"] = text, {"zh": text, "en": text}
    summary["model"]["metrics"][1]["segment"] = {"zh": text, "en": text}
    summary["model"]["kind"] = text
    for scenario in summary["scenarios"]:
        scenario["by_grade"][0]["grade"] = text
        for cap in scenario["caps"]:
            cap["text"] = {"zh": text, "en": text}
    summary["prices"][0]["grade"] = summary["swap"][0]["grade"] = text
    return summary


ALL = (usual, worse, equal, infeasible, bare, empty, hostile)


def _grade(name: ScenarioName, place: int) -> GradeFigures:
    lines, limit = _LINES[place], _LIMIT_YUAN[name][place] * _LINES[place]
    drawn = _DRAWN_SHARE[place] * limit
    ead = drawn + 0.3 * (limit - drawn)
    pd = _PD_PPM[place] / 1_000_000
    loss = pd * _LGD * ead
    return {
        "grade": GRADES[place],
        "lines": lines,
        "limit_minor": limit * YUAN,
        "drawn_minor": round(drawn) * YUAN,
        "ead_minor": round(ead) * YUAN,
        "profit_minor": round((0.19 - pd * _LGD) * drawn) * YUAN,
        "expected_loss_minor": round(loss) * YUAN,
        "provision_minor": round(loss * 0.96) * YUAN,
        "capital_minor": round(0.05 * ead) * YUAN,
        "stress_loss_minor": {
            "base": round(loss * 0.95) * YUAN,
            "adverse": round(loss * 1.66) * YUAN,
            "severe": round(loss * 2.74) * YUAN,
        },
    }


def _scenario(name: ScenarioName) -> Scenario:
    by_grade = [_grade(name, place) for place in range(len(GRADES))]
    cap_yuan, is_today = _CAP_YUAN[name], name == "today"
    moved = {"today": (0, 0), "baseline": (5_210, 412), "new": (8_944, 430)}[name]
    loss = sum(grade["expected_loss_minor"] for grade in by_grade)
    limit = sum(grade["limit_minor"] for grade in by_grade)
    return {
        "name": name,
        "cap_minor": None if cap_yuan is None else cap_yuan * YUAN,
        "lines": sum(_LINES),
        "limit_minor": limit,
        "drawn_minor": sum(grade["drawn_minor"] for grade in by_grade),
        "ead_minor": sum(grade["ead_minor"] for grade in by_grade),
        "profit_minor": sum(grade["profit_minor"] for grade in by_grade),
        "expected_loss_minor": loss,
        "provision_minor": sum(grade["provision_minor"] for grade in by_grade),
        "capital_minor": sum(grade["capital_minor"] for grade in by_grade),
        "stress_loss_minor": {
            "base": sum(grade["stress_loss_minor"]["base"] for grade in by_grade),
            "adverse": sum(grade["stress_loss_minor"]["adverse"] for grade in by_grade),
            "severe": sum(grade["stress_loss_minor"]["severe"] for grade in by_grade),
        },
        "increases": moved[0],
        "decreases": moved[1],
        "unchanged": sum(_LINES) - sum(moved),
        "increase_minor": moved[0] * 9_800 * YUAN,
        "decrease_minor": moved[1] * 3_100 * YUAN,
        "lines_above_cap_already": {"today": 0, "baseline": 4_377, "new": 1_206}[name],
        "gap_ppm": None if is_today else 38.2,
        "caps": [] if is_today else _caps(limit=limit, loss=loss, is_binding=name == "new"),
        "by_grade": by_grade,
    }


def _caps(*, limit: int, loss: int, is_binding: bool) -> list[CapUse]:
    return [
        {
            "name": "total_limit",
            "text": {"zh": "授信总额不超过今天的 1.35 倍", "en": "Limits at most 1.35 times today's"},
            "measure": "limit",
            "used": limit,
            "bound": round(limit * (1.04 if is_binding else 1.22)),
            "binding": False,
            "shadow_price_ppm": 0,
        },
        {
            "name": "expected_loss",
            "text": {"zh": "预期损失不超过今天的 1.10 倍", "en": "Expected loss at most 1.10 times today's"},
            "measure": "expected_loss",
            "used": loss,
            "bound": loss if is_binding else round(loss * 1.08),
            "binding": is_binding,
            "shadow_price_ppm": 812_000 if is_binding else 0,
        },
        {
            "name": "weak_share",
            "text": {"zh": "F 至 H 级余额占比不超过 12%", "en": "Grades F to H at most 12% of drawn balances"},
            "measure": "drawn",
            "used": 97_300,
            "bound": 120_000,
            "binding": False,
            "shadow_price_ppm": 0,
        },
    ]


def _swap() -> list[SwapCell]:
    more, less = (2_310, 2_904, 1_990, 702, 0, 0, 0, 0), (0, 0, 3, 12, 31, 44, 18, 0)
    return [
        {
            "grade": grade,
            "more": more[place],
            "same": _LINES[place] - more[place] - less[place],
            "less": less[place],
            "more_minor": more[place] * (14_000 - 2_300 * place) * YUAN,
            "less_minor": less[place] * 2_000 * YUAN,
        }
        for place, grade in enumerate(GRADES)
    ]


def _frontier(cap: Literal["baseline", "new"]) -> list[FrontierPoint]:
    """Concave curves through the very figures of the two plans."""
    plan = _scenario(cap)
    points: list[FrontierPoint] = []
    for ratio in (0.90, 0.94, 0.97, 1.0, 1.03, 1.06, 1.10, 1.15, 1.2):
        growth = (ratio - 1) - 1.9 * (ratio - 1) ** 2 * (3 if ratio < 1 else 1)
        points.append(
            {
                "cap": cap,
                "expected_loss_minor": round(plan["expected_loss_minor"] * ratio),
                "profit_minor": round(plan["profit_minor"] * (1 + 0.55 * growth)),
                "limit_minor": round(plan["limit_minor"] * ratio),
            }
        )
    return points


def _prices() -> list[PriceParts]:
    prices: list[PriceParts] = []
    for place, grade in enumerate(GRADES):
        loss, capital = (
            round(_PD_PPM[place] * _LGD),
            (2_100, 4_300, 6_300, 8_493, 10_400, 12_300, 14_100, 13_200)[place],
        )
        price = 30_000 + 35_000 + loss + capital + 20_000
        prices.append(
            {
                "grade": grade,
                "lines": _LINES[place],
                "pd_ppm": _PD_PPM[place],
                "funds_ppm": 30_000,
                "expected_loss_ppm": loss,
                "operations_ppm": 35_000,
                "capital_ppm": capital,
                "margin_ppm": 20_000,
                "price_ppm": price,
                "legal_cap_ppm": 240_000,
                "offered": price <= 240_000,
            }
        )
    return prices


def _metrics() -> list[Metric]:
    segments = [
        ("全部额度", "All lines", 19_898, 1_671, 0.8312, 0.009),
        ("账龄不足 12 个月", "Under 12 months on book", 4_110, 467, 0.7984, 0.021),
        ("账龄 12 个月以上", "12 months on book or more", 15_788, 1_204, 0.8377, 0.011),
        ("使用率 80% 以上", "Utilization of 80% or more", 3_402, 702, 0.7411, 0.019),
        ("从未逾期", "Never past due", 14_977, 689, 0.7902, 0.016),
    ]
    return [
        {
            "segment": {"zh": zh, "en": en},
            "lines": lines,
            "bads": bads,
            "auc": auc,
            "auc_low": auc - reach,
            "auc_high": auc + reach,
            "ks": auc - 0.33,
            "ks_low": auc - 0.35,
            "ks_high": auc - 0.31,
            "brier": 0.0611,
            "brier_low": 0.0587,
            "brier_high": 0.0635,
            "calibration_error": 0.0041,
            "calibration_error_low": 0.0022,
            "calibration_error_high": 0.0060,
        }
        for zh, en, lines, bads, auc, reach in segments
    ]


def _calibration() -> list[CalibrationPoint]:
    pairs = [
        (0.004, 0.0035), (0.009, 0.0095), (0.015, 0.014), (0.023, 0.0245), (0.034, 0.033), (0.049, 0.053),
        (0.071, 0.068), (0.108, 0.112), (0.178, 0.171), (0.389, 0.421),
    ]  # fmt: skip
    return [
        {
            "pd_mean": pd,
            "bad_share": share,
            "bad_share_low": max(share - 2 * (share * (1 - share) / 1_990) ** 0.5, 0.0),
            "bad_share_high": share + 2 * (share * (1 - share) / 1_990) ** 0.5,
            "lines": 1_990,
        }
        for pd, share in pairs
    ]


def _reasons() -> list[ReasonCount]:
    rows: list[tuple[str, str, str, Literal["eligibility", "decrease", "score", "limit"], int]] = [
        ("E02", "近三个月有逾期", "Past due in the last three months", "eligibility", 2_118),
        ("E05", "开户不足六个月", "On book for less than six months", "eligibility", 1_403),
        ("INCREASE_OFFERED", "给出提额邀约", "An increase is offered", "limit", 8_944),
        ("AFFORDABILITY", "收入不支持更高额度", "Income does not carry a higher limit", "limit", 2_210),
        ("LARGEST_STEP", "单次提额幅度已到上限", "The largest single step is reached", "limit", 1_871),
        ("D01", "风险升高", "Risk has risen", "decrease", 430),
        ("R01", "额度使用率高", "Utilization is high", "score", 7_702),
        ("R04", "还款占账单比例低", "Payments are low against statements", "score", 5_319),
    ]
    return [
        {"code": code, "text": {"zh": zh, "en": en}, "kind": kind, "lines": lines} for code, zh, en, kind, lines in rows
    ]


def _bands() -> list[LimitMove]:
    edges = (0, 10_000, 20_000, 30_000, 40_000, 50_000, 100_000, 200_000)
    today = (3_912, 6_204, 5_405, 1_980, 1_191, 1_180, 26, 0)
    baseline = (3_702, 4_405, 6_214, 3_180, 1_191, 1_180, 26, 0)
    new = (3_690, 4_190, 3_905, 2_850, 2_057, 3_180, 26, 0)
    return [
        {
            "low_minor": low * YUAN,
            "high_minor": edges[place + 1] * YUAN if place + 1 < len(edges) else None,
            "today": today[place],
            "baseline": baseline[place],
            "new": new[place],
        }
        for place, low in enumerate(edges)
    ]
