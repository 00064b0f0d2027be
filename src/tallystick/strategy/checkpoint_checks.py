"""What must hold between the parts of a checkpoint: no case falls through, no missing value slips by."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tallystick.strategy.case_columns import CHECKPOINT_OUTPUTS, CONTINUE, NO_PRICE, CheckpointName, CheckpointOutputs
from tallystick.strategy.checkpoint import AFFORDABLE, CheckpointModel, Step
from tallystick.strategy.checkpoint_form import CheckpointForm, Purpose
from tallystick.strategy.columns import ColumnType
from tallystick.strategy.coverage import missing_slips
from tallystick.strategy.sheets import SheetRow
from tallystick.terms.offering import OfferFault, own_prices, price_for
from tallystick.terms.own_price import own_price_codes
from tallystick.terms.product import OfferKind, Product

_NO_ACTION: Final = "none"
_LIMITS: Final = ("limit_minor", "most_minor", "least_minor")


@dataclass(frozen=True, slots=True)
class ReadableColumn:
    """A column that conditions may read. `barred` says why a credit decision may not, and is empty where it may."""

    type: ColumnType
    zh: str
    en: str
    barred: str = ""


def model_bar(model: CheckpointModel, columns: Mapping[str, ReadableColumn]) -> str:
    """Why a credit decision may not read a model's score: what it reads itself is barred; empty where it may."""
    read = [feature.name for feature in model.fitted.model.features]
    barred = [name for name in read if name in columns and columns[name].barred]
    return f"its model reads {', '.join(barred)}, which a credit decision may not" if barred else ""


def checkpoint_faults(
    name: CheckpointName,
    form: CheckpointForm,
    steps: Sequence[Step],
    *,
    columns: Mapping[str, ReadableColumn],
    files: Mapping[str, bytes],
    products: Mapping[str, Product],
) -> Iterator[str]:
    """Everything that is wrong between the parts, with its file and the way out. `steps` are those that compiled."""
    place = f"{name}/checkpoint.toml"
    answers = CHECKPOINT_OUTPUTS[name]
    tables = {step.name: f"{name}/{each.table}" for each in form.step for step in steps if step.name == each.name}
    for step in steps:
        yield from (f"{tables[step.name]}: {fault}" for fault in _of_purpose(step, columns))
        yield from (f"{tables[step.name]}: {fault}" for fault in _of_missing(step, columns, passing=answers.passing))
        if step.decides:
            yield from (f"{tables[step.name]}: {fault}" for fault in _of_rows(step, answers))
    yield from (f"{place}: {fault}" for fault in _of_form(name, form, answers))
    if len(steps) == len(form.step):  # a table that was refused is told by itself
        yield from (f"{place}: {fault}" for fault in _of_order(steps))
        yield from (f"{place}: {fault}" for fault in _of_time_out(form, steps))
        yield from (f"{place}: {fault}" for fault in _of_affordability(form, steps))
        yield from (f"{place}: {fault}" for fault in _of_prices(name, form, steps, products))
    yield from _of_reasons(steps, tables)
    used = {f"{name}/{each.table}" for each in form.step}
    for path in sorted(files):
        if path.startswith(f"{name}/") and path.endswith(".csv") and path not in used:
            yield f"{path}: no step reads this table; name it in a step or remove it"


def _of_purpose(step: Step, columns: Mapping[str, ReadableColumn]) -> Iterator[str]:
    if step.purpose is not Purpose.CREDIT:
        return
    for name in step.table.columns_read:
        if columns[name].barred:
            yield (
                f"step {step.name} decides on credit and reads {name}: {columns[name].barred}; "
                'leave it out, or make a step of purpose = "fraud" of it'
            )


def _of_missing(step: Step, columns: Mapping[str, ReadableColumn], *, passing: str) -> Iterator[str]:
    """A missing value must have its own tabled outcome.

    A case that passes a row by because a value is missing may not go on from a later row that did not ask for it,
    unless that row gives the same. (To be refused by another row for a reason of its own is no slip.)
    """
    if step.table.on_missing is not None:
        return
    rows = step.table.rows
    benign = [not step.decides or row.outputs["outcome"] in (CONTINUE, passing) for row in rows]
    ends = [
        []
        if step.decides and benign[place]
        else [end for end, other in enumerate(rows) if benign[end] and other.outputs != row.outputs]
        for place, row in enumerate(rows)
    ]
    slips = missing_slips(
        conditions=[row.condition for row in rows],
        columns={name: columns[name].type for name in step.table.columns_read},
        ends=ends,
    )
    for name, row, end in slips:
        yield (
            f"row {rows[row].place}, when: with {name} missing row {rows[row].id} is passed by in silence and "
            f"{rows[end].id} decides; write a row `{name} IS NULL` above it, or name a row in on_missing"
        )


def _of_rows(step: Step, answers: CheckpointOutputs) -> Iterator[str]:
    for row in step.table.rows:
        outcome, action = row.outputs["outcome"], row.outputs.get("action", _NO_ACTION)
        if outcome in (CONTINUE, answers.passing) and action != _NO_ACTION:
            yield f"row {row.place}, action: {action!r} on a case that goes on; write {_NO_ACTION}"
        if outcome == "review":
            yield from _of_review(row)


def _of_review(row: SheetRow) -> Iterator[str]:
    for output, what in (("priority", "1 (first) to 9"), ("deadline_minutes", "the minutes until it must be decided")):
        if not row.outputs.get(output):
            yield f"row {row.place}, {output}: a review needs one; give {what}"


