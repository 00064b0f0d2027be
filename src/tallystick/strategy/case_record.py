"""What a batch was decided on and what was decided: the one function of the live path, of replay and of backtests.

A record holds plain columns, one entry per case in each, so that the same figures give the same bytes.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from msgspec import Struct

from tallystick.strategy.checkpoint import Checkpoint

_CODEC: Final = pa.Codec("zstd", compression_level=1)
# What stands before the compressed bytes: the version of this form, and how long they are once more.
_FORM: Final = 1
_HEAD_BYTES: Final = 9

Figures: TypeAlias = "dict[str, list[Any]]"


class CaseRecord(Struct, frozen=True, kw_only=True):
    """One batch; None is what nobody knew. Every list, and every list of a mapping, has an entry per case.

    `strategy` counts into `strategies`, which are content hashes. `requests` are what was asked, `figures` the columns
    of the case, `features` and `scores` what the catalog and the models made of it, `rows` the row that took the case
    at each step, counted from 0. What follows was decided; `refused_because` is what the books refused after that.
    """

    checkpoint: str
    strategies: tuple[str, ...]
    strategy: list[int]
    requests: Figures
    figures: Figures
    features: Figures
    scores: Figures
    rows: dict[str, list[int | None]]
    outcome: list[str]
    decided_by: list[str]
    outputs: Figures
    reasons: list[tuple[str, ...]]
    probability_ppm: list[int]
    is_explored: list[bool]
    refused_because: list[str | None]

    @property
    def cases(self) -> int:
        """How many cases it holds."""
        return len(self.strategy)

    @property
    def request_ids(self) -> list[int]:
        """The requests' ids, in the order of the cases."""
        return self.requests["request_id"]

    def columns(self) -> dict[str, npt.NDArray[Any]]:
        """What all cases were decided on, as a checkpoint reads it."""
        return arrays_of(self._read())

    def columns_of(self, case: int) -> dict[str, npt.NDArray[Any]]:
        """What one case was decided on, as a checkpoint reads it."""
        return arrays_of({name: values[case : case + 1] for name, values in self._read().items()})

    def _read(self) -> Figures:
        return self.figures | self.features | self.scores


_DECODER: Final = msgspec.msgpack.Decoder(CaseRecord)


def decide_cases(
    checkpoints: Mapping[str, Checkpoint],
    *,
    strategy_ids: Sequence[str],
    requests: Figures,
    figures: Figures,
    features: Figures,
    refused_because: Sequence[str | None] | None = None,
) -> CaseRecord:
    """Score and decide cases, each by the checkpoint of its strategy; `strategy_ids` has an entry per case.

    Raises `ColumnFault` where a figure is absent, of another type or out of range.
    """
    names = tuple(dict.fromkeys(strategy_ids))
    count = len(strategy_ids)
    given = arrays_of(figures | features)
    request_ids = requests["request_id"]
    decided = _Decided(count)
    for name in names:
        cases = [case for case, each in enumerate(strategy_ids) if each == name]
        whole = len(cases) == count
        columns = given if whole else {each: values[cases] for each, values in given.items()}
        ids = request_ids if whole else [request_ids[case] for case in cases]
        decided.add(checkpoints[name], columns, cases=cases, request_ids=ids)
    return CaseRecord(
        checkpoint=str(checkpoints[names[0]].name),
        strategies=names,
        strategy=[names.index(each) for each in strategy_ids],
        requests=requests,
        figures=figures,
        features=features,
        refused_because=list(refused_because or [None] * count),
        **decided.told,
    )


def decide_again(record: CaseRecord, checkpoints: Mapping[str, Checkpoint]) -> CaseRecord:
    """The same batch once more, from what it was decided on: equal to the record, or the record is not true."""
    return decide_cases(
        checkpoints,
        strategy_ids=[record.strategies[each] for each in record.strategy],
        requests=record.requests,
        figures=record.figures,
        features=record.features,
        refused_because=record.refused_because,
    )


class _Decided:
    """Decisions of several strategies, put together case by case."""

    def __init__(self, count: int) -> None:
        self._count = count
        self.told: dict[str, Any] = {
            "scores": {},
            "rows": {},
            "outputs": {},
            **{name: [None] * count for name in
               ("outcome", "decided_by", "reasons", "probability_ppm", "is_explored")},
        }  # fmt: skip

    def add(
        self,
        checkpoint: Checkpoint,
        columns: Mapping[str, npt.NDArray[Any]],
        *,
        cases: Sequence[int],
        request_ids: Sequence[int],
    ) -> None:
        scores = checkpoint.score(columns)
        decisions = checkpoint.decide({**columns, **scores}, request_ids=request_ids)
        self._put_each("scores", {name: _plain(values) for name, values in scores.items()}, cases)
        self._put_each("rows", {name: rows.tolist() for name, rows in decisions.rows.items()}, cases)
        self._put_each("outputs", {name: values.tolist() for name, values in decisions.outputs.items()}, cases)
        steps = [step.name for step in checkpoint.steps]
        self._put("outcome", decisions.outcome.tolist(), cases)
        self._put("decided_by", [steps[place] for place in decisions.decided_by.tolist()], cases)
        self._put("reasons", decisions.reasons, cases)
        self._put("probability_ppm", np.rint(decisions.probability_ppm).astype(np.int64).tolist(), cases)
        self._put("is_explored", decisions.is_explored.tolist(), cases)

    def _put(self, name: str, values: Iterable[Any], cases: Sequence[int]) -> None:
        told = self.told[name]
        for case, value in zip(cases, values, strict=True):
            told[case] = value

    def _put_each(self, name: str, columns: Mapping[str, Iterable[Any]], cases: Sequence[int]) -> None:
        for column, values in columns.items():
            told = self.told[name].setdefault(column, [None] * self._count)
            for case, value in zip(cases, values, strict=True):
                told[case] = value


def arrays_of(figures: Figures) -> dict[str, npt.NDArray[Any]]:
    """Recorded columns as a checkpoint reads them."""
    return {name: _column(values) for name, values in figures.items()}


def _column(values: Sequence[Any]) -> npt.NDArray[Any]:
    """Numbers as they are, with NaN for what is missing; texts, truths and what is wholly missing as objects."""
    kinds = set(map(type, values))
    if kinds <= {int, float}:
        return np.array(values, dtype=np.float64 if float in kinds else np.int64)
    if kinds <= {int, float, type(None)} and kinds != {type(None)}:
        return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column


def _plain(values: npt.NDArray[np.float64]) -> list[int | None]:
    return [None if value != value else int(value) for value in values.tolist()]  # noqa: PLR0124  NaN differs from itself


def encode_record(record: CaseRecord) -> bytes:
    """The record in few bytes: the same record gives the same ones, under the same versions of what packs them."""
    plain = msgspec.msgpack.encode(record)
    packed: bytes = _CODEC.compress(plain, asbytes=True)
    return bytes([_FORM]) + len(plain).to_bytes(_HEAD_BYTES - 1, "big") + packed


def decode_record(content: bytes) -> CaseRecord:
    """The record that was encoded. Raises `ValueError` for one of a form that this version does not know."""
    if content[:1] != bytes([_FORM]):
        raise ValueError(f"the record has form {content[0] if content else 'none'}, known is {_FORM}: it was written "
                         "by a later version of Tallystick")  # fmt: skip
    length = int.from_bytes(content[1:_HEAD_BYTES], "big")
    return _DECODER.decode(_CODEC.decompress(content[_HEAD_BYTES:], decompressed_size=length, asbytes=True))
