"""A summary seen by a reader of one language: its scenarios, their names, and its amounts as text."""

from dataclasses import dataclass

from tallystick.reports.figures import (
    MoneyScale,
    money_change_text,
    money_exact_text,
    money_text,
    table_scale,
    with_currency,
)
from tallystick.reports.names import scenario_names, scenarios_of
from tallystick.reports.palette import SCENARIO_COLORS, SCENARIOS
from tallystick.reports.summary import Bilingual, Scenario, Summary
from tallystick.reports.texts import Texts


@dataclass(frozen=True, slots=True)
class View:
    """A summary with the language to speak about it."""

    summary: Summary
    texts: Texts

    @property
    def scenarios(self) -> tuple[Scenario, Scenario, Scenario]:
        """Today, the baseline cap and the new cap."""
        return scenarios_of(self.summary)

    @property
    def names(self) -> tuple[str, str, str]:
        """What the three scenarios are called."""
        return scenario_names(self.summary, texts=self.texts)

    @property
    def colors(self) -> tuple[str, ...]:
        """The colors of the three scenarios."""
        return tuple(SCENARIO_COLORS[name] for name in SCENARIOS)

    @property
    def caps(self) -> dict[str, str]:
        """Both caps, to fill the placeholders `baseline` and `new` of a text."""
        return {
            "baseline": self.exact(self.summary["baseline_cap_minor"]),
            "new": self.exact(self.summary["new_cap_minor"]),
        }

    def pick(self, text: Bilingual) -> str:
        """The text in this language."""
        return text[self.texts.language]

    def exact(self, amount_minor: int) -> str:
        """An amount to its last digit."""
        return money_exact_text(amount_minor, currency=self.summary["currency"])

    def short(self, amount_minor: int) -> str:
        """An amount in three digits, without currency."""
        return money_text(amount_minor, currency=self.summary["currency"], language=self.texts.language)

    def short_change(self, change_minor: int) -> str:
        """A change in three digits with its sign, without currency."""
        return money_change_text(change_minor, currency=self.summary["currency"], language=self.texts.language)

    def money(self, amount_minor: int) -> str:
        """An amount in three digits with its currency, as prose writes it."""
        text = self.short(amount_minor)
        return with_currency(text, currency=self.summary["currency"], language=self.texts.language)

    def money_change(self, change_minor: int) -> str:
        """A change in three digits with its sign and its currency."""
        sign = self.short_change(change_minor)[0] if change_minor else ""
        return f"{sign}{self.money(abs(change_minor))}"

    def scale(self, amounts_minor: list[int]) -> MoneyScale:
        """One unit for all amounts of a table."""
        return table_scale(amounts_minor, currency=self.summary["currency"], language=self.texts.language)

    def unit_note(self, scale: MoneyScale) -> str:
        """What the amounts of a table are in."""
        return self.texts("page.unit", unit=scale.unit)
