"""The settings of a process: one frozen object, read once from the environment."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, cast, get_args

Language = Literal["zh", "en"]

LANGUAGES: Final[tuple[Language, ...]] = get_args(Language)


class SettingsFault(ValueError):
    """A setting is wrong; the message names the variable and the way out."""


@dataclass(frozen=True, slots=True)
class Settings:
    """`language` is that of the terminal; reports always hold both."""

    language: Language = "en"


def read_settings(environment: Mapping[str, str]) -> Settings:
    """TALLYSTICK_LANGUAGE, or else the locale's language where it is Chinese, or else English.

    >>> read_settings({"LANG": "zh_CN.UTF-8"}).language
    'zh'
    """
    stated = environment.get("TALLYSTICK_LANGUAGE")
    if stated is not None and stated not in LANGUAGES:
        raise SettingsFault(f"TALLYSTICK_LANGUAGE is {stated!r}: give zh or en")
    if stated is not None:
        return Settings(language=cast("Language", stated))
    return Settings(language="zh" if environment.get("LANG", "").startswith("zh") else "en")
