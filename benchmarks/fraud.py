"""How well fraud at the purchase is found, by the protocol of the Fraud Detection Handbook, from its raw file alone.

    python benchmarks/fraud.py [--json] [--out FOLDER]

`tallystick train handbook-fraud`: learned on 2018-07-25..31, a week's delay, tested on 2018-08-08..14 without the cards
that were known compromised. Settings and features were chosen on four earlier weeks. Beside it the book's printed
figures for that week (each its best default model), and on the same rows the fifteen features of the book alone and
logistic regression. `low` and `high` are ends of 95 % intervals over 200 draws of whole cards; `earlier` are means over
the four earlier weeks. Ratios are ours over the book's.
"""

import argparse
import tempfile
from pathlib import Path

from report_line import emit
from tallystick.bootstrap import shown_progress
from tallystick.operations.train import TrainRequest, train
from tallystick.reports.model_summary import Contender

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "fraud_handbook_raw" / "transactions.parquet"
KEYS = {"auc": "auc", "average_precision": "ap", "card_precision": "cp100"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--out", type=Path, help="keep the model and its report here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch, shown_progress("en") as progress:
        request = TrainRequest(config="handbook-fraud", out=options.out or Path(scratch), data=options.data)
        report = train(request, progress=progress)
    own, fifteen, logistic_fifteen, logistic = report["contenders"]
    book = report["published"][0]
    ours = figures(own)
    ours |= {f"{KEYS[key]}_{end}": own["figures"][key][end] or 0.0 for key in KEYS for end in ("low", "high")}
    ours |= {f"{KEYS[key]}_earlier": own["earlier"][key] for key in KEYS}
    peer = {f"book_{key}": value for key, value in figures(book).items()}
    for name, one in (("fifteen", fifteen), ("logistic_fifteen", logistic_fifteen), ("logistic", logistic)):
        peer |= {f"{name}_{key}": value for key, value in figures(one).items()}
    ratio = {key: figures(own)[key] / figures(book)[key] for key in KEYS.values()}
    emit("fraud", ours, peer, ratio, as_json=options.json)


def figures(one: Contender) -> dict[str, float]:
    """The three figures by their short names."""
    return {short: one["figures"][key]["value"] for key, short in KEYS.items()}


if __name__ == "__main__":
    main()
