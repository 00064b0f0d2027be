"""The sections that account for the run: rows, assumptions, the model, reasons, and what was read."""

from tallystick.reports import evidence, tables
from tallystick.reports.blocks import Cell, Column, Figure, Key, Section, Table
from tallystick.reports.figures import count_text, ratio_text
from tallystick.reports.names import kind_name
from tallystick.reports.palette import INK, MUTED, SCENARIO_COLORS
from tallystick.reports.sections import drawing
from tallystick.reports.summary import RejectCount
from tallystick.reports.view import View

_BLUE = SCENARIO_COLORS["baseline"]
_GRAY = SCENARIO_COLORS["today"]
_REASON_KINDS = ("eligibility", "limit", "decrease", "score")


def rows_section(view: View) -> Section:
    """Rows read, valid, refused and adapted."""
    say, rows = view.texts, view.summary["rows"]
    lead = say("rows.lead_clean", read=count_text(rows["read"]))
    if rows["rejected"]:
        counts = {key: count_text(rows[key]) for key in ("read", "valid", "rejected")}
        lead = say("rows.lead_rejected", **counts, share=tables.share_of_ppm(rows["rejected"], rows["read"]))
    if not rows["read"]:
        lead = say("rows.lead_none")
    return Section(
        "rows",
        say("rows.title"),
        lead=lead,
        note=say.sentences([say(f"rows.{key}_reading") for key in ("rejects", "notes") if view.summary["rows"][key]]),
        tables=(_funnel_table(view), *_reason_tables(view)),
    )


def _funnel_table(view: View) -> Table:
    say, rows = view.texts, view.summary["rows"]
    columns = (Column(say("rows.outcome"), "start"), Column(say("rows.rows")), Column(say("rows.share")))
    read = rows["read"]
    outcomes = (("read", read, INK), ("valid", rows["valid"], _BLUE), ("rejected", rows["rejected"], _GRAY))
    cells = [
        (
            Cell(say(f"rows.{key}")),
            Cell(count_text(lines)),
            Cell(tables.share_of_ppm(lines, read), bar=lines / read if read else 0.0, color=color),
        )
        for key, lines, color in outcomes
    ]
    return Table(say("rows.table"), columns, tuple(cells))


def _reason_tables(view: View) -> list[Table]:
    say, rows = view.texts, view.summary["rows"]
    heads = (say("rows.field"), say("rows.reason"), say("rows.rows"))
    parts: list[tuple[str, list[RejectCount]]] = [("rows.rejects", rows["rejects"]), ("rows.notes", rows["notes"])]
    return [
        tables.counted_table(
            title=say(key),
            heads=heads,
            rows=[(count["field"], view.pick(count["text"]), count["rows"]) for count in counts],
            color=_GRAY,
        )
        for key, counts in parts
        if counts
    ]


def assumptions_section(view: View) -> Section:
    """What the reader must know."""
    items = tuple(view.pick(statement) for statement in view.summary["statements"])
    lead = view.texts("assumptions.lead") if items else view.texts("assumptions.none")
    return Section("assumptions", view.texts("assumptions.title"), lead=lead, items=items)


def model_section(view: View) -> Section:
    """How far the model can be trusted."""
    model = view.summary["model"]
    folded = []
    if model["candidates"]:
        folded.append(tables.candidates_table(view))
    if model["features"]:
        folded.append(tables.features_table(view))
    return Section(
        "model",
        view.texts("model.title"),
        lead=_model_lead(view),
        note=view.texts("model.out_of_fold" if model["out_of_fold"] else "model.in_model"),
        figures=(*_calibration_figure(view), *_ranking_figure(view)),
        tables=(tables.metrics_table(view),) if model["metrics"] else (),
        folded=tuple(folded),
    )


