"""After how long it is told what came of an application: the form of the window, and the one that ships."""

from functools import cache
from importlib.resources import files
from typing import Annotated, Final

from msgspec import Meta

from tallystick.strategy.checkpoint_form import Section
from tallystick.terms.form import read_toml

_SHIPPED: Final = "line_outcome.toml"


class LineWindow(Section, frozen=True, kw_only=True):
    """What a line brings counts for `months` from its opening, where that was within `opening_days` of the application.

    So an application is mature `opening_days` and `months` after its day, whatever was decided.
    """

    months: Annotated[int, Meta(ge=1, le=120)]
    opening_days: Annotated[int, Meta(ge=1, le=365)]


@cache
def shipped_line_window() -> LineWindow:
    """The window where nobody asks for another.

    >>> shipped_line_window()
    LineWindow(months=12, opening_days=45)
    """
    text = files("tallystick.strategy").joinpath(_SHIPPED).read_text(encoding="utf-8")
    return read_toml(text, form=LineWindow, file=_SHIPPED)
