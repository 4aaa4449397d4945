"""Functions of one tensor, element by element, whose derivatives TFLM's builtin ops compute."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tflm_tinyprop.conversion.rules import builtin
from tflm_tinyprop.conversion.rules.base import GradientRequest, Rule
from tflm_tinyprop.format.graph import Graph

# (graph, delta, x, y, name) -> the gradient at x.
Derivative = Callable[[Graph, int, int, int, str], int]


def scaled(graph: Graph, tensor: int, factor: float, name: str) -> int:
    """Times a number."""
    constant = graph.add_constant(f"tinyprop/{name}/factor", np.full((1,) * len(graph.tensors[tensor].shape), factor, np.float32))
    return builtin.multiply(graph, tensor, constant, f"{name}/scaled")


def _exp(graph: Graph, delta: int, x: int, y: int, name: str) -> int:
    return builtin.multiply(graph, delta, y, name)


def _log(graph: Graph, delta: int, x: int, y: int, name: str) -> int:
    return builtin.divide(graph, delta, x, name)


def _square(graph: Graph, delta: int, x: int, y: int, name: str) -> int:
    """dx = 2 x dy"""
    return scaled(graph, builtin.multiply(graph, delta, x, name), 2, name)


def _sqrt(graph: Graph, delta: int, x: int, y: int, name: str) -> int:
    """dx = dy / (2 y)"""
    return scaled(graph, builtin.divide(graph, delta, y, name), 0.5, name)


def _rsqrt(graph: Graph, delta: int, x: int, y: int, name: str) -> int:
    """dx = -y^3 dy / 2, with y / x instead of y^3, which overflows earlier"""
    cube = builtin.divide(graph, y, x, f"{name}/cube")
    return scaled(graph, builtin.multiply(graph, delta, cube, name), -0.5, name)


def _neg(graph: Graph, delta: int, x: int, y: int, name: str) -> int:
    return builtin.negate(graph, delta, name)


class FunctionRule(Rule):
    """y = f(x)"""

    def __init__(self, kind: str):
        self.kind = kind
        self.gradient, self._derivative = FUNCTIONS[kind]

    def emit(self, graph: Graph, request: GradientRequest) -> list[tuple[int, int]]:
        x, y = request.op.inputs[0], request.op.outputs[0]
        return [(x, self._derivative(graph, request.delta, x, y, f"{request.name}/input_delta"))]


FUNCTIONS: dict[str, tuple[str, Derivative]] = {
    "NEG": ("NEG", _neg),
    "EXP": ("MUL", _exp),
    "LOG": ("DIV", _log),
    "SQUARE": ("MUL", _square),
    "SQRT": ("DIV, MUL", _sqrt),
    "RSQRT": ("DIV, MUL", _rsqrt),
}
