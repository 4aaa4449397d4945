"""Pictures, Markdown, JSON and the table on the terminal. Draws what it is given, computes nothing new."""

from __future__ import annotations

import json
import pathlib

import numpy as np

from tflm_tinyprop import files
from tflm_tinyprop.demo import task
from tflm_tinyprop.demo.results import Run
from tflm_tinyprop.format.sample_status import SampleStatus
from tflm_tinyprop.training.callbacks import StepRecorder

LABELS = {
    "none": "no training", "full": "full backpropagation", "top_k": "top-k 10 %",
    "v1": "TinyProp v1", "v2": "TinyProp v2",
}
# Okabe and Ito's colours, which differ for the colour-blind too.
COLOURS = {"none": "#000000", "full": "#0072B2", "top_k": "#E69F00", "v1": "#009E73", "v2": "#D55E00"}
COLUMNS = ("accuracy before", "accuracy after", "backward effort", "step effort", "skipped samples",
           "arena bytes", "model bytes")
_SMOOTHING = 200  # steps


def write(out: pathlib.Path, summary: dict, runs: list[Run], recorder: StepRecorder, layers: list[str]) -> None:
    """Writes curves.png, layers.png, report.md and report.json."""
    curves(out / "curves.png", runs)
    layer_curves(out / "layers.png", recorder, layers)
    files.write_whole(out / "report.md", markdown(summary), overwrite=True)
    files.write_whole(out / "report.json", json.dumps(summary, indent=2) + "\n", overwrite=True)


def rows(summary: dict) -> list[tuple[str, ...]]:
    """The table's rows as text: method, then COLUMNS."""
    table = []
    for method, m in summary["methods"].items():
        table.append((
            LABELS[method],
            *(f"{m[metric]:.3f} ± {m[f'{metric}_std']:.3f}"
              for metric in ("accuracy_before", "accuracy_after", "backward_effort", "step_effort", "skip_rate")),
            f"{summary['arena_bytes']:,}", f"{summary['model_bytes']:,}",
        ))
    return table


def print_table(summary: dict) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"Digits, shifted: means over seeds {', '.join(map(str, summary['seeds']))}")
    table.add_column("method")
    for column in COLUMNS:
        table.add_column(column, justify="right")
    for row in rows(summary):
        table.add_row(*row)
    console = Console()
    # Piped output has no width of its own; a table cut at 80 columns could not be read.
    Console(width=max(console.width, 150) if not console.is_terminal else None, markup=False, emoji=False).print(table)


def markdown(summary: dict) -> str:
    gain = summary["methods"]["full"]["accuracy_after"] - summary["methods"]["none"]["accuracy_after"]
    v2, full = summary["methods"]["v2"], summary["methods"]["full"]
    difference = v2["accuracy_after"] - full["accuracy_after"]
    lines = [
        "# Adapting a digit classifier on the device",
        "",
        f"A Keras classifier with five dense layers is trained on one half of scikit-learn's digits. The other "
        f"half arrives rotated by {task.ROTATION_DEGREES:g} degrees, with the contrast scaled by {task.CONTRAST:g} "
        f"and the brightness raised by {task.BRIGHTNESS:g}. Two thirds of it are used to adapt the model in the "
        "TFLM interpreter, one sample per step; the last third is held out and gives the accuracies.",
        "",
        f"Full backpropagation gains {100 * gain:.1f} points. TinyProp v2 ends {100 * abs(difference):.1f} points "
        f"{'above' if difference > 0 else 'below'} it at {100 * v2['backward_effort']:.1f} % of its "
        "multiply-accumulates in backward and update.",
        "",
        "| method | " + " | ".join(COLUMNS) + " |",
        "|---|" + "---:|" * len(COLUMNS),
        *("| " + " | ".join(row) + " |" for row in rows(summary)),
        "",
        f"Means and standard deviations over the seeds {', '.join(map(str, summary['seeds']))}. Arena: the "
        "smallest for training on this 64-bit host.",
        "",
        "![accuracy and loss against effort](curves.png)",
        "",
        "Accuracy and loss on the held-out part against the multiply-accumulates spent in backward and update; "
        "bands span the seeds. A curve ends where the loss is no longer finite.",
        "",
        *_remarks(summary),
        "![error propagation rate and gradients kept](layers.png)",
        "",
        f"TinyProp v2, seed {summary['seeds'][0]}: error propagation rate S_l and gradients kept k_l in the "
        f"trained samples, means over {_SMOOTHING} steps.",
        "",
    ]
    return "\n".join(lines)


