"""What two versions of a strategy differ in, in words that a credit officer reads: texts, rows, thresholds, models."""

import csv
import io
import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from tallystick.scoring.manifest import MANIFEST_FILE, model_id
from tallystick.strategy.checkpoint_trace import figure_text

Files = Mapping[str, bytes]
Words = Mapping[str, tuple[str, str]]

_NUMBER: Final = re.compile(r"(?<![\w.'])\d+(?:\.\d+)?(?![\w'])")
_NAME: Final = re.compile(r"\b[a-z][a-z0-9_]*\b")
_TEXT_FIELDS: Final = ("zh", "en")


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference: the file, where in it (a row, a step, a key; may be empty), and what changed."""

    file: str
    place: str
    zh: str
    en: str


def strategy_differences(before: Files, after: Files, *, words: Words, currency: str) -> tuple[Difference, ...]:
    """Everything that differs between two strategy folders, file by file; nothing where their hashes are the same.

    `words` are the (zh, en) names of columns; thresholds of amounts are told in major units of `currency`.
    """
    told: list[Difference] = []
    folders = sorted({_model_folder(path) for path in (*before, *after)} - {""})
    for folder in folders:
        told += _model_differences(folder, _inside(before, folder), _inside(after, folder))
    for path in sorted({*before, *after}):
        if not _model_folder(path):
            told += _file_differences(path, before.get(path), after.get(path), words=words, currency=currency)
    return tuple(told)


def _file_differences(
    path: str, before: bytes | None, after: bytes | None, *, words: Words, currency: str
) -> Iterator[Difference]:
    if before is None or after is None:
        yield (
            Difference(path, "", "新增文件", "a new file")
            if before is None
            else Difference(path, "", "删除文件", "the file is removed")
        )
        return
    texts = [content.replace(b"\r\n", b"\n").decode(errors="replace") for content in (before, after)]
    if texts[0] == texts[1]:
        return
    told: list[Difference] = []
    if path.endswith(".csv"):
        told += _table_differences(path, *texts, words=words, currency=currency)
    elif path.endswith(".toml"):
        told += _form_differences(path, *texts)
    if told:
        yield from told
    else:
        yield Difference(path, "", "仅注释、空白或格式不同", "only comments, blanks or form differ")


# tables


def _table_differences(path: str, before: str, after: str, *, words: Words, currency: str) -> Iterator[Difference]:
    old, new = _rows(before), _rows(after)
    for name in old:
        if name not in new:
            yield Difference(
                path, name, f"删除此行：{_told_row(old[name])}", f"the row is removed: {_told_row(old[name])}"
            )
    for name, row in new.items():
        if name not in old:
            yield Difference(path, name, f"新增此行：{_told_row(row)}", f"a new row: {_told_row(row)}")
            continue
        for field in dict.fromkeys((*old[name], *row)):
            was, now = old[name].get(field, ""), row.get(field, "")
            if was != now:
                yield _cell_difference(path, name, field, was, now, words=words, currency=currency)
    kept = [name for name in old if name in new]
    moved = _moved(kept, [name for name in new if name in old])
    if moved:
        names = ", ".join(moved)
        yield Difference(path, names, f"行的先后顺序改变：{names}", f"the order of rows changed: {names}")


def _rows(text: str) -> dict[str, dict[str, str]]:
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
    return {
        str(row.get("id") or "").strip(): {field: str(cell or "").strip() for field, cell in row.items() if field}
        for row in reader
    }


def _told_row(row: Mapping[str, str]) -> str:
    return ", ".join(f"{field} {cell}" for field, cell in row.items() if cell and field not in ("id", *_TEXT_FIELDS))


def _moved(before: Sequence[str], after: Sequence[str]) -> list[str]:
    """Names that no longer stand right behind the one that they stood behind."""
    follows = dict(pairwise(("", *before)))
    return [name for earlier, name in pairwise(("", *after)) if follows.get(earlier) != name]


def _cell_difference(path: str, row: str, field: str, was: str, now: str, *, words: Words, currency: str) -> Difference:
    thresholds = _threshold_changes(field, was, now)
    if not thresholds:
        zh, en = words.get(field, (field, field))
        named = (f"{field}（{zh}）", f"{field} ({en})") if field in words else (field, field)
        was, now = was or "-", now or "-"
        return Difference(path, row, f"{named[0]}：{was} 改为 {now}", f"{named[1]}: {was} becomes {now}")
    zh_parts, en_parts = [], []
    for name, old, new in thresholds:
        zh_name, en_name = words.get(name, (name or "系数", name or "a factor"))
        old_texts, new_texts = (figure_text(name, float(figure), currency=currency) for figure in (old, new))
        zh_parts.append(f"门槛 {zh_name} {old_texts[0]} 改为 {new_texts[0]}")
        en_parts.append(f"threshold of {en_name}: {old_texts[1]} becomes {new_texts[1]}")
    return Difference(path, row, f"{'；'.join(zh_parts)}（{now}）", f"{'; '.join(en_parts)} ({now})")


def _threshold_changes(field: str, was: str, now: str) -> list[tuple[str, str, str]]:
    """The constants that differ where nothing else does: (what each is compared with, before, after).

    >>> _threshold_changes("when", "amount_minor > 500 AND is_night", "amount_minor > 800 AND is_night")
    [('amount_minor', '500', '800')]
    """
    if _NUMBER.sub("#", was) != _NUMBER.sub("#", now):
        return []
    changes = []
    for old, new in zip(_NUMBER.finditer(was), _NUMBER.finditer(now), strict=True):
        if old.group() != new.group():
            ahead = was[: old.start()]
            names = _NAME.findall(ahead)
            is_factor = ahead.rstrip().endswith(("*", "/"))
            name = "" if is_factor else names[-1] if names else field
            changes.append((name, old.group(), new.group()))
    return changes


# forms


def _form_differences(path: str, before: str, after: str) -> Iterator[Difference]:
    try:
        old, new = (dict(_flat(tomllib.loads(text), "")) for text in (before, after))
    except tomllib.TOMLDecodeError as error:
        yield Difference(path, "", f"无法读取：{error}", f"cannot be read: {error}")
        return
    for key in dict.fromkeys((*old, *new)):
        was, now = old.get(key), new.get(key)
        if was == now:
            continue
        if isinstance(was, list) and isinstance(now, list):
            yield from _list_differences(path, key, was, now)
        elif was is None:
            yield Difference(path, key, f"新增：{now}", f"new: {now}")
        elif now is None:
            yield Difference(path, key, f"删除，原为 {was}", f"removed, was {was}")
        else:
            yield Difference(path, key, f"{_told(was)} 改为 {_told(now)}", f"{_told(was)} becomes {_told(now)}")


def _list_differences(path: str, key: str, was: list[Any], now: list[Any]) -> Iterator[Difference]:
    added, removed = ([str(each) for each in one if each not in other] for one, other in ((now, was), (was, now)))
    if added:
        yield Difference(path, key, f"增加 {', '.join(added)}", f"with {', '.join(added)} added")
    if removed:
        yield Difference(path, key, f"减少 {', '.join(removed)}", f"without {', '.join(removed)}")
    if not added and not removed:
        order = " → ".join(map(str, now))
        yield Difference(path, key, f"顺序改为 {order}", f"the order becomes {order}")


def _told(value: Any) -> str:
    return f"{value:_}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _flat(value: Any, key: str) -> Iterator[tuple[str, Any]]:
    """Every value below its dotted key; entries of a list stand under their names, and their order beside them."""
    if isinstance(value, dict):
        for name, below in value.items():
            yield from _flat(below, f"{key}.{name}" if key else name)
    elif isinstance(value, list) and value and all(isinstance(each, dict) and "name" in each for each in value):
        yield key, [each["name"] for each in value]
        for each in value:
            yield from _flat({name: below for name, below in each.items() if name != "name"}, f"{key} {each['name']}")
    else:
        yield key, value


# models


def _model_folder(path: str) -> str:
    parts = path.split("/")
    return "/".join(parts[:2]) if parts[0] == "models" and len(parts) > 2 else ""


def _inside(files: Files, folder: str) -> dict[str, bytes]:
    return {path.removeprefix(f"{folder}/"): text for path, text in files.items() if path.startswith(f"{folder}/")}


def _model_differences(folder: str, before: Files, after: Files) -> Iterator[Difference]:
    if not before or not after:
        named = model_id(after or before)
        yield (
            Difference(folder, "", f"新增模型 {named}", f"a new model, {named}")
            if after
            else Difference(folder, "", f"删除模型 {named}", f"the model {named} is removed")
        )
        return
    if model_id(before) == model_id(after):
        return
    names = f"{model_id(before)} → {model_id(after)}"
    yield Difference(folder, "", f"模型更换：{names}", f"another model: {names}")
    old, new = (_manifest(files) for files in (before, after))
    for key in ("kind", "label", "horizon_months", "rows", "bads"):
        if old.get(key) != new.get(key):
            yield Difference(
                folder, key, f"{old.get(key)} 改为 {new.get(key)}", f"{old.get(key)} becomes {new.get(key)}"
            )
    read = [[str(feature.get("name")) for feature in manifest.get("features", [])] for manifest in (old, new)]
    if read[0] != read[1]:
        yield from _list_differences(folder, "features", *read)


def _manifest(files: Files) -> dict[str, Any]:
    try:
        content = json.loads(files.get(MANIFEST_FILE, b"{}"))
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}
