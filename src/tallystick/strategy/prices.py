"""The price of a grade as its parts - funds, expected loss, operations, capital, margin - under the legal cap."""

from dataclasses import dataclass
from typing import Final

from tallystick.risk.loss import capital_share
from tallystick.strategy.economics import Economics, GradeEconomics
from tallystick.units.rates import PPM, to_ppm

# Why a line gets no increase where its eligibility has nothing against one, but the law has.
ABOVE_LEGAL_CAP: Final = "PRICE_ABOVE_LEGAL_CAP"
ABOVE_LEGAL_CAP_TEXTS: Final = ("覆盖风险所需定价高于法定上限", "The price that covers the risk is above the legal cap")


@dataclass(frozen=True, slots=True)
class Price:
    """A grade's price per year in ppm of drawn balance; above the legal cap nothing is offered."""

    grade: str
    pd_ppm: int
    funds_ppm: int
    expected_loss_ppm: int
    operations_ppm: int
    capital_ppm: int
    margin_ppm: int
    legal_cap_ppm: int

    @property
    def price_ppm(self) -> int:
        """The sum of the parts."""
        return self.funds_ppm + self.expected_loss_ppm + self.operations_ppm + self.capital_ppm + self.margin_ppm

    @property
    def is_offered(self) -> bool:
        """Whether the law lets this price be asked."""
        return self.price_ppm <= self.legal_cap_ppm


def price_grades(economics: Economics, *, legal_cap_ppm: int) -> tuple[Price, ...]:
    """One price per grade, at the grade's PD on the master scale, safest first.

    Expected loss is PD x LGD of what is drawn at default, which is more than is drawn now; capital is the Basel K on
    the same exposure times the return asked on it.
    A grade of PD 5.3 % with LGD 70 % of 1.59 times what is drawn, funds 3 %, operations 2.5 %, margin 2 % and 12 % on
    capital costs 3 + 5.90 + 2.5 + 1.35 + 2 = 14.75 %:

    >>> from importlib.resources import files
    >>> from tallystick.strategy.economics import read_economics
    >>> text = files("tallystick.strategy").joinpath("standard/economics.toml").read_text(encoding="utf-8")
    >>> price = price_grades(read_economics(text), legal_cap_ppm=240_000)[3]
    >>> price.grade, price.expected_loss_ppm, price.capital_ppm, price.price_ppm, price.is_offered
    ('D', 58989, 13504, 147493, True)
    """
    return tuple(_price(grade, economics=economics, legal_cap_ppm=legal_cap_ppm) for grade in economics.grades)


def _price(grade: GradeEconomics, *, economics: Economics, legal_cap_ppm: int) -> Price:
    lgd = economics.lgd_ppm / PPM
    pd = grade.pd_ppm / PPM
    capital = float(capital_share(pd=pd, lgd=lgd))
    exposure = 1.0 + economics.drawn_rise_before_default_ppm / PPM
    return Price(
        grade=grade.grade,
        pd_ppm=grade.pd_ppm,
        funds_ppm=economics.funds_rate_ppm,
        expected_loss_ppm=int(to_ppm(pd * lgd * exposure)),
        operations_ppm=economics.operations_cost_ppm,
        capital_ppm=int(to_ppm(capital * exposure * economics.capital_cost_ppm / PPM)),
        margin_ppm=economics.margin_ppm,
        legal_cap_ppm=legal_cap_ppm,
    )
