"""REDUCE_MAX and REDUCE_MIN over constant axes."""

from __future__ import annotations

from tflm_tinyprop.conversion.rules.base import GradientRequest, Rule, float_problem, like
from tflm_tinyprop.format import options
from tflm_tinyprop.format.graph import Graph, Op


class ReduceMaxRule(Rule):
    """Elements that equal y share its gradient equally."""

    gradient = options.REDUCE_MAX_GRAD
    note = "constant axes that lie side by side"

    def __init__(self, kind: str):
        self.kind = kind

    def problem(self, graph: Graph, op: Op) -> str | None:
        if not graph.tensors[op.inputs[1]].is_constant:
            return "its axes are computed; only constant axes have a gradient"
        problem = float_problem(graph, op, positions=(0,))
        if problem is None and _axes(graph, op) is None:
            problem = "its axes do not lie side by side; reduce them one after the other"
        return problem

    def emit(self, graph: Graph, request: GradientRequest) -> list[tuple[int, int]]:
        op = request.op
        x = op.inputs[0]
        input_delta = like(graph, x, f"tinyprop/{request.name}/input_delta")
        graph.ops.append(Op(
            kind=self.gradient, is_custom=True,
            inputs=[request.delta, x, op.outputs[0], request.shared.gate], outputs=[input_delta],
            custom_options=options.ReduceGradOptions(*_axes(graph, op)).pack(),
        ))
        return [(x, input_delta)]


def _axes(graph: Graph, op: Op) -> tuple[int, int] | None:
    """(first, count) of the reduced axes, or None if there is another one in between; axes of size 1 are no matter."""
    shape = graph.tensors[op.inputs[0]].shape
    reduced = {int(axis) % len(shape) for axis in graph.tensors[op.inputs[1]].array().reshape(-1)}
    long = [axis for axis in sorted(reduced) if shape[axis] > 1] or sorted(reduced)[:1]
    if not long:
        return None
    between = range(long[0], long[-1] + 1)
    return (long[0], len(between)) if all(axis in reduced or shape[axis] == 1 for axis in between) else None
