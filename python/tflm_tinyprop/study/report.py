"""The report: what was run, tables, pictures. The same results give the same report, byte for byte."""

from __future__ import annotations

import itertools
import math
import re
from typing import TYPE_CHECKING

from tflm_tinyprop.study import methods, pareto, plots
from tflm_tinyprop.study.blocks import Heading, Paragraph, Picture, Table
from tflm_tinyprop.study.paper import paper_blocks
from tflm_tinyprop.study.results import Outcome, Point, points
from tflm_tinyprop.study.settings import Study

if TYPE_CHECKING:
    from tflm_tinyprop.study.parse import Experiment

TITLE = "TinyProp study"
_DEFINITIONS = (
    "Every method of a table starts from the same weights and sees the same samples in the same order with the same "
    "learning rates. Backward effort: multiply-accumulates of backward pass and update, relative to full "
    "backpropagation of all layers that the experiment trains, over the same steps. Step effort: the same with the "
    "forward pass in both. Skipped: share of the samples without a backward pass. Tables give means ± standard "
    "deviations (n - 1) over the seeds; accuracies are those after the last epoch.")
_PARTS = ("old", "new", "missing", "present")


def report(studies: list[Study], outcomes: list[Outcome]) -> list:
    """The blocks of the report on these studies."""
    found = points(outcomes)
    blocks = [Heading(1, TITLE), Paragraph(_DEFINITIONS), Paragraph(pareto.DEFINITION), *_environment(outcomes),
              *paper_blocks(found)]
    for study in studies:
        blocks += [Heading(2, study.title), *_text(study.text)]
        for experiment in study.experiments:
            own = [p for p in found if (p.place.study, p.place.experiment) == (study.name, experiment.name)]
            blocks += _experiment(study, experiment, own)
    return blocks + _failures(outcomes) + _methods(outcomes)


def _text(text: str) -> list:
    return [Paragraph(text)] if text else []


def _environment(outcomes: list[Outcome]) -> list:
    """Versions and processors, each once; several if the runs were made in several environments."""
    finished = {o.run.settings.id: o for o in outcomes if o.finished}.values()
    if not finished:
        return [Paragraph("No run is finished.")]
    values: dict[str, list[str]] = {}
    for outcome in finished:
        for name, value in {**outcome.result["versions"], "cpu": outcome.result["cpu"]}.items():
            values.setdefault(name, []).append(str(value)[:10] if name == "commit" else str(value))
    rows = tuple((name, ", ".join(sorted(set(found)))) for name, found in values.items())
    return [Paragraph(f"{len(finished)} finished runs, made with:"), Table(("", "version"), rows, text_columns=2)]


def _experiment(study: Study, experiment: Experiment, found: list[Point]) -> list:
    blocks = [Heading(3, experiment.title), *_text(experiment.text), Paragraph(_setting_line(experiment))]
    perturbed = any(p.kind != "none" for p in experiment.perturbations)
    for (data, model), group in itertools.groupby(found, key=lambda p: (p.place.data, p.place.model)):
        group = list(group)
        name = _slug(study.name, experiment.name, data, model)
        if len(experiment.data) * len(experiment.models) > 1:
            blocks.append(Heading(4, f"{data}, {model}"))
        plain = [p for p in group if p.place.swept is None]
        if perturbed:
            blocks += _perturbed(name, plain)
        elif plain and not experiment.sweep:
            blocks += _comparison(name, plain)
        for setting in experiment.sweep:
            swept = [p for p in group if p.place.swept == setting]
            for perturbation, own in itertools.groupby(swept, key=lambda p: p.place.perturbation):
                references = [p for p in plain if p.place.perturbation == perturbation]
                blocks += _sweep(name, setting, perturbation, list(own), references, experiment)
    return blocks


def _setting_line(experiment: Experiment) -> str:
    rate = experiment.learning_rate
    parts = [f"seeds {', '.join(map(str, experiment.seeds))}", f"{experiment.epochs} epochs",
             f"batch {experiment.batch_size}",
             f"learning rate {rate.peak:g} ({rate.schedule}, {100 * rate.warmup:g} % warm-up)",
             f"layers trained: {experiment.trainable_layers}", f"backend {experiment.backend}"]
    limits = [f"{d.label}: {d.train_samples:,} training samples" for d in experiment.data if d.train_samples]
    start = experiment.pretrain
    parts.append(f"start model trained for {start.epochs} epochs in Keras, then other samples"
                 f"{' in another domain' if start.shift else ''}" if start else "from scratch")
    return "; ".join(parts + limits) + "."


