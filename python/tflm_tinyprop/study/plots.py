"""Pictures of a study as PNG bytes. Draws points, computes nothing new; the same points give the same bytes."""

from __future__ import annotations

import io
import itertools
import math
from collections.abc import Sequence

import numpy as np

from tflm_tinyprop.study import pareto
from tflm_tinyprop.study.methods import METHODS
from tflm_tinyprop.study.results import Point

# Okabe and Ito's colours, which differ for the colour-blind too; a second round is told apart by its markers.
_COLOURS = ("#000000", "#0072B2", "#E69F00", "#CC79A7", "#009E73", "#D55E00", "#8B1A1A", "#56B4E9", "#7F7F7F",
            "#B8A800", "#5D3A9B")
_COLOUR_OF = dict(zip(METHODS, _COLOURS, strict=True))
_MARKERS = "osD^vP*X<>"
_LOGARITHMIC = ("learning_rate", "batch_size", "train_samples")


def _pyplot():
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    return plt


def _png(plt, figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100)
    plt.close(figure)
    return buffer.getvalue()


def _styles(points: Sequence[Point]) -> dict[str, dict]:
    """Method label -> colour and marker; variants of one method share the colour."""
    styles, seen = {}, {}
    for point in points:
        if point.place.method not in styles:
            number = seen[point.method_name] = seen.get(point.method_name, -1) + 1
            styles[point.place.method] = {"color": _COLOUR_OF[point.method_name], "marker": _MARKERS[number % len(_MARKERS)]}
    return styles


def _score_label(points: Sequence[Point]) -> str:
    return "AUC" if points[0].metric == "auc" else "test accuracy"


def effort(points: Sequence[Point]) -> bytes:
    """Score against backward effort with standard deviations; a line joins the Pareto front."""
    plt = _pyplot()
    figure, axis = plt.subplots(figsize=(9, 4.6), layout="constrained")
    drawn = [p for p in points if not math.isnan(p.score)]
    styles = _styles(points)
    for point in drawn:
        cost, style = point.mean("backward_effort"), styles[point.place.method]
        if cost == 0:  # has no place on a logarithmic axis
            axis.axhline(point.score, linestyle=":", color=style["color"], label=f"{point.place.method} (effort 0)")
            continue
        axis.errorbar(cost, point.score, xerr=_finite(point.deviation("backward_effort")),
                      yerr=_finite(point.deviation(point.metric)), linestyle="none", capsize=3, markersize=7,
                      label=point.place.method, **style)
    front = sorted((p.mean("backward_effort"), p.score) for p, verdict in
                   zip(drawn, pareto.membership(drawn), strict=True) if verdict == pareto.YES)
    front = [(cost, score) for cost, score in front if cost > 0]
    if front:
        axis.plot(*zip(*front, strict=True), color="#888888", linewidth=1, zorder=0, label="Pareto front")
    axis.set(xscale="log", xlabel="backward effort (full backpropagation = 1)", ylabel=_score_label(points))
    axis.grid(alpha=0.3, which="both")
    axis.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize="small")
    return _png(plt, figure)


def _finite(value: float) -> float | None:
    return None if math.isnan(value) else value


def course(points: Sequence[Point], shown: Point | None) -> bytes:
    """Skip rate of every method that skips, and k_l / n_l of the layers for `shown`, over the epochs."""
    plt = _pyplot()
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
    styles = _styles(points)
    for point in points:
        rates = point.history("skip_rate")
        if len(rates) and rates.max() > 0:
            left.plot(np.arange(1, len(rates) + 1), rates, label=point.place.method, **styles[point.place.method])
    left.set(xlabel="epoch", ylabel="share of samples skipped", ylim=(-0.02, 1.02))
    left.grid(alpha=0.3)
    if left.lines:
        left.legend(fontsize="small")
    if shown is not None:
        shares = _layer_shares(shown)
        for index, (layer, values) in enumerate(shares.items()):
            right.plot(np.arange(1, len(values) + 1), values, marker=".", label=layer,
                       color=plt.cm.viridis(index / max(1, len(shares) - 1)))
        right.set_title(shown.place.method, fontsize="medium")
        if right.lines:
            right.legend(title="layer", loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize="small")
    right.set(xlabel="epoch", ylabel="gradients kept k / n in trained samples", ylim=(-0.02, 1.02))
    right.grid(alpha=0.3)
    for axis in (left, right):
        axis.xaxis.get_major_locator().set_params(integer=True)
    return _png(plt, figure)


