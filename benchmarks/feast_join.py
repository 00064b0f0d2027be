"""Feast's offline point-in-time join of ready-made features, timed; run by features_offline.py in its own environment.

    python benchmarks/feast_join.py FOLDER

The folder holds borrower_id.parquet and terminal_id.parquet (features of every purchase at its instant) and
requests.parquet. Prints the seconds of `get_historical_features(...).to_df()`, the rows that came out, and how many
values are not those of the request's own purchase.
"""

import json
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any


def main() -> None:
    import pandas as pd
    from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig, ValueType
    from feast.types import Float64

    folder = Path(sys.argv[1])
    config = RepoConfig(
        project="bench",
        registry=str(folder / "registry.db"),
        provider="local",
        offline_store={"type": "file"},
        online_store=None,
        entity_key_serialization_version=3,
    )
    store = FeatureStore(config=config)
    objects: list[Any] = []
    wanted: list[str] = []
    for key in ("borrower_id", "terminal_id"):
        path = folder / f"{key}.parquet"
        names = [name for name in pd.read_parquet(path).columns if name not in (key, "event_timestamp")]
        entity = Entity(name=key, join_keys=[key], value_type=ValueType.INT64)
        view = FeatureView(
            name=f"by_{key}",
            entities=[entity],
            ttl=timedelta(days=400),
            schema=[Field(name=name, dtype=Float64) for name in names],
            source=FileSource(path=str(path), timestamp_field="event_timestamp"),
            online=False,
        )
        objects += [entity, view]
        wanted += [f"by_{key}:{name}" for name in names]
    store.apply(objects)
    requests = pd.read_parquet(folder / "requests.parquet")
    start = time.perf_counter()
    joined = store.get_historical_features(entity_df=requests, features=wanted).to_df()
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "rows": len(joined), "differ": differing(folder, joined)}))


def differing(folder: Path, joined: Any) -> int:
    """Values that are not those of the purchase itself, by its key and instant."""
    import pandas as pd

    count = 0
    for key in ("borrower_id", "terminal_id"):
        ready = pd.read_parquet(folder / f"{key}.parquet").drop_duplicates([key, "event_timestamp"])
        both = joined.merge(ready, on=[key, "event_timestamp"], suffixes=("", "_ready"))
        for name in ready.columns:
            if name not in (key, "event_timestamp"):
                same = (both[name] == both[f"{name}_ready"]) | (both[name].isna() & both[f"{name}_ready"].isna())
                count += int((~same).sum())
    return count


if __name__ == "__main__":
    main()
