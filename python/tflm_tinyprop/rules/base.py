"""What a rule is: how one kind of forward op gets its gradient op."""

from __future__ import annotations

import abc
import dataclasses

from tflm_tinyprop.graph import Graph, Op


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

    delta: tensor with the gradient at the op's output. activation_done: the delta is already taken
    before the fused activation (the loss op does that for the output layer). layer, layers_above,
    flags: as in options.LayerGradOptions; layer is 0 for ops without weights. hand_down_to: data inputs
    of the op whose gradient is wanted.
    """

    op: Op
    name: str
    delta: int
    activation_done: bool
    layer: int
    layers_above: int
    flags: int
    hand_down_to: tuple[int, ...]
    shared: SharedTensors


class Rule(abc.ABC):
    """Stateless description of one kind of builtin op."""

    kind: str

    @abc.abstractmethod
    def problem(self, graph: Graph, op: Op) -> str | None:
        """Why this op has no gradient (with what to do about it), or None if it has one."""

    def parameters(self, graph: Graph, op: Op) -> list[Parameter]:
        """The op's constant inputs that can be trained; none for ops without weights."""
        return []

    def cost(self, graph: Graph, op: Op, batch_size: int) -> Cost | None:
        """Backward cost; None for ops without weights."""
        return None

    @abc.abstractmethod
    def data_inputs(self, op: Op) -> list[int]:
        """Tensor indices of the inputs a gradient can be handed down to."""

    @abc.abstractmethod
    def emit(self, graph: Graph, request: GradientRequest) -> dict[int, int]:
        """Appends the gradient op. Returns {data input: tensor with its gradient}."""


def fused_activation(op: Op) -> int:
    """The schema's ActivationFunctionType of a builtin op, 0 (none) if it has none."""
    return int(getattr(op.options, "fusedActivationFunction", 0) or 0)
