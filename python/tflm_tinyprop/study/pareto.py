"""Which methods are worth their effort."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tflm_tinyprop.study.results import Point

YES, WITHIN, NO = "yes", "within 1 s.e.", "no"
DEFINITION = (
    "A method is on the Pareto front if no other method of the table has a higher mean score at lower or equal "
    "backward effort. \"within 1 s.e.\": others do, but by no more than one standard error of the difference of the "
    "means, sqrt(s_a^2 / n_a + s_b^2 / n_b).")


def membership(points: Sequence[Point]) -> list[str]:
    """YES, WITHIN or NO for every point; "" for one without a score."""
    return [_judge(point, points) for point in points]


def _judge(point: Point, others: Sequence[Point]) -> str:
    if math.isnan(point.score):
        return ""
    verdict = YES
    for other in others:
        if other is point or not other.score > point.score:
            continue
        if other.mean("backward_effort") > point.mean("backward_effort"):
            continue
        tolerance = math.hypot(other.standard_error(other.metric), point.standard_error(point.metric))
        if other.score - point.score > tolerance:
            return NO
        verdict = WITHIN
    return verdict