def _of_form(name: CheckpointName, form: CheckpointForm, answers: CheckpointOutputs) -> Iterator[str]:
    names = [step.name for step in form.step]
    for repeated in sorted({each for each in names if names.count(each) > 1}):
        yield f"step {repeated}: the name is given twice; rename one"
    given = [output for step in form.step for output in step.gives]
    for output in ("outcome", *answers.telling):
        if output not in given:
            yield f"no step gives {output}; {name} answers with it"
    if form.unavailable.outcome not in answers.safe:
        yield (
            f"unavailable.outcome: {form.unavailable.outcome!r} is not safe; use one of "
            f"{', '.join(answers.safe)}: what is not recorded is never {answers.passing}"
        )
    if form.review is not None and not answers.ending:
        yield f"review: {name} sends nothing to a person; remove it"
    elif form.review is not None and form.review.timeout_outcome not in answers.ending:
        yield (
            f"review.timeout_outcome: {form.review.timeout_outcome!r} ends no review; use {' or '.join(answers.ending)}"
        )
    if form.capture is not None and name is not CheckpointName.AUTHORIZE:
        yield f"capture: nothing is captured at {name}; remove it"
    if form.step_up is not None and name is not CheckpointName.AUTHORIZE:
        yield f"step_up: no second factor is asked for at {name}; remove it"
    if form.affordability is not None and answers.bounded is None:
        yield f"affordability: {name} grants no limit; remove it"


def _of_time_out(form: CheckpointForm, steps: Sequence[Step]) -> Iterator[str]:
    reviews = any(row.outputs["outcome"] == "review" for step in steps if step.decides for row in step.table.rows)
    if reviews and form.review is None:
        yield "review: missing; write [review] timeout_outcome = ..., for reviews that nobody decides in time"


def _of_order(steps: Sequence[Step]) -> Iterator[str]:
    """No case may fall through all steps, and none may be decided before a step is asked."""
    deciding = [step for step in steps if step.decides]
    if not deciding:
        return
    for step in deciding[:-1]:
        if not any(row.outputs["outcome"] == CONTINUE for row in step.table.rows):
            yield f"step {step.name}: it decides every case, so no later step ever does; let one of its rows {CONTINUE}"
    last = deciding[-1]
    through = [row.id for row in last.table.rows if row.outputs["outcome"] == CONTINUE]
    if through:
        yield (
            f"step {last.name}: it is the last to decide, and row {', '.join(through)} lets cases {CONTINUE}: "
            "they would fall through all steps; give every row of it an outcome"
        )


def _of_affordability(form: CheckpointForm, steps: Sequence[Step]) -> Iterator[str]:
    """What the bound leaves of a limit may be too little to be one: that is declined by rows, for a reason."""
    if form.affordability is None:
        return
    read = {name for step in steps if step.decides for name in step.table.columns_read}
    for name, what in ((AFFORDABLE, "what the income carries"), ("joint_limit_minor", "what one person may have")):
        if name not in read:
            yield f"affordability: no deciding step reads {name}; decline where {what} leaves too little of a limit"


def _of_prices(
    name: CheckpointName, form: CheckpointForm, steps: Sequence[Step], products: Mapping[str, Product]
) -> Iterator[str]:
    if form.product not in products:
        yield f"product: {form.product!r} is not known; use one of {', '.join(sorted(products))}"
        return
    for step in steps:
        yield from _of_limits(step, products[form.product])
        if "price_code" not in step.tells:
            continue
        for row in step.table.rows:
            code, most = str(row.outputs["price_code"]), int(row.outputs.get("most_installments", 0))
            # Where there are several, a new line has one of them.
            must = name is CheckpointName.APPLY and len(own_price_codes(products[form.product])) > 1
            if code == NO_PRICE and most == 0 and not must:
                continue
            if name is CheckpointName.AUTHORIZE:
                fault = _plan_fault(products[form.product], code, most)
            else:
                fault = _price_fault(
                    products[form.product], code, own=must or name is CheckpointName.REPRICE, must=must
                )
            if fault:
                yield f"step {step.name}, row {row.place}: {fault}"


def _of_limits(step: Step, product: Product) -> Iterator[str]:
    least, most = product.limit.least_minor, product.limit.most_minor
    for output in _LIMITS:
        for row in step.table.rows if output in step.tells else ():
            if not least <= int(row.outputs[output]) <= most:
                yield f"step {step.name}, row {row.place}, {output}: {product.id} has limits from {least} to {most}"


def _price_fault(product: Product, code: str, *, own: bool, must: bool) -> str:
    """Why a line cannot have a price; one that is its `own` is paid by no merchant."""
    sold = product.order_installments
    prices = () if sold is None else own_prices(sold) if own else sold.prices
    codes = sorted({price.code for price in prices})
    if code in codes:
        return ""
    return f"price_code: {code!r} is none of {product.id}; use {', '.join(codes)}{'' if must else ' or none'}"


def _plan_fault(product: Product, code: str, most_installments: int) -> str:
    offered = price_for(product, offer=OfferKind.ORDER_INSTALLMENTS, price_code=code, installments=most_installments)
    return str(offered) if isinstance(offered, OfferFault) else ""


def _of_reasons(steps: Sequence[Step], tables: Mapping[str, str]) -> Iterator[str]:
    first: dict[str, tuple[str, tuple[str, str]]] = {}
    for step in steps:
        for code, texts in step.table.reasons.items():
            table, known = first.setdefault(code, (tables[step.name], texts))
            if texts != known:
                yield f"{tables[step.name]}: reason {code!r} has another text in {table}; use one text, or another code"
