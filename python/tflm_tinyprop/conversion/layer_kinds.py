"""Kinds of layers with weights: what any stage has to know of one is said here, once.

Counting multiply-accumulates, naming and choosing layers, matching Keras' kernels, putting trained ones back, folding
normalisations and simulating all ask these descriptions. A kind that can be trained also has, under its stem, a kernel
(cc/core/<stem>_grad), an op (cc/tflm/<stem>_grad), a rule (rules/<stem>) and a reference (reference/<stem>).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping

import numpy as np

from tflm_tinyprop.format.graph import Graph, Op
from tflm_tinyprop.format.options import op_kind

Shape = tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class KernelLayout:
    """How the op holds a kernel of this rank that a Keras layer has."""

    rank: int
    to_op: Callable[[np.ndarray], np.ndarray]

    def to_keras(self, kernel: np.ndarray, shape: Shape) -> np.ndarray | None:
        """The inverse of to_op for a Keras kernel of this shape; None if it is not one that leads to `kernel`'s."""
        positions = self.to_op(np.arange(math.prod(shape), dtype=np.int64).reshape(shape))
        if positions.shape != kernel.shape:
            return None
        result = np.empty(kernel.size, kernel.dtype)
        result[positions.reshape(-1)] = kernel.reshape(-1)
        return result.reshape(shape)


