"""Activations: ops of their own, and fused ones of ops without weights."""

from __future__ import annotations

from tflm_tinyprop.conversion.rules.base import GradientRequest, Rule, fused_activation
from tflm_tinyprop.format import options
from tflm_tinyprop.format.graph import Graph, Op

_CODES = {name: code for code, name in options.ELEMENTWISE_ACTIVATIONS.items()}


class ActivationRule(Rule):
    """y = act(x), element by element. The gradient is computed in place."""

    gradient = options.ACTIVATION_GRAD

    def __init__(self, kind: str, *, needs_input: bool = False):
        self.kind = kind
        self._code = _CODES[kind.lower()]
        self._needs_input = needs_input  # the derivative is a function of x, not of y

    def emit(self, graph: Graph, request: GradientRequest) -> list[tuple[int, int]]:
        op = request.op
        reference = op.inputs[0] if self._needs_input else op.outputs[0]
        slope = float(getattr(op.options, "alpha", 0.0) or 0.0)
        _append(graph, request, reference, self._code, slope)
        return [(op.inputs[0], request.delta)]


def emit_fused(graph: Graph, request: GradientRequest) -> None:
    """Turns the delta behind a fused activation into the one before it, in place."""
    code = 0 if request.activation_done else fused_activation(request.op)
    if code:
        _append(graph, request, request.op.outputs[0], code, 0.0)


def mask_by_relu(graph: Graph, gate: int, delta: int, reference: int) -> None:
    """Sets delta to zero where the reference is not above zero, in place."""
    _append_op(graph, gate, delta, reference, _CODES["relu"], 0.0)


def _append(graph: Graph, request: GradientRequest, reference: int, code: int, slope: float) -> None:
    _append_op(graph, request.shared.gate, request.delta, reference, code, slope)


def _append_op(graph: Graph, gate: int, delta: int, reference: int, code: int, slope: float) -> None:
    graph.ops.append(Op(
        kind=options.ACTIVATION_GRAD, is_custom=True, inputs=[delta, reference, gate], outputs=[],
        custom_options=options.ActivationGradOptions(code, slope).pack(),
    ))