def _comparison(name: str, found: list[Point]) -> list:
    """Methods side by side: table, effort plot, and the course of the skips."""
    full = next((p for p in found if p.method_name == "full"), None)
    header = ("method", "backend", _score_name(found), "points to full", "backward effort", "step effort", "skipped",
              "Pareto front")
    rows = tuple(
        (p.place.method, _backends(p), _cell(p, p.metric), _points_to(p, full),
         *(_cell(p, metric) for metric in ("backward_effort", "step_effort", "skip_rate")), verdict)
        for p, verdict in zip(found, pareto.membership(found), strict=True))
    blocks: list = [Table(header, rows, text_columns=2)]
    if any(not math.isnan(p.score) for p in found):
        blocks.append(Picture(f"{name}-effort", plots.effort(found),
                              f"{_score_name(found)} against backward effort; bars are standard deviations."))
    skipping = [p for p in found if p.history("skip_rate").any()]
    if skipping:
        blocks.append(Picture(f"{name}-course", plots.course(found, skipping[0]),
                              "Share of samples skipped, and share of gradients kept per layer, over the epochs."))
    return blocks


def _perturbed(name: str, found: list[Point]) -> list:
    metric = found[0].metric
    extra = [part for part in _PARTS if any(len(p.values(f"{metric}_{part}")) for p in found)]
    header = ("perturbation", "method", _score_name(found), *(f"{part} part" for part in extra), "backward effort",
              "skipped", "refused samples")
    rows = tuple((p.place.perturbation, p.place.method, _cell(p, metric),
                  *(_cell(p, f"{metric}_{part}") for part in extra), _cell(p, "backward_effort"),
                  _cell(p, "skip_rate"), _cell(p, "non_finite", digits=1)) for p in found)
    blocks: list = [Table(header, rows, text_columns=2)]
    for perturbation, own in itertools.groupby(found, key=lambda p: p.place.perturbation):
        own = list(own)
        if any(len(p.history(f"{metric}_old")) for p in own):
            blocks.append(Picture(f"{name}-{_slug(perturbation)}", plots.forgetting(own),
                                  f"{perturbation}: {_score_name(own)} on the old and on the new task."))
    return blocks


def _sweep(name: str, setting: str, perturbation: str, found: list[Point], references, experiment) -> list:
    if all(math.isnan(p.score) for p in found):
        return [Paragraph(f"{setting}: no run is finished.")]
    marks = [m for m in experiment.marks.get(setting, ()) if isinstance(m, (int, float))]
    header = ("method", setting, _score_name(found), "backward effort", "step effort", "skipped")
    metrics = ("backward_effort", "step_effort", "skip_rate")
    rows = [(p.place.method, _value(p.place.value) + (" *" if p.place.value in marks else ""), _cell(p, p.metric),
             *(_cell(p, metric) for metric in metrics)) for p in found]
    rows += [(p.place.method, "", _cell(p, p.metric), *(_cell(p, metric) for metric in metrics)) for p in references]
    slug = _slug(name, setting) if perturbation == "none" else _slug(name, setting, perturbation)
    return [Table(header, tuple(rows), text_columns=2),
            Picture(slug, plots.sweep(found, references, setting, marks),
                    f"Sensitivity to {setting}; bands are standard deviations"
                    + (", dashed lines and * mark values of interest." if marks else "."))]


def _score_name(found: list[Point]) -> str:
    return "AUC" if found[0].metric == "auc" else "accuracy"


def _value(value) -> str:
    return f"{value:g}" if isinstance(value, (int, float)) else str(value)


def _backends(point: Point) -> str:
    return ", ".join(sorted({o.result["backend"] for o in point.outcomes if o.finished})) or "-"


def _cell(point: Point, metric: str, digits: int = 3) -> str:
    """mean ± deviation; how many runs are missing, if any."""
    values = point.values(metric)
    if not len(values):
        return "-"
    text = f"{point.mean(metric):.{digits}f}"
    if len(values) > 1:
        text += f" ± {point.deviation(metric):.{digits}f}"
    if metric == point.metric and point.missing:
        text += f" ({len(values)} of {len(point.outcomes)})"
    return text


def _points_to(point: Point, full: Point | None) -> str:
    """Difference to full backpropagation in percentage points."""
    if full is None or full is point or math.isnan(full.score) or math.isnan(point.score):
        return ""
    return f"{100 * (point.score - full.score):+.2f}"


def _failures(outcomes: list[Outcome]) -> list:
    failed = {o.run.settings.id: o for o in outcomes if o.result is not None and not o.finished}
    missing = {o.run.settings.id for o in outcomes if o.result is None}
    blocks: list = []
    if missing:
        blocks.append(Paragraph(f"{len(missing)} runs were not executed yet."))
    if failed:
        rows = tuple((key, o.run.settings.describe(), o.result["error"]) for key, o in failed.items())
        blocks += [Table(("id", "run", "error"), rows, text_columns=3)]
    return [Heading(2, "Runs without a result"), *blocks] if blocks else []


def _methods(outcomes: list[Outcome]) -> list:
    used = {o.run.settings.method.name for o in outcomes}
    rows = tuple((m.label, f"{m.name}: {m.description}") for m in methods.METHODS.values() if m.name in used)
    return [Heading(2, "Methods"), Table(("method", "name and meaning"), rows, text_columns=2)]


def _slug(*parts: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", "-".join(parts).lower()).strip("-")
