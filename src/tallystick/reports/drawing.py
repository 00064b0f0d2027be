"""From Altair layers to an inline SVG whose bytes depend on its data alone.

Nothing in a drawing is placed by measured text: titles, labels and legends stand where the code puts them, so the
fonts of the machine that renders cannot move a single coordinate.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import altair as alt
import vl_convert

from tallystick.reports.palette import FONT, INK, MUTED, RULE

Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Frame:
    """The paper of one drawing in px: its whole size and the margins around the plot."""

    width: int
    height: int
    left: int
    right: int
    top: int
    bottom: int

    @property
    def plot_width(self) -> int:
        """Px between the left and the right margin."""
        return self.width - self.left - self.right

    @property
    def plot_height(self) -> int:
        """Px between the top and the bottom margin."""
        return self.height - self.top - self.bottom

    @property
    def is_narrow(self) -> bool:
        """Whether the drawing is meant for a phone or for half a column."""
        return self.width < 500


def rows_of(rows: Rows) -> alt.Data:
    """Rows as inline data of a chart."""
    return alt.Data(values=[dict(row) for row in rows])


def amount_axis(frame: Frame, *, title: str, form: str = ",~r", ticks: int = 5) -> alt.Axis:
    """A vertical axis of figures: light rules, labels to the left, the title above the plot."""
    return alt.Axis(
        title=title, titleAngle=0, titleAlign="left", titleAnchor="start", titleX=-frame.left, titleY=8 - frame.top,
        titleBaseline="middle", format=form, tickCount=ticks,
    )  # fmt: skip


def foot_axis(frame: Frame, *, title: str, form: str = ",~r", ticks: int = 6) -> alt.Axis:
    """A horizontal axis of figures: labels below, the title under them at the right end."""
    return alt.Axis(
        title=title, titleAlign="right", titleAnchor="end", titleX=frame.plot_width, titleY=frame.bottom - 6,
        titleBaseline="bottom", format=form, tickCount=ticks,
    )  # fmt: skip


def name_axis(**settings: Any) -> alt.Axis:
    """An axis of names, without rules and title."""
    return alt.Axis(title=None, grid=False, labelAngle=0, labelColor=INK, **settings)


def label(**settings: Any) -> dict[str, Any]:
    """Settings of a text mark in the size and color of the reports."""
    return {"fontSize": 12, "fill": INK, **settings}


def on_halo(base: alt.Chart, *, text: str, **settings: Any) -> list[alt.Chart]:
    """A text mark that stays readable over lines and bars: a white outline below it."""
    outline = base.mark_text(**label(**settings) | {"stroke": "white", "strokeWidth": 3.5, "strokeJoin": "round"})
    return [outline.encode(text=text), base.mark_text(**label(**settings)).encode(text=text)]


def draw(layers: Sequence[alt.Chart], frame: Frame, *, name: str) -> str:
    """The layers as one SVG element; `name` marks its ids, so that several drawings can share a page.

    The drawing carries no text alternative: what embeds it must give one.
    """
    chart = alt.layer(*layers).properties(
        width=frame.plot_width,
        height=frame.plot_height,
        padding={"left": frame.left, "right": frame.right, "top": frame.top, "bottom": frame.bottom},
        autosize=alt.AutoSizeParams(type="none"),
    )
    # Each part was held to Vega-Lite's schema when it was made; the whole is, chart by chart, in the tests of reports.
    return inline_svg(vl_convert.vegalite_to_svg(chart.to_dict(validate=False), config=_CONFIG), name=name)


def inline_svg(svg: str, *, name: str) -> str:
    """A rendered SVG made fit for a page: own ids, one font, two decimals, no namespaces, size left to the page.

    >>> inline_svg('<svg xmlns="x" class="marks" width="9" height="9" viewBox="0 0 9 9"><g id="clip0" '
    ...            'clip-path="url(#clip0)"><text font-family="A" transform="translate(1.23456,2)">0.12345</text></g>'
    ...            '</svg>', name="p")
    '<svg aria-hidden="true" focusable="false" viewBox="0 0 9 9" width="9" height="9"><g id="p-clip0"
    clip-path="url(#p-clip0)"><text transform="translate(1.23,2)">0.12345</text></g></svg>'
    """
    opening, rest = svg[: svg.index(">") + 1], svg[svg.index(">") + 1 :]
    size = " ".join(f'{key}="{_attribute(opening, key)}"' for key in ("viewBox", "width", "height"))
    body = _TAG.sub(lambda tag: _slim(tag.group(), name=name), rest)
    return f'<svg aria-hidden="true" focusable="false" {size}>{body}'


def _attribute(tag: str, key: str) -> str:
    found = re.search(rf'\b{key}="([^"]*)"', tag)
    assert found is not None, f"the renderer gave an svg without {key}: {tag}"
    return found.group(1)


def _slim(tag: str, *, name: str) -> str:
    tag = _NOISE.sub("", tag)
    tag = tag.replace(' id="', f' id="{name}-').replace("url(#", f"url(#{name}-").replace('href="#', f'href="#{name}-')
    return _LONG_NUMBER.sub(_two_decimals, tag)


def _two_decimals(number: re.Match[str]) -> str:
    text = f"{float(number.group()):.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


_TAG = re.compile(r"<[^>]*>")
_NOISE = re.compile(r' (?:font-family|class|pointer-events|aria-[a-z]+|role)="[^"]*"| opacity="1"')
_LONG_NUMBER = re.compile(r"-?\d+\.\d{3,}(?:e[+-]?\d+)?|-?\d+(?:\.\d+)?e-\d+")

_CONFIG: Final[dict[str, Any]] = {
    "aria": False,
    "background": None,
    "font": FONT,
    "view": {"stroke": None},
    "axis": {
        "domain": False,
        "ticks": False,
        "grid": True,
        "gridColor": RULE,
        "labelColor": MUTED,
        "labelFontSize": 12,
        "labelPadding": 6,
        "labelOverlap": False,
        "labelLimit": 0,
        "labelFlush": False,
        "titleColor": MUTED,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "titleLimit": 0,
    },
    "text": {"limit": 0},
}
