"""Our figures beside those of the TinyPropv2 paper (arXiv 2409.07109)."""

from __future__ import annotations

import math

from tflm_tinyprop.study.blocks import Heading, Paragraph, Table
from tflm_tinyprop.study.results import Point

# What the paper reports: drop of accuracy against full training in points, and the effort that it names.
PAPER_DROP = {"cifar10": 0.82, "cifar100": 1.07}
PAPER_AVERAGE_DROP = "about 1 (average)"
PAPER_EFFORT = "10 %"

_NOTE = (
    "The paper trains MobileNetV2 and a 5-layer DNN for 200 epochs (learning rate 0.125, 5 epochs of warm-up); here data "
    "sets are partly subsets, networks smaller and trainings shorter. Its 10 % are of the computational effort of full "
    "training; we know of no definition. Counted with the forward pass, which runs for every sample and is about a third "
    "of a full step, no method can come near 10 %: the backward effort is what compares. Drops of the paper are its own "
    "figures; where it gives none for a data set, its average stands. A negative drop is a gain; for recordings a point is "
    "0.01 of the AUC.")


def paper_blocks(found: list[Point]) -> list:
    """A table with one row per comparison that has full and v2; nothing if there is none."""
    plain = [p for p in found if p.place.swept is None and p.place.perturbation == "none" and not math.isnan(p.score)]
    rows = []
    for point in plain:
        full = next((p for p in plain if p.method_name == "full" and _comparison(p) == _comparison(point)), None)
        if point.method_name == "v2" and full is not None:
            rows.append(_row(full, point))
    if not rows:
        return []
    header = ("data set", "model", "experiment", "method", "full", "v2", "drop in points", "backward effort",
              "step effort", "the paper's drop", "the paper's effort")
    return [Heading(2, "Beside the paper"), Table(header, tuple(rows), text_columns=4), Paragraph(_NOTE)]


def _comparison(point: Point):
    place = point.place
    return place.study, place.experiment, place.data, place.model


def _row(full: Point, v2: Point) -> tuple[str, ...]:
    drop = PAPER_DROP.get(v2.outcomes[0].run.settings.data.name)
    return (
        v2.place.data, v2.place.model, f"{v2.place.study}/{v2.place.experiment}", v2.place.method, f"{full.score:.3f}",
        f"{v2.score:.3f}", f"{100 * (full.score - v2.score):.2f}", f"{100 * v2.mean('backward_effort'):.1f} %",
        f"{100 * v2.mean('step_effort'):.1f} %", PAPER_AVERAGE_DROP if drop is None else f"{drop:.2f}", PAPER_EFFORT,
    )
