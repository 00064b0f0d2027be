"""What the reports call scenarios and bands of limits, and where to find a scenario in a summary."""

from tallystick.reports.figures import ABSENT, money_exact_text
from tallystick.reports.palette import SCENARIOS
from tallystick.reports.summary import CapUse, LimitMove, Scenario, Summary
from tallystick.reports.texts import Texts
from tallystick.units.money import minor_per_major
from tallystick.units.rates import PPM

# The optimizer certifies its plans to 100 ppm of each cap; only what is further above a bound breaks it.
_CAP_TOLERANCE_PPM = 100


def scenarios_of(summary: Summary) -> tuple[Scenario, Scenario, Scenario]:
    """Today, the baseline cap and the new cap; raises `ValueError` naming what is missing."""
    found = {scenario["name"]: scenario for scenario in summary["scenarios"]}
    missing = [name for name in SCENARIOS if name not in found]
    if missing:
        raise ValueError(f"summary without scenario {', '.join(missing)}: a report compares {', '.join(SCENARIOS)}")
    today, baseline, new = (found[name] for name in SCENARIOS)
    return today, baseline, new


def scenario_names(summary: Summary, *, texts: Texts) -> tuple[str, str, str]:
    """What the three scenarios are called: today and each cap."""
    baseline, new = (
        texts("scenario.capped", cap=money_exact_text(cap_minor, currency=summary["currency"]))
        for cap_minor in (summary["baseline_cap_minor"], summary["new_cap_minor"])
    )
    return texts("scenario.today"), baseline, new


def band_name(band: LimitMove, *, currency: str, texts: Texts) -> str:
    """A band of limits in few letters: in ten thousands or thousands where its edges allow it.

    >>> from tallystick.reports.texts import texts_in
    >>> band = LimitMove(low_minor=3_000_000, high_minor=5_000_000, today=0, baseline=0, new=0)
    >>> band_name(band, currency="CNY", texts=texts_in("zh")), band_name(band, currency="CNY", texts=texts_in("en"))
    ('3–5 万', '30–50 k')
    """
    unit, named = (10_000, " 万") if texts.language == "zh" else (1_000, " k")
    unit_minor = unit * minor_per_major(currency)
    low, high = band["low_minor"], band["high_minor"]
    whole = low % unit_minor == 0 and (high or 0) % unit_minor == 0
    low_text = f"{low // unit_minor:,}" if whole else money_exact_text(low, currency=currency)
    if high is None:
        return f"≥ {low_text}{named if whole and low else ''}"
    high_text = f"{high // unit_minor:,}{named}" if whole else money_exact_text(high, currency=currency)
    return f"{low_text}{ABSENT}{high_text}"


def kind_name(kind: str, *, texts: Texts) -> str:
    """What a kind of model is called; a kind without a text stands as it is.

    >>> from tallystick.reports.texts import texts_in
    >>> kind_name("lightgbm", texts=texts_in("en")), kind_name("scorecard", texts=texts_in("zh"))
    ('LightGBM', '评分卡')
    """
    return {"scorecard": texts("model.scorecard"), "lightgbm": "LightGBM", "xgboost": "XGBoost"}.get(kind, kind)


def is_share_cap(cap: CapUse, scenario: Scenario) -> bool:
    """Whether the cap bounds a segment's share, in ppm, and not an amount.

    A share is named so (`weak_grades_share`), or, as names are the lender's own, is told by its use: that of an
    amount is the whole book's.
    """
    whole = {
        "limit": scenario["limit_minor"],
        "drawn": scenario["drawn_minor"],
        "exposure": scenario["ead_minor"],
        "expected_loss": scenario["expected_loss_minor"],
    }
    fits = cap["used"] <= PPM and cap["bound"] <= PPM
    return fits and (cap["name"].endswith("_share") or cap["used"] != whole.get(cap["measure"]))


def broken_caps(scenario: Scenario) -> list[CapUse]:
    """The portfolio caps that the scenario does not keep."""
    return [
        cap for cap in scenario["caps"] if cap["used"] - cap["bound"] > abs(cap["bound"]) * _CAP_TOLERANCE_PPM / PPM
    ]
