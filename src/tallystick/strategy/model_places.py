"""A model put into a strategy's files: its folder, and the sections of checkpoints that name it."""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from tallystick.strategy.case_columns import CheckpointName
from tallystick.strategy.checkpoint_reading import FORM_FILE
from tallystick.strategy.economics import StrategyFaults

_MODELS: Final = "models"


def with_model(
    files: Mapping[str, bytes],
    model: Mapping[str, bytes],
    *,
    name: str,
    checkpoints: Sequence[CheckpointName],
    needs: Sequence[str] = (),
) -> dict[str, bytes]:
    """The strategy with a model in its folder `models/NAME`, in place of what stood there.

    Each of the checkpoints has a section `[models.NAME]`, which says what its score is called; there folder and
    `needs`, the features without which there is no score, become those given, and all else stays as it was written.
    Raises `StrategyFaults` where a checkpoint, or such a section of it, is missing.
    """
    folder = f"{_MODELS}/{name}"
    kept = {path: content for path, content in files.items() if not path.startswith(f"{folder}/")}
    placed = {f"{folder}/{path}": content for path, content in model.items()}
    forms = {f"{checkpoint}/{FORM_FILE}": files.get(f"{checkpoint}/{FORM_FILE}") for checkpoint in checkpoints}
    faults = [fault for path, form in forms.items() for fault in _place_faults(path, form, name=name)]
    if faults:
        raise StrategyFaults(faults)
    told = {
        path: _named(_lines(form), name, folder, needs).encode() for path, form in forms.items() if form is not None
    }
    return {**kept, **placed, **told}


def _place_faults(path: str, form: bytes | None, *, name: str) -> Iterator[str]:
    if form is None:
        yield f"{path}: missing from the strategy folder; write it"
        return
    try:
        sections = tomllib.loads(form.decode()).get(_MODELS, {})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        yield f"{path}: this is not TOML: {error}; correct it"
        return
    if name not in sections or _head(name).search(_lines(form)) is None:
        yield f"{path}: {_MODELS}.{name}: missing; write [{_MODELS}.{name}] with the column of its score, zh and en"


def _lines(form: bytes) -> str:
    """The file's text, its last line ended as well."""
    text = form.decode()
    return text if text.endswith("\n") else f"{text}\n"


def _head(name: str) -> re.Pattern[str]:
    return re.compile(rf"^\[models\.{re.escape(name)}\][^\n]*\n", re.MULTILINE)


def _named(form: str, name: str, folder: str, needs: Sequence[str]) -> str:
    """The file with other words for folder and needs in one section; all else, comments too, as it was."""
    head = _head(name).search(form)
    assert head is not None, "looked for before"
    following = re.compile(r"^\[", re.MULTILINE).search(form, head.end())
    until = following.start() if following is not None else len(form)
    own = re.sub(
        r"^(folder\s*=[^\n]*|needs\s*=\s*\[[^\]]*\][^\n]*)\n", "", form[head.end() : until], flags=re.MULTILINE
    )
    listed = f"needs = {json.dumps(list(needs))}\n" if needs else ""
    told = f'{form[: head.end()]}folder = "{folder}"\n{listed}{own}{form[until:]}'
    before, after = tomllib.loads(form), tomllib.loads(told)
    assert _without(after, name) == _without(before, name), "one section alone is written anew"
    return told


def _without(form: dict[str, Any], name: str) -> dict[str, Any]:
    """The file's content but for folder and needs of one model."""
    section = {key: value for key, value in form[_MODELS][name].items() if key not in ("folder", "needs")}
    return {**form, _MODELS: {**form[_MODELS], name: section}}
