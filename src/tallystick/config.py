"""The settings of a process: one frozen object, read once from the environment."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, get_args

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
    stated = environment.get("TALLYSTICK_LANGUAGE") or environment.get("LANG", "")[:2]
    for language in LANGUAGES:
        if stated == language:
            return Settings(language=language)
    if "TALLYSTICK_LANGUAGE" in environment:
        raise SettingsFault(f"TALLYSTICK_LANGUAGE is {stated!r}: give zh or en")
    return Settings()
