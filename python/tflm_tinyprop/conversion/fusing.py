"""Puts together what belongs to one layer: kernel, bias and fused activation, as TensorFlow's converter does it for constants.

Only a layer's own weights are moved. A constant of another layer stays an op of its own, so that a layer that is trained
takes the step that Keras takes. Batch normalisations are the exception, where that is wanted.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

import numpy as np

from tflm_tinyprop.conversion.keras_constants import Origin
from tflm_tinyprop.conversion.keras_weights import KerasWeight
from tflm_tinyprop.conversion.layer_kinds import KINDS, is_layer, kernel_of
from tflm_tinyprop.conversion.rules import fused_activation
from tflm_tinyprop.format.graph import Graph, Op, builtin_options

# Elements keep their order: what is added behind such an op may as well be added in front of it.
_RESHAPES = ("RESHAPE", "SQUEEZE", "EXPAND_DIMS")
# Ops that can be fused, with the schema's number of the activation.
FUSIBLE = {"RELU": 1, "RELU_N1_TO_1": 2, "RELU6": 3}


@dataclasses.dataclass(frozen=True)
class _Path:
    """From a tensor up to the layer that it is the output of.

    ops: those passed on the way, the layer's last; nothing else reads what they write, and none has a fused activation.
    """

    ops: tuple[Op, ...]

    @property
    def layer(self) -> Op:
        return self.ops[-1]


class Fuser:
    """The passes over one graph, in place.

    origins: of constants; kept up to date. weights: what the origins count.
    """

    def __init__(self, graph: Graph, origins: dict[int, Origin], weights: Sequence[KerasWeight]):
        self.graph = graph
        self.origins = origins
        self.weights = weights
        self._flat_constants: dict[int, int] = {}

    def products_to_layers(self) -> None:
        """A product with a constant matrix is a dense layer: y = x W^T, W [units, inputs]."""
        kernels: dict[tuple[int, bool], int] = {}
        for op in self.graph.ops:
            if op.kind != "BATCH_MATMUL" or op.options.adjX or not self.graph.tensors[op.inputs[1]].is_constant:
                continue
            key = op.inputs[1], bool(op.options.adjY)
            values = self.graph.tensors[key[0]].array()
            if values.dtype != np.float32 or values.ndim < 2 or values.size != np.prod(values.shape[-2:]):
                continue
            if key not in kernels:
                def turned(a: np.ndarray, shape=values.shape[-2:], is_turned=key[1]) -> np.ndarray:
                    return a.reshape(shape) if is_turned else a.reshape(shape).T

                kernels[key] = self._derived(key[0], turned(values), turned)
            rank = len(self.graph.tensors[op.outputs[0]].shape)
            op.kind, op.version, op.inputs = "FULLY_CONNECTED", 1, [op.inputs[0], kernels[key]]
            op.raw = builtin_options("FullyConnectedOptions", keepNumDims=rank != 2)

    def differences_to_sums(self) -> None:
        """x - c becomes x + (-c), which is the same to the bit."""
        for op in self.graph.ops:
            if op.kind == "SUB" and self._is_float_constant(op.inputs[1]):
                negative = self._derived(op.inputs[1], -self.graph.tensors[op.inputs[1]].array())
                raw = builtin_options("AddOptions", fusedActivationFunction=fused_activation(op))
                op.kind, op.version, op.raw, op.inputs = "ADD", 1, raw, [op.inputs[0], negative]

    def parametric_relus(self) -> None:
        """max(x, 0) + c max(-x, 0), as Keras writes it, becomes PRELU with alpha = -c."""
        for op in list(self.graph.ops):
            found = self._parametric_relu(op)
            if found is not None:
                x, slope, ops = found
                alpha = self._derived(slope, -self.graph.tensors[slope].array())
                op.kind, op.version, op.raw, op.inputs = "PRELU", 1, None, [x, alpha]
                self._remove(ops)

    def _parametric_relu(self, op: Op) -> tuple[int, int, list[Op]] | None:
        """(x, c, the ops that are not needed any more) of the sum that `op` is, if it is one."""
        if op.kind != "ADD" or fused_activation(op):
            return None
        for positive, product in (op.inputs, op.inputs[::-1]):
            relu, mul = self._only("RELU", positive), self._only("MUL", product)
            if relu is None or mul is None or fused_activation(mul):
                continue
            for slope, other in (mul.inputs, mul.inputs[::-1]):
                negative_relu = self._only("RELU", other)
                negative = self._only("NEG", negative_relu.inputs[0]) if negative_relu else None
                if negative and self._is_float_constant(slope) and negative.inputs[0] == relu.inputs[0]:
                    return relu.inputs[0], slope, [relu, mul, negative_relu, negative]
        return None

    def biases(self) -> None:
        """A weight that is added to the output of a layer it belongs to becomes the layer's bias."""
        for op in list(self.graph.ops):
            for data, constant in (op.inputs, op.inputs[::-1]) if op.kind == "ADD" else ():
                origin = self.origins.get(constant)
                if origin is None or origin.positions is None or not self._counts_units(data, constant, op):
                    continue
                paths = [path for path in self._paths(data, through_sums=True)
                         if self._takes_bias(path.layer, origin, self.graph.tensors[constant].size)]
                if paths:
                    path = min(paths, key=lambda p: self.origins[kernel_of(p.layer)].weight)
                    self._set_bias(path.layer, self._flat(constant))
                    self._replace_end(path, [op])
                    break

    def activations(self) -> None:
        """An activation of its own directly behind a layer becomes the layer's."""
        for op in list(self.graph.ops):
            if op.kind in FUSIBLE:
                paths = self._paths(op.inputs[0], through_sums=False)
                if paths:
                    paths[0].layer.options.fusedActivationFunction = FUSIBLE[op.kind]
                    paths[0].ops[0].outputs = list(op.outputs)
                    self._remove([op])

    def reshapes(self) -> None:
        """One reshape behind another becomes one, and none if nothing is left to do: between one-dimensional convolutions."""
        for op in list(self.graph.ops):
            before = next((other for other in self.graph.ops if op.inputs[0] in other.outputs), None)
            if op.kind not in _RESHAPES or before is None or before.kind not in _RESHAPES:
                continue
            tensors, source = self.graph.tensors, before.inputs[0]
            if tensors[source].shape == tensors[op.outputs[0]].shape and op.outputs[0] not in self.graph.outputs:
                for reader in self._readers(op.outputs[0]):
                    reader.inputs = [source if t == op.outputs[0] else t for t in reader.inputs]
                self._remove([op])
            elif op.kind == "RESHAPE":
                op.inputs[0] = source
            if not self._readers(before.outputs[0]) and before.outputs[0] not in self.graph.outputs:
                self._remove([before])

    def batch_norms(self) -> None:
        """Folds batch normalisations into the layer before: W' = s W, b' = s b + t, for y = s (W x + b) + t.

        It has to be directly behind a layer without activation that is called once.
        """
        for product in list(self.graph.ops):
            shift = self._shift_of(product)
            scale = self._norm_constant(product)
            paths = self._paths(self._data(product), through_sums=False) if shift is not None else []
            if not paths:
                continue
            layer, units = paths[0].layer, self.graph.tensors[paths[0].layer.outputs[0]].shape[-1]
            kernel = kernel_of(layer)
            constants = [scale, self._norm_constant(shift)]
            if len(self._readers(kernel)) > 1 or kernel not in self.origins or any(
                self.graph.tensors[c].size not in (1, units) or not self._counts_units(self._data(product), c, product)
                for c in constants
            ):
                continue
            self._fold(layer, *(self.graph.tensors[c].array().reshape(-1) for c in constants))
            self._replace_end(paths[0], [product, shift])

    def _fold(self, layer: Op, scale: np.ndarray, shift: np.ndarray) -> None:
        kind, kernel = KINDS[layer.kind], kernel_of(layer)
        values = self.graph.tensors[kernel].array()
        shape = [1] * values.ndim
        shape[kind.unit_axis] = scale.size
        units = kind.units(values.shape)
        bias = kind.bias_of(layer)
        before = self.graph.tensors[bias].array() if bias >= 0 else np.zeros(units, np.float32)
        layer.inputs[kind.kernel] = self._derived(kernel, values * scale.reshape(shape))
        self._set_bias(layer, self._derived(bias, np.broadcast_to(before * scale + shift, (units,))))
        self.origins.setdefault(kind.bias_of(layer), Origin(self.origins[kernel].weights))

    def _shift_of(self, product: Op) -> Op | None:
        """The ADD behind the MUL of a batch normalisation, if nothing else reads the product."""
        scale = self._norm_constant(product) if product.kind == "MUL" and not fused_activation(product) else None
        readers = self._readers(product.outputs[0]) if scale is not None else []
        if len(readers) != 1 or product.outputs[0] in self.graph.outputs or readers[0].kind != "ADD":
            return None
        shift = self._norm_constant(readers[0])
        return readers[0] if shift is not None and self._layer_name(shift) == self._layer_name(scale) else None

    def _norm_constant(self, op: Op) -> int | None:
        """The constant of a batch normalisation among the op's inputs."""
        return next((t for t in op.inputs if t in self.origins and self.weights[self.origins[t].weight].is_batch_norm), None)

    def _data(self, op: Op) -> int:
        return next(t for t in op.inputs if t not in self.origins)

    def _layer_name(self, constant: int) -> str:
        return self.weights[self.origins[constant].weight].layer

    def _takes_bias(self, layer: Op, origin: Origin, units: int) -> bool:
        """True for a layer of as many units, of the same Keras layer, that has no bias of its own yet."""
        kernel, bias = self.origins.get(kernel_of(layer)), KINDS[layer.kind].bias_of(layer)
        return (
            kernel is not None and self.weights[kernel.weight].layer == self.weights[origin.weight].layer
            and self.graph.tensors[layer.outputs[0]].shape[-1] == units
            and (bias < 0 or bias not in self.origins and not self.graph.tensors[bias].array().any())
        )

    def _counts_units(self, data: int, constant: int, op: Op) -> bool:
        """True if the constant repeats along the elements of the data, in their order, and the result has the data's shape."""
        shapes = [self.graph.tensors[t].shape for t in (data, constant, op.outputs[0])]
        trailing = shapes[1]
        while trailing[:1] == (1,):
            trailing = trailing[1:]
        return shapes[0] == shapes[2] and (not trailing or shapes[0][-len(trailing):] == trailing)

    def _paths(self, tensor: int, through_sums: bool) -> list[_Path]:
        """Ways up from a tensor to layers, through reshapes and, if that is wanted, sums of two tensors."""
        op = next((op for op in self.graph.ops if tensor in op.outputs), None)
        if op is None or len(self._readers(tensor)) != 1 or tensor in self.graph.outputs or fused_activation(op):
            return []
        if is_layer(self.graph, op) and KINDS[op.kind].gradient:
            return [_Path((op,))]
        above: Iterable[int] = ()
        if op.kind in _RESHAPES:
            above = op.inputs[:1]
        elif op.kind == "ADD" and through_sums:
            above = [t for t in op.inputs if self.graph.tensors[t].size == self.graph.tensors[tensor].size]
        return [_Path((op, *path.ops)) for t in above for path in self._paths(t, through_sums)]

    def _replace_end(self, path: _Path, ops: list[Op]) -> None:
        """Lets the path write what the last of the ops behind it wrote, with that one's activation."""
        activation = fused_activation(ops[-1])
        if activation:
            takes = next(op for op in path.ops if op.kind not in _RESHAPES)
            takes.options.fusedActivationFunction = activation
        path.ops[0].outputs = list(ops[-1].outputs)
        self._remove(ops)

    def _set_bias(self, layer: Op, bias: int) -> None:
        position = KINDS[layer.kind].bias
        layer.inputs = [*layer.inputs[:position], *[-1] * (position - len(layer.inputs)), bias]

    def _flat(self, constant: int) -> int:
        """The constant with one dimension; the same tensor for everyone who asks."""
        if len(self.graph.tensors[constant].shape) == 1:
            return constant
        if constant not in self._flat_constants:
            values = self.graph.tensors[constant].array().reshape(-1)
            self._flat_constants[constant] = self._derived(constant, values, lambda a: a.reshape(-1))
        return self._flat_constants[constant]

    def _derived(self, constant: int, values: np.ndarray, move=None) -> int:
        """A new constant, of the same origin; move: what was done to it, if its elements were only moved."""
        name = self.graph.tensors[constant].name if constant >= 0 else "bias"
        derived = self.graph.add_constant(name, np.ascontiguousarray(values, np.float32))
        if constant in self.origins:
            origin = self.origins[constant]
            positions = move(origin.positions) if move and origin.positions is not None else None
            self.origins[derived] = Origin(origin.weights, positions)
        return derived

    def _only(self, kind: str, tensor: int) -> Op | None:
        """The op that writes the tensor, if it is of this kind and one other op reads it."""
        op = next((op for op in self.graph.ops if tensor in op.outputs), None)
        if op is None or op.kind != kind or len(self._readers(tensor)) != 1 or tensor in self.graph.outputs:
            return None
        return op

    def _is_float_constant(self, tensor: int) -> bool:
        return self.graph.tensors[tensor].is_constant and self.graph.tensors[tensor].dtype == np.float32

    def _readers(self, tensor: int) -> list[Op]:
        return [op for op in self.graph.ops if tensor in op.inputs]

    def _remove(self, ops: list[Op]) -> None:
        gone = {id(op) for op in ops}
        self.graph.ops = [op for op in self.graph.ops if id(op) not in gone]
