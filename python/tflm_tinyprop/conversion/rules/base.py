"""What a rule is: how one kind of forward op gets its gradient."""

from __future__ import annotations

import abc
import dataclasses

import numpy as np

from tflm_tinyprop.format.graph import Graph, Op, Tensor


@dataclasses.dataclass(frozen=True)
class Parameter:
    """A constant input of a forward op that can be trained."""

    role: int  # metadata.KERNEL or metadata.BIAS
    position: int  # among the op's inputs


@dataclasses.dataclass(frozen=True)
class Cost:
    """What the backward pass of a layer costs, per sample."""

    gradients: int  # n, elements of delta
    update_macs: int  # per gradient kept, if the kernel is trained
    hand_down_macs: int  # per gradient kept, if a gradient is handed down


@dataclasses.dataclass(frozen=True)
class SharedTensors:
    """Tensors that every gradient op reads or writes."""

    gate: int
    control: int
    statistics: int
    state: int


@dataclasses.dataclass(frozen=True)
class GradientRequest:
    """Everything a rule needs to emit the gradient of one forward op.

    deltas: for each output of the op the tensor with the gradient there, None where the loss does not depend on it: that
    gradient is zero. They belong to this op, which may change them in place or hand them on. activation_done: the delta is already taken before the fused activation (the loss
    op does that for the output layer). layer, layers_above, flags: as in options.LayerGradOptions; layer
    is 0 for ops without weights. hand_down_to: data inputs of the op whose gradient is wanted. updates_later: emit() leaves the update of the weights to
    emit_update().
    """

    op: Op
    name: str
    deltas: tuple[int | None, ...]
    activation_done: bool
    layer: int
    layers_above: int
    flags: int
    hand_down_to: tuple[int, ...]
    shared: SharedTensors
    updates_later: bool = False

    @property
    def delta(self) -> int:
        """The gradient at the output of an op that has one."""
        (delta,) = self.deltas
        return delta


class Rule(abc.ABC):
    """Stateless description of one kind of builtin op.

    Attributes:
        kind: the builtin op.
        gradient: the ops that compute its gradient, for the support matrix.
        note: what is supported of it, for the support matrix.
    """

    kind: str
    gradient: str
    note: str = ""

    def problem(self, graph: Graph, op: Op) -> str | None:
        """Why this op has no gradient (with what to do about it), or None if it has one."""
        return float_problem(graph, op)

    def parameters(self, graph: Graph, op: Op) -> list[Parameter]:
        """The op's constant inputs that can be trained; none for ops without weights."""
        return []

    def cost(self, graph: Graph, op: Op, batch_size: int) -> Cost | None:
        """Backward cost; None for ops without weights."""
        return None

    def data_inputs(self, op: Op) -> list[int]:
        """Tensor indices of the inputs a gradient can be handed down to."""
        return [op.inputs[0]]

    @abc.abstractmethod
    def emit(self, graph: Graph, request: GradientRequest) -> list[tuple[int, int]]:
        """Appends the gradient ops. Returns (data input, tensor with its gradient) pairs.

        Each gradient tensor is returned once: whoever gets it may change it in place.
        """

    def emit_update(self, graph: Graph, request: GradientRequest) -> None:
        """Appends the update that emit() has left out, of an op with weights."""
        raise NotImplementedError


def fused_activation(op: Op) -> int:
    """The schema's ActivationFunctionType of a builtin op, 0 (none) if it has none."""
    return int(getattr(op.options, "fusedActivationFunction", 0) or 0)


def float_problem(graph: Graph, op: Op, positions: tuple[int, ...] | None = None) -> str | None:
    """A complaint if the op's inputs at these positions (None: all) or its outputs are not float32."""
    inputs = op.inputs if positions is None else [op.inputs[p] for p in positions if p < len(op.inputs)]
    for tensor in (graph.tensors[i] for i in (*inputs, *op.outputs) if i >= 0):
        if tensor.dtype != np.float32 or tensor.is_quantized:
            return (f"tensor '{tensor.name}' is {tensor.dtype or 'of an unknown type'}, only float32 "
                    "can be trained (int8 comes later); convert without quantization")
    return None


def activation_problem(op: Op, supported) -> str | None:
    """A complaint if the op has a fused activation without a gradient."""
    if fused_activation(op) in supported:
        return None
    return "its fused activation has no gradient; use none, relu, relu6 or a separate activation layer"


def like(graph: Graph, index: int, name: str) -> int:
    """A new tensor of the shape and type of another."""
    tensor = graph.tensors[index]
    return graph.add_tensor(Tensor(name, tensor.shape, tensor.dtype))
