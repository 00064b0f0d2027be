"""The settings of a process: one frozen object, read once from the environment."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, cast, get_args

Language = Literal["zh", "en"]

WebhookReach = Literal["public", "private"]

_MINUTES_OF_A_DAY: Final = 24 * 60
LANGUAGES: Final[tuple[Language, ...]] = get_args(Language)


class SettingsFault(ValueError):
    """A setting is wrong; the message names the variable and the way out."""


@dataclass(frozen=True, slots=True)
class Settings:
    """`language` is that of the terminal; reports always hold both.

    `database_url` names a PostgreSQL server of one's own; without it, Tallystick keeps one in `data_folder`, and there
    the master key too where `master_key_text` does not give it. `webhook_reach` keeps webhooks on the public internet.
    `review_minutes` is how long a review that somebody took and left is kept from others.
    """

    language: Language = "en"
    database_url: str | None = None
    data_folder: Path = Path("tallystick-data")
    master_key_text: str | None = field(default=None, repr=False)
    webhook_reach: WebhookReach = "public"
    review_minutes: int = 30


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Every setting. The language: TALLYSTICK_LANGUAGE, or the locale's where it is Chinese, or else English.

    >>> read_settings({"LANG": "zh_CN.UTF-8"}).language
    'zh'
    >>> read_settings({"TALLYSTICK_REVIEW_MINUTES": "0"})
    Traceback (most recent call last):
    tallystick.config.SettingsFault: TALLYSTICK_REVIEW_MINUTES is '0': give whole minutes from 1 to 1440
    """
    return Settings(
        language=_language(environment),
        database_url=_database_url(environment),
        data_folder=_data_folder(environment),
        master_key_text=environment.get("TALLYSTICK_MASTER_KEY") or None,
        webhook_reach=_webhook_reach(environment),
        review_minutes=_review_minutes(environment),
    )


def _language(environment: Mapping[str, str]) -> Language:
    stated = environment.get("TALLYSTICK_LANGUAGE") or environment.get("LANG", "")[:2]
    for language in LANGUAGES:
        if stated == language:
            return language
    if "TALLYSTICK_LANGUAGE" in environment:
        raise SettingsFault(f"TALLYSTICK_LANGUAGE is {stated!r}: give zh or en")
    return "en"


def _database_url(environment: Mapping[str, str]) -> str | None:
    url = environment.get("TALLYSTICK_DATABASE_URL")
    if url and not url.startswith(("postgresql://", "postgres://")):
        raise SettingsFault("TALLYSTICK_DATABASE_URL: give postgresql://user:password@host:port/database")
    return url or None


def _data_folder(environment: Mapping[str, str]) -> Path:
    """TALLYSTICK_DATA_DIR, or else the user's folder for programs' data (XDG Base Directory Specification)."""
    stated = environment.get("TALLYSTICK_DATA_DIR")
    if stated:
        return Path(stated)
    home = Path(environment.get("HOME", "."))
    return Path(environment.get("XDG_DATA_HOME") or home / ".local" / "share") / "tallystick"


def _webhook_reach(environment: Mapping[str, str]) -> WebhookReach:
    """Private networks only where somebody says so: else a webhook could be pointed at our own servers."""
    stated = environment.get("TALLYSTICK_WEBHOOK_REACH", "public")
    for reach in get_args(WebhookReach):
        if stated == reach:
            return cast("WebhookReach", reach)
    raise SettingsFault(f"TALLYSTICK_WEBHOOK_REACH is {stated!r}: give public, or private for development")


def _review_minutes(environment: Mapping[str, str]) -> int:
    stated = environment.get("TALLYSTICK_REVIEW_MINUTES", "30")
    if not stated.isdecimal() or not 1 <= int(stated) <= _MINUTES_OF_A_DAY:
        raise SettingsFault(
            f"TALLYSTICK_REVIEW_MINUTES is {stated!r}: give whole minutes from 1 to {_MINUTES_OF_A_DAY}"
        )
    return int(stated)