def _layer_shares(point: Point) -> dict[str, np.ndarray]:
    """Layer -> mean course over the finished runs."""
    courses: dict[str, list] = {}
    for outcome in point.outcomes:
        shares = outcome.result["history"].get("gradient_shares", {}) if outcome.finished else {}
        for layer, values in shares.items():
            courses.setdefault(layer, []).append([math.nan if v is None else v for v in values])
    means = {}
    for layer, values in courses.items():
        length = min(map(len, values))
        means[layer] = np.array([v[:length] for v in values]).mean(axis=0)
    return means


def sweep(points: Sequence[Point], references: Sequence[Point], setting: str, marks: Sequence) -> bytes:
    """Score and effort against a setting. references: points that it does not concern, as horizontal lines."""
    plt = _pyplot()
    figure, axes = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
    styles = _styles([*points, *references])
    numeric = all(isinstance(p.place.value, (int, float)) for p in points)
    names = list(dict.fromkeys(p.place.value for p in points))
    for axis, metric in zip(axes, (None, "backward_effort"), strict=True):
        for method, own in itertools.groupby(sorted(points, key=_by_method(points)), key=lambda p: p.place.method):
            own = sorted(own, key=lambda p: p.place.value if numeric else names.index(p.place.value))
            x = [p.place.value if numeric else names.index(p.place.value) for p in own]
            mean = np.array([p.mean(metric or p.metric) for p in own])
            spread = np.nan_to_num([p.deviation(metric or p.metric) for p in own])
            axis.plot(x, mean, label=method, **styles[method])
            axis.fill_between(x, mean - spread, mean + spread, color=styles[method]["color"], alpha=0.15, linewidth=0)
        for point in references:
            axis.axhline(point.mean(metric or point.metric), linestyle=":", color=styles[point.place.method]["color"],
                         label=point.place.method)
        for mark in marks:
            axis.axvline(mark, color="#888888", linewidth=1, linestyle="--")
            axis.annotate(f"{mark:g}", (mark, 1), xycoords=("data", "axes fraction"), xytext=(2, -10),
                          textcoords="offset points", fontsize="small", color="#555555")
        axis.set(xlabel=setting, ylabel=metric.replace("_", " ") if metric else _score_label(points))
        axis.grid(alpha=0.3)
        if not numeric:
            axis.set_xticks(range(len(names)), names)
        elif setting in _LOGARITHMIC:
            axis.set_xscale("log")
    axes[1].set_ylim(bottom=0)
    axes[0].legend(fontsize="small")
    return _png(plt, figure)


def _by_method(points: Sequence[Point]):
    order = list(dict.fromkeys(p.place.method for p in points))
    return lambda point: order.index(point.place.method)


def forgetting(points: Sequence[Point]) -> bytes:
    """Score on the old and on the new task over the epochs."""
    plt = _pyplot()
    figure, axes = plt.subplots(1, 2, figsize=(11, 4), layout="constrained", sharey=True)
    styles = _styles(points)
    for axis, part in zip(axes, ("old", "new"), strict=True):
        for point in points:
            values, epochs = point.history(f"{point.metric}_{part}"), point.history("evaluated")
            if len(values):
                axis.plot(epochs, values, label=point.place.method, **styles[point.place.method])
        at = switch_epoch(points[0])
        if at is not None:
            axis.axvline(at, color="#888888", linewidth=1, linestyle="--")
        axis.set(xlabel="epochs done (dashed: the new task begins)", title=f"{part} task")
        axis.grid(alpha=0.3)
    axes[0].set_ylabel(_score_label(points))
    axes[0].legend(fontsize="small")
    return _png(plt, figure)


def switch_epoch(point: Point) -> int | None:
    """Epochs done when the second task begins; None without one."""
    from tflm_tinyprop.study.perturbations import first_epochs

    settings = point.outcomes[0].run.settings
    return first_epochs(settings) if "at" in settings.perturbation.settings else None
