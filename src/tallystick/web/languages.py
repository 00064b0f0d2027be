"""Which of our two languages a caller reads, from the Accept-Language header (RFC 9110, section 12.5.4)."""

from typing import Final

from tallystick.terms.disclosure import Language
from tallystick.web.edge import Asked

_KNOWN: Final[dict[str, Language]] = {"en": "en", "zh": "zh"}


def language_of(request: Asked, *, otherwise: Language) -> Language:
    """The language that the caller prefers; `otherwise` where it names none of ours."""
    return preferred(request.headers.get("accept-language", ""), otherwise=otherwise)


def preferred(accepted: str, *, otherwise: Language) -> Language:
    """The best of our languages that a header accepts; of two equally good ones the first.

    >>> preferred("fr, zh-Hans-CN;q=0.8, en;q=0.5", otherwise="en")
    'zh'
    >>> preferred("en;q=0, *", otherwise="zh")
    'zh'
    """
    best, best_quality = otherwise, 0.0
    for named in accepted.split(","):
        tag, _, weight = named.partition(";")
        language = _KNOWN.get(tag.strip().lower().partition("-")[0])
        quality = _quality(weight)
        if language is not None and quality > best_quality:
            best, best_quality = language, quality
    return best


def _quality(weight: str) -> float:
    """From 0 to 1; what cannot be read is not accepted."""
    name, _, told = weight.strip().lower().partition("=")
    if not name:
        return 1.0
    try:
        quality = float(told)
    except ValueError:
        return 0.0
    return quality if name == "q" and quality <= 1 else 0.0