def _model_lead(view: View) -> str:
    say, model = view.texts, view.summary["model"]
    if not model["metrics"]:
        return say("model.lead_unmeasured", kind=kind_name(model["kind"], texts=say))
    whole = model["metrics"][0]
    if whole["auc"] is None:
        return say("model.lead_unranked", kind=kind_name(model["kind"], texts=say))
    return say(
        "model.lead",
        kind=kind_name(model["kind"], texts=say),
        lines=count_text(whole["lines"]),
        auc=ratio_text(whole["auc"]),
        low=ratio_text(whole["auc_low"]),
        high=ratio_text(whole["auc_high"]),
    )


def _calibration_figure(view: View) -> list[Figure]:
    say, points = view.texts, view.summary["model"]["calibration"]
    if not points:
        return []
    hits = sum(point["bad_share_low"] <= point["pd_mean"] <= point["bad_share_high"] for point in points)
    counts = {"groups": count_text(len(points)), "hit": count_text(hits)}
    return [
        Figure(
            name="calibration",
            title=say("model.calibration_title"),
            found=say("model.calibration_good", **counts),
            reading=say("model.calibration_reading"),
            alt=say("model.calibration_alt", **counts),
            drawings=(drawing(evidence.calibration_chart, view),),
            keys=(Key(say("model.observed"), _BLUE, "dot"), Key(say("model.ideal"), MUTED, "dash")),
            table=tables.calibration_table(view),
        )
    ]


def _ranking_figure(view: View) -> list[Figure]:
    say, metrics = view.texts, view.summary["model"]["metrics"]
    if not metrics:
        return []
    known = [(metric["auc"], metric) for metric in metrics if metric["auc"] is not None]
    found = say("model.ranking_none")
    if known:
        auc, weakest = min(known, key=lambda pair: pair[0])
        found = say("model.ranking_found", segment=view.pick(weakest["segment"]), auc=ratio_text(auc))
    return [
        Figure(
            name="ranking",
            title=say("model.ranking_title"),
            found=found,
            reading=say("model.ranking_reading"),
            alt=say("model.ranking_alt", segments=count_text(len(metrics))),
            drawings=(drawing(evidence.ranking_chart, view),) if known else (),
        )
    ]


def reasons_section(view: View) -> Section:
    """How often each reason decided, one table per kind of decision."""
    say = view.texts
    heads = (say("reasons.code"), say("reasons.text"), say("reasons.lines"))
    found = []
    for kind in _REASON_KINDS:
        reasons = [reason for reason in view.summary["reasons"] if reason["kind"] == kind]
        rows = [(reason["code"], view.pick(reason["text"]), reason["lines"]) for reason in reasons]
        if rows:
            found.append(tables.counted_table(title=say(f"reasons.{kind}"), heads=heads, rows=rows, color=_BLUE))
    lead = say("reasons.lead") if found else say("reasons.none")
    return Section("reasons", say("reasons.title"), lead=lead, tables=tuple(found))


def inputs_section(view: View) -> Section:
    """What was read, and with what."""
    say, inputs, model = view.texts, view.summary["inputs"], view.summary["model"]
    facts = [
        ("inputs.files", say.join(inputs["data_files"])),
        ("inputs.data_sha256", inputs["data_sha256"]),
        ("inputs.mapping", inputs["mapping"]),
        ("inputs.mapping_sha256", inputs["mapping_sha256"]),
        ("inputs.strategy", inputs["strategy"]),
        ("inputs.strategy_sha256", inputs["strategy_sha256"]),
        ("inputs.model", kind_name(model["kind"], texts=say)),
        ("inputs.model_id", model["model_id"]),
        ("inputs.as_of", inputs["as_of"]),
        ("inputs.seed", str(inputs["seed"])),
        ("inputs.currency", view.summary["currency"]),
        ("inputs.format", str(view.summary["format"])),
    ]
    columns = (Column(say("inputs.name"), "start"), Column(say("inputs.value"), "start"))
    read = Table(say("inputs.title"), columns, tuple((Cell(say(key)), Cell(value)) for key, value in facts))
    versions = tuple((Cell(name), Cell(version)) for name, version in sorted(inputs["versions"].items()))
    parts = (read, Table(say("inputs.versions"), columns, versions)) if versions else (read,)
    return Section("inputs", say("inputs.title"), lead=say("inputs.lead"), tables=parts)
