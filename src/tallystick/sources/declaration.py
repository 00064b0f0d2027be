"""What a mapping says, once it is read: fields and their columns, currencies, scale, and what bad means."""

import dataclasses
from collections.abc import Mapping as Pairs
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal

from tallystick.risk.default import PdHorizon
from tallystick.sources.fields import KnownField
from tallystick.sources.numbers import NumberMarks

Negative = Literal["reject", "missing", "zero", "credit_balance"]
Unlisted = Literal["reject", "missing"]

# Begins a text that a draft left for its reader to complete; a mapping with such a text is not used.
QUESTION: Final = "?"


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong at one place of a mapping, and the way out."""

    place: str
    problem: str
    way_out: str

    def __str__(self) -> str:
        return f"{self.place}: {self.problem}; {self.way_out}."


class MappingFaults(ValueError):
    """A mapping cannot be used; `faults` holds everything that is wrong with it."""

    def __init__(self, name: str, faults: tuple[Fault, ...]) -> None:
        super().__init__(f"mapping {name}:\n" + "\n".join(f"  {fault}" for fault in faults))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class MappedField:
    """One field and its source columns: one, or for a monthly field one per month, the latest first.

    `negative` and `unlisted` are None where the mapping does not say: such rows are refused, and a check tells.
    `codes` gives the value that a text stands for, None for missing; `special` the same for numbers that are none.
    """

    field: KnownField
    columns: tuple[str, ...]
    unit: str = ""
    negative: Negative | None = None
    codes: Pairs[str, str | None] = dataclasses.field(default_factory=dict)
    unlisted: Unlisted | None = None
    special: Pairs[Decimal, Decimal | None] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ExchangeRate:
    """Units of the portfolio's currency per unit of another, exact, with its source."""

    value: Decimal
    source: str


@dataclass(frozen=True, slots=True)
class OutcomeDefinition:
    """What bad means, over how many months, and how that becomes a twelve-month PD."""

    horizon_months: int
    pd_horizon: PdHorizon
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Mapping:
    """A checked mapping. `source_currency` is a code, or None where a currency column tells it per row.

    `notes` are the mapping's own words to the reader of a report; `sha256` is of the text it was read from.
    """

    name: str
    currency: str
    source_currency: str | None
    rates: Pairs[str, ExchangeRate]
    limit_scale: Decimal
    marks: NumberMarks
    fields: Pairs[str, MappedField]
    outcome: OutcomeDefinition | None
    notes: tuple[Pairs[str, str], ...]
    sha256: str

    @property
    def months(self) -> int:
        """Months of history told by any field."""
        return max((len(mapped.columns) for mapped in self.fields.values() if mapped.field.monthly), default=0)

    @property
    def statements(self) -> tuple[Pairs[str, str], ...]:
        """What the reader of a report must know, zh and en: conversions, scale, what bad means, and `notes`."""
        return (*self._rate_statements(), *self._scale_statements(), *self._outcome_statements(), *self.notes)

    def _rate_statements(self) -> list[Pairs[str, str]]:
        return [
            {
                "zh": f"金额按 1 {code} = {rate.value} {self.currency} 折算（{rate.source}）。",
                "en": f"Money is converted at {rate.value} {self.currency} per {code} ({rate.source}).",
            }
            for code, rate in self.rates.items()
        ]

    def _scale_statements(self) -> list[Pairs[str, str]]:
        if self.limit_scale == 1:
            return []
        scale = self.limit_scale
        return [
            {
                "zh": f"每户的全部金额（额度、余额、还款、消费、收入）乘以 {scale}。",
                "en": f"All money of a line (limit, balances, payments, purchases, income) is multiplied by {scale}.",
            }
        ]

    def _outcome_statements(self) -> list[Pairs[str, str]]:
        if self.outcome is None:
            return []
        months, rule = self.outcome.horizon_months, self.outcome.pd_horizon
        rule_zh = "直接视为十二个月违约概率" if rule == "as_is" else "按不变风险率折算为十二个月"
        as_is, hazard = "taken as the twelve-month PD as it is", "brought to twelve months at a constant hazard"
        return [
            {
                "zh": f"坏样本定义：{self.outcome.zh}（表现期 {months} 个月，{rule_zh}）。",
                "en": f"Bad means: {self.outcome.en} (performance window {_months(months)}, "
                f"{as_is if rule == 'as_is' else hazard}).",
            }
        ]


def _months(count: int) -> str:
    return "1 month" if count == 1 else f"{count} months"
