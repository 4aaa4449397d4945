"""A Keras model taken apart where TinyProp acts: at the output of every layer with weights, before its activation."""

from __future__ import annotations

import dataclasses
import math

import keras

from tflm_tinyprop.errors import ModelError

WEIGHT_LAYERS = (keras.layers.Dense, keras.layers.Conv2D, keras.layers.DepthwiseConv2D, keras.layers.Conv1D)
_SOFTMAX = ("softmax",)


@dataclasses.dataclass(frozen=True)
class SparseLayer:
    """A layer on the backward path, l = 1..L from input to output.

    gradients: n, elements of its output per sample. update_macs, hand_down_macs: multiply-accumulates per gradient
    kept, 0 if the kernel is frozen or nothing is handed down (as in a converted model's metadata).
    """

    name: str
    gradients: int
    update_macs: int
    hand_down_macs: int
    trains: bool

    @property
    def backward_macs(self) -> int:
        return self.gradients * (self.update_macs + self.hand_down_macs)


@dataclasses.dataclass(frozen=True)
class Network:
    """inner: the model with linear layers, `hook(layer number, z)` called on every layer's output; its output is
    what the loss is taken on (logits for a cross entropy)."""

    inner: keras.Model
    layers: tuple[SparseLayer, ...]
    forward_macs: int
    softmax: bool  # whether the original model ends in a softmax
    loss_on_last_layer: bool  # False if ops lie between the last layer and the loss


def macs_per_output(layer) -> int:
    """Weights that one element of the layer's output meets."""
    kernel = layer.kernel.shape
    if isinstance(layer, keras.layers.DepthwiseConv2D):
        return kernel[0] * kernel[1]
    return math.prod(kernel[:-1])


class GradientHook(keras.layers.Layer):
    """Passes z through and hands its gradient to `gradient(number, delta)` on the way back."""

    def __init__(self, number: int, gradient, **options):
        super().__init__(trainable=False, **options)
        self._number = number
        self._gradient = gradient

    def call(self, z):
        import tensorflow as tf

        @tf.custom_gradient
        def passed(values):
            return tf.identity(values), lambda delta: self._gradient(self._number, delta)

        return passed(z)


class _Builder:
    """Rebuilds a functional model call by call, keeping track of what depends on a trained weight."""

    def __init__(self, trained: list[str], gradient, cross_entropy: bool, last: str):
        self._trained = set(trained)
        self._gradient = gradient
        self._cross_entropy = cross_entropy
        self._last = last
        self._depends: set[int] = set()
        self._from_layer: set[int] = set()
        self._keep = []  # tensors whose ids are in the sets above must stay alive
        self.layers: list[SparseLayer] = []
        self.forward_macs = 0
        self.softmax = False
        self.calls: dict[str, int] = {}

    def call(self, layer, *args, **kwargs):
        inputs = [t for t in _tensors((args, kwargs))]
        depends = any(id(t) in self._depends for t in inputs)
        activation = None
        if isinstance(layer, WEIGHT_LAYERS):
            result, depends = self._weight_layer(layer, inputs[0], depends, args, kwargs)
        elif layer.name == self._last and self._cross_entropy and _is_softmax(layer):
            self.softmax = True
            return args[0]
        else:
            result = layer(*args, **kwargs)
        del activation
        if depends:
            self._mark(self._depends, result)
        return result

    def _weight_layer(self, layer, x, depends: bool, args, kwargs):
        self.calls[layer.name] = self.calls.get(layer.name, 0) + 1
        trains = layer.name in self._trained
        if trains and self.calls[layer.name] > 1:
            raise ModelError(f"layer '{layer.name}' is called more than once; shared weights can only be frozen")
        activation, layer.activation = layer.activation, keras.activations.linear
        z = layer(*args, **kwargs)
        macs = macs_per_output(layer)
        gradients = math.prod(z.shape[1:])
        self.forward_macs += gradients * macs
        if trains or depends:
            self.layers.append(SparseLayer(layer.name, gradients, macs * trains, macs * depends, trains))
            z = GradientHook(len(self.layers), self._gradient, name=f"{layer.name}_gradient")(z)
            self._mark(self._from_layer, z)
        if layer.name == self._last and self._cross_entropy and activation is keras.activations.softmax:
            self.softmax = True
            return z, True
        if activation is keras.activations.linear:
            return z, trains or depends
        return keras.layers.Activation(activation, name=f"{layer.name}_activation")(z), trains or depends

    def is_from_layer(self, tensor) -> bool:
        return id(tensor) in self._from_layer

    def _mark(self, marked: set[int], result) -> None:
        for tensor in _tensors(result):
            marked.add(id(tensor))
            self._keep.append(tensor)