@dataclasses.dataclass(frozen=True, eq=False)
class LayerKind:
    """One kind of layer with weights.

    Attributes:
        op: the builtin op.
        stem: what its files are called; None for a kind that cannot be trained.
        gradient: the custom op that computes its gradient, or None.
        x, kernel, bias: positions among the op's inputs.
        unit_axis: dimension of the op's kernel that counts units or output channels.
        macs: multiply-accumulates of the forward pass, from the shapes of x, kernel and output. Convolutions count every
            tap of every output, also those that padding leaves empty.
        keras: Keras layer class -> layout of its kernel.
        parts: layouts of kernels that are a part of what another Keras layer does.
        note: what is supported of it, for the support matrix.
    """

    op: str
    stem: str | None = None
    gradient: str | None = None
    x: int = 0
    kernel: int = 1
    bias: int = 2
    unit_axis: int = 0
    macs: Callable[[Shape, Shape, Shape], int] = lambda x, kernel, y: 0
    keras: Mapping[str, KernelLayout] = dataclasses.field(default_factory=dict)
    parts: tuple[KernelLayout, ...] = ()
    note: str = ""

    def constant_kernel(self, graph: Graph, op: Op) -> int | None:
        """Tensor index of the op's kernel if it is a constant, else None: then the op is no layer."""
        index = op.inputs[self.kernel] if len(op.inputs) > self.kernel else -1
        return index if index >= 0 and graph.tensors[index].is_constant else None

    def bias_of(self, op: Op) -> int:
        """Tensor index of the op's bias, -1 without one."""
        return op.inputs[self.bias] if len(op.inputs) > self.bias else -1

    def forward_macs(self, graph: Graph, op: Op) -> int:
        """Multiply-accumulates of one invoke of the op, of the whole batch."""
        return self.macs(*(graph.tensors[t].shape for t in (op.inputs[self.x], op.inputs[self.kernel], op.outputs[0])))

    def macs_per_output(self, x: Shape, kernel: Shape, y: Shape) -> int:
        """Weights that one output element meets, on average: what a gradient kept costs in each part of the backward pass."""
        outputs = math.prod(y)
        return max(1, (2 * self.macs(x, kernel, y) + outputs) // (2 * outputs))  # rounded as cc/tflm/conv_grad.cc does

    def units(self, kernel: Shape) -> int:
        return kernel[self.unit_axis]


def _conv_macs(x: Shape, kernel: Shape, y: Shape) -> int:
    return math.prod(y) * math.prod(kernel[1:])


_CONV = "any stride, dilation and padding"
_FUSED = "fused none, RELU, RELU6, RELU_N1_TO_1"

KINDS: dict[str, LayerKind] = {kind.op: kind for kind in (
    LayerKind(
        "FULLY_CONNECTED", "fully_connected", op_kind("FullyConnectedGrad"),
        macs=lambda x, kernel, y: math.prod(y) * kernel[1],
        keras={"Dense": KernelLayout(2, np.transpose)},
        note=f"any batch; {_FUSED}; with and without bias",
    ),
    LayerKind(
        "CONV_2D", "conv_2d", op_kind("Conv2DGrad"), macs=_conv_macs,
        keras={"Conv2D": KernelLayout(4, lambda a: a.transpose(3, 0, 1, 2)),
               "Conv1D": KernelLayout(3, lambda a: a.transpose(2, 0, 1)[:, None])},
        note=f"{_CONV}; {_FUSED}; Conv1D as Keras converts it",
    ),
    LayerKind(
        "DEPTHWISE_CONV_2D", "depthwise_conv_2d", op_kind("DepthwiseConv2DGrad"), unit_axis=3,
        macs=lambda x, kernel, y: math.prod(y) * kernel[1] * kernel[2],
        keras={"DepthwiseConv2D": KernelLayout(4, lambda a: a.reshape(1, *a.shape[:2], -1))},
        parts=(KernelLayout(3, lambda a: a.reshape(1, 1, a.shape[0], -1)),),  # of SeparableConv1D, DepthwiseConv1D
        note=f"any stride, dilation, padding and channel multiplier; {_FUSED}",
    ),
    LayerKind(
        "TRANSPOSE_CONV", "transpose_conv", op_kind("TransposeConvGrad"), x=2, bias=3,
        macs=lambda x, kernel, y: math.prod(x) * math.prod(kernel[:3]),
        keras={"Conv2DTranspose": KernelLayout(4, lambda a: a.transpose(2, 0, 1, 3)),
               "Conv1DTranspose": KernelLayout(3, lambda a: a.transpose(1, 0, 2)[:, None])},
        note=f"any stride and padding; {_FUSED}; Conv1DTranspose as Keras converts it",
    ),
    # Layers that an ordinary model may have, for messages and names; they stay frozen.
    *(LayerKind(op) for op in ("CONV_3D", "BATCH_MATMUL", "SVDF", "UNIDIRECTIONAL_SEQUENCE_LSTM")),
)}


def kind_of(op: Op) -> LayerKind | None:
    return KINDS.get(op.kind)


def is_layer(graph: Graph, op: Op) -> bool:
    """True for an op whose kernel is a constant."""
    kind = kind_of(op)
    return kind is not None and kind.constant_kernel(graph, op) is not None


def kernel_of(op: Op) -> int:
    """Tensor index of a layer's kernel."""
    return op.inputs[KINDS[op.kind].kernel]


def forward_macs(graph: Graph, op: Op) -> int:
    """Multiply-accumulates of one invoke of the op (whole batch); 0 for ops without a product sum."""
    kind = kind_of(op)
    return kind.forward_macs(graph, op) if kind else 0


def graph_macs(graph: Graph) -> int:
    """Multiply-accumulates of one invoke of all ops."""
    return sum(forward_macs(graph, op) for op in graph.ops)


def keras_kinds() -> dict[str, tuple[LayerKind, KernelLayout]]:
    """Keras layer class -> its kind and the layout of its kernel, of the kinds that can be trained."""
    return {name: (kind, layout) for kind in KINDS.values() if kind.gradient for name, layout in kind.keras.items()}


def kind_of_keras(layer) -> tuple[LayerKind, KernelLayout] | None:
    """The kind that a Keras layer becomes, and the layout of its kernel; None for other layers."""
    known = keras_kinds()
    return next((known[cls.__name__] for cls in type(layer).__mro__ if cls.__name__ in known), None)


def layouts_of(rank: int, op: str | None = None) -> list[KernelLayout]:
    """How kernels of this rank may be laid out, in ops of one kind or (None) of any."""
    return [layout for kind in KINDS.values() if op in (None, kind.op)
            for layout in (*kind.keras.values(), *kind.parts) if layout.rank == rank]