def _remarks(summary: dict) -> list[str]:
    """An explanation for top-k, where it fails as it does with few classes."""
    methods = summary["methods"]
    if methods["top_k"]["accuracy_after"] >= methods["none"]["accuracy_after"]:
        return []
    kept = max(1, int(0.1 * task.CLASSES + 0.5))
    return [
        f"Top-k 10 % destroys the model: of the {task.CLASSES} gradients at the output it keeps {kept}, almost always "
        "that of the true class. The true class is only ever raised and no other one lowered, so the activations grow "
        "until every ReLU is dead or they overflow. Smaller learning rates do not help.",
        "",
    ]


def _pyplot():
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    return plt


def curves(path: pathlib.Path, runs: list[Run]) -> None:
    """Accuracy and loss on the held-out part against cumulative multiply-accumulates."""
    plt = _pyplot()
    figure, axes = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
    for method in LABELS:
        traces = [run.trace for run in runs if run.method == method]
        if not traces:
            continue
        for axis, name in zip(axes, ("accuracy", "loss"), strict=True):
            values = np.stack([getattr(trace, name) for trace in traces])
            if values.shape[1] == 1:
                axis.axhline(values.mean(), color=COLOURS[method], linestyle=":", label=LABELS[method])
                continue
            # The start has no place on a logarithmic axis: the curves begin after the first epoch.
            effort = np.stack([trace.macs for trace in traces]).mean(axis=0)[1:] / 1e6
            axis.plot(effort, values.mean(axis=0)[1:], color=COLOURS[method], label=LABELS[method])
            axis.fill_between(effort, values.min(axis=0)[1:], values.max(axis=0)[1:], color=COLOURS[method],
                              alpha=0.15, linewidth=0)
    for axis, name in zip(axes, ("accuracy", "loss"), strict=True):
        axis.set(xscale="log", xlabel="million multiply-accumulates in backward and update",
                 ylabel=f"{name} on held-out shifted digits")
        axis.grid(alpha=0.3)
    axes[1].set_yscale("log")
    axes[0].legend(loc="lower right")
    _save(plt, figure, path)


def layer_curves(path: pathlib.Path, recorder: StepRecorder, layers: list[str]) -> None:
    """S_l and k_l of every layer over the steps, smoothed over the samples that were trained."""
    plt = _pyplot()
    trained = (recorder.status == SampleStatus.TRAINED).any(axis=1)
    figure, axes = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
    for axis, values, label in ((axes[0], recorder.rate, "error propagation rate S_l"),
                                (axes[1], recorder.gradients_kept, "gradients kept k_l")):
        for index, name in enumerate(layers):
            axis.plot(*_smooth(values[:, index].mean(axis=1), trained), label=name,
                      color=plt.cm.viridis(index / max(1, len(layers) - 1)))
        axis.set(xlabel="step", ylabel=label)
        axis.set_ylim(bottom=0)
        axis.grid(alpha=0.3)
    axes[1].legend(title="layer", loc="center left", bbox_to_anchor=(1.0, 0.5))
    _save(plt, figure, path)


def _smooth(values: np.ndarray, valid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means of the valid values over blocks of steps; blocks without any are left out."""
    steps, means = [], []
    for start in range(0, len(values), _SMOOTHING):
        block = slice(start, start + _SMOOTHING)
        if valid[block].any():
            steps.append(start + min(_SMOOTHING, len(values) - start) / 2)
            means.append(values[block][valid[block]].mean())
    return np.array(steps), np.array(means)


def _save(plt, figure, path: pathlib.Path) -> None:
    import io

    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=120)
    plt.close(figure)
    files.write_whole(path, picture.getvalue(), overwrite=True)
