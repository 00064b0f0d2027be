"""A model report in figures that nobody measured, to lay out."""

from tallystick.reports.model_summary import Contender, ModelReport, Rows


def _contender(name: str, auc: float, *, source: str | None = None) -> Contender:
    interval = (None, None) if source else (auc - 0.02, auc + 0.02)
    return {
        "name": {"zh": f"模型 {name}", "en": name},
        "features": None if source else 3,
        "figures": {"auc": {"value": auc, "low": interval[0], "high": interval[1]}},
        "earlier": {} if source else {"auc": auc - 0.01},
        "source": source,
    }


def _rows(rows: int, bads: int) -> Rows:
    return {
        "rows": rows, "bads": bads, "apart": {"immature": 12, "indeterminate": 0},
        "first_on": "2026-01-01", "until": "2026-01-08",
    }  # fmt: skip


def model_report() -> ModelReport:
    """One report, fresh for each call."""
    shares = (0.001, 0.01, 0.05, 0.1, 0.5, 1.0)
    found = (0.05, 0.3, 0.5, 0.6, 0.9, 1.0)
    return {
        "name": "sample",
        "title": {"zh": "样本", "en": "a sample"},
        "outcome": {"zh": "坏", "en": "bad"},
        "outcome_name": "fraud_7d",
        "performance_days": 7,
        "model_id": "model_0123",
        "kind": "lightgbm",
        "seed": 1,
        "has_time": True,
        "train": _rows(10_000, 90),
        "test": _rows(9_000, 80),
        "figure_names": {"auc": {"zh": "AUC", "en": "AUC"}},
        "contenders": [_contender("ours", 0.89), _contender("plain", 0.8)],
        "published": [_contender("book", 0.871, source="a book")],
        "earlier_folds": 4,
        "gains": [
            {"share": share, "bads_share": bads, "lift": bads / share}
            for share, bads in zip(shares, found, strict=True)
        ],
        "calibration": [
            {"pd_mean": 0.01 * n, "bad_share": 0.011 * n, "bad_share_low": 0.008 * n, "bad_share_high": 0.014 * n,
             "lines": 900}
            for n in range(1, 11)
        ],
        "periods": [
            {"name": f"2026-01-0{n}", "rows": 900, "bads": 8, "pd_mean": 0.01, "bad_share": 0.009, "auc": 0.88,
             "psi": 0.01 * n, "psi_limit": 0.03}
            for n in range(1, 6)
        ],
        "effects": [
            {"feature": f"feature_{n}", "meaning": {"zh": f"特征 {n}", "en": f"feature number {n}"},
             "strength": 1.0 / n, "direction": "up" if n == 1 else "none",
             "curve": [{"value": float(v), "log_odds": 0.1 * v - 0.3} for v in range(7)]}
            for n in range(1, 4)
        ],
        "monotone": {"feature_1": "up"},
        "suspects": {},
        "fairness": [],
        "promotable": True,
        "settings": {"learning_rate": 0.03},
        "hashes": {"data_sha256": "ab" * 32},
        "reads_what_credit_may_not": True,
        "base_rate": {"learned_share": 0.009, "stated_share": 0.001, "source": {"zh": "假设", "en": "an assumption"}},
        "limits": [{"zh": "模拟数据", "en": "simulated data"}],
    }  # fmt: skip
