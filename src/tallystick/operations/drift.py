"""How far one portfolio has moved from another: PSI per feature, against a limit that knows both sizes."""

from pathlib import Path

from tallystick.operations.loading import load_portfolio
from tallystick.operations.progress import Progress
from tallystick.scoring.model import ColumnFault
from tallystick.scoring.stability import Stability, stability_of_columns


def drift(*, data: Path, against: Path, mapping: str, progress: Progress) -> tuple[Stability, ...]:
    """PSI of every feature that both portfolios have, the farthest above its limit first.

    `against` is the sample expected (the one that was trained on), `data` the one at hand; both through one mapping.
    """
    expected = load_portfolio(data=against, mapping=mapping, progress=progress)
    actual = load_portfolio(data=data, mapping=mapping, progress=progress)
    there = {feature.name for feature in actual.model_features()}
    features = [feature for feature in expected.model_features() if feature.name in there]
    if not features:
        raise ColumnFault("the two portfolios share no feature: check that the mapping names their fields")
    progress.step({"zh": "比较分布", "en": "comparing distributions"})
    found = stability_of_columns(expected=expected.columns, actual=actual.columns, features=features)
    return tuple(sorted(found, key=lambda stability: (stability.limit - stability.psi, stability.name)))
