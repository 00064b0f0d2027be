"""Every feature of the catalog by Spark, from files to files, on the rows that the other engines had."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet
import pytest
from tests.parity.answers import FEATURES, OF_SPARK, given, same

from tallystick.cluster.features import build_folder
from tallystick.cluster.session import spark_session, why_missing
from tallystick.features.as_of_build import StreamFaults
from tallystick.operations.progress import Silent
from tallystick.sources.files import FileFault

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# A few hundred rows: one task at a time, nothing compiled, no plan made twice.
SMALL = {
    "spark.master": "local[2]",
    "spark.default.parallelism": "1",
    "spark.sql.shuffle.partitions": "1",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
    "spark.driver.memory": "2g",
}
# Said by pyspark about a library of other tests, which it does not need here.
pytestmark = [
    pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas:FutureWarning"),
    pytest.mark.xdist_group("spark"),
]


@pytest.fixture(scope="module")
def spark() -> Iterator["SparkSession"]:
    """One session for all; without Spark or Java the tests skip, unless CI requires them."""
    missing = why_missing()
    if missing is not None:
        if os.environ.get("TALLYSTICK_REQUIRE_SPARK") == "1":
            pytest.fail(missing)
        pytest.skip(missing)
    with spark_session(SMALL) as session:
        yield session


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The requests and every stream as Parquet."""
    folder = tmp_path_factory.mktemp("streams")
    for name, table in given(OF_SPARK).tables():
        pyarrow.parquet.write_table(table, folder / f"{name}.parquet")
    return folder


def test_spark_gives_the_same_from_files_to_files(spark: "SparkSession", folder: Path) -> None:
    out = folder / "features"
    rows = build_folder(
        requests=folder / "request.parquet", events=folder, out=out, features=FEATURES, spark=spark, progress=Silent()
    )
    told = pyarrow.parquet.read_table(out)
    assert rows == told.num_rows == given(OF_SPARK).requests.num_rows
    same(told, OF_SPARK, engine="spark")


def test_spark_tells_every_fault_of_what_it_is_given(spark: "SparkSession", folder: Path, tmp_path: Path) -> None:
    few = tuple(feature for feature in FEATURES if feature.name in ("line_purchase_count_7d", "line_limit"))
    purchases = given(OF_SPARK).streams["purchase"]
    twice = pa.concat_tables([purchases, purchases.slice(0, 3)])
    pyarrow.parquet.write_table(twice, tmp_path / "purchase.parquet")
    asked = {"requests": folder / "request.parquet", "features": few, "spark": spark, "progress": Silent()}
    with pytest.raises(StreamFaults, match="line_change: missing; line_limit read it"):
        build_folder(events=tmp_path, out=tmp_path / "out", **asked)
    pyarrow.parquet.write_table(given(OF_SPARK).streams["line_change"], tmp_path / "line_change.parquet")
    with pytest.raises(StreamFaults, match=r"purchase\.event_id: 3 rows repeat another's"):
        build_folder(events=tmp_path, out=tmp_path / "out", **asked)
    with pytest.raises(FileFault, match="is there already"):
        build_folder(events=folder, out=tmp_path, **asked)
