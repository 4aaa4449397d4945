"""A Keras model taken apart where TinyProp acts: at the output of every layer with weights, before its activation."""

from __future__ import annotations

import dataclasses
import math

import keras
import numpy as np
import tensorflow as tf

from tflm_tinyprop.conversion.keras_outputs import keras_output_names
from tflm_tinyprop.conversion.keras_weights import copy_state
from tflm_tinyprop.conversion.layer_choice import choose
from tflm_tinyprop.conversion.layer_kinds import keras_kinds, kind_of_keras
from tflm_tinyprop.conversion.losses import Loss, position_of
from tflm_tinyprop.errors import ModelError
from tflm_tinyprop.simulate import ends

WEIGHT_LAYERS = tuple(getattr(keras.layers, name) for name in keras_kinds())
_KINDS = ", ".join(cls.__name__ for cls in WEIGHT_LAYERS)
# Layers that the ops do not have: the converter drops them.
_IDENTITIES = (
    keras.layers.Dropout, keras.layers.SpatialDropout1D, keras.layers.SpatialDropout2D, keras.layers.GaussianNoise,
    keras.layers.GaussianDropout, keras.layers.Identity,
)
# Activations that TFLite fuses into the layer before them: a loss on them is a loss on the layer.
_FUSED = ("relu", "relu6")


@dataclasses.dataclass(frozen=True)
class SparseLayer:
    """A layer on the backward path, l = 1..L from input to output.

    gradients: n, elements of its output per sample. update_macs, hand_down_macs: multiply-accumulates per gradient
    kept, 0 if the layer is frozen or nothing is handed down (as in a converted model's metadata). owner: the name of the
    Keras layer, of which this is one call.
    """

    name: str
    gradients: int
    update_macs: int
    hand_down_macs: int
    trains: bool
    owner: str

    @property
    def backward_macs(self) -> int:
        return self.gradients * (self.update_macs + self.hand_down_macs)


@dataclasses.dataclass(frozen=True)
class Network:
    """A model ready to be trained.

    Attributes:
        model: a clone with the same layer names and weights, whose layers are linear, with their activations behind
            them. What trains is marked trainable. Its output is what the loss is taken on (logits for a cross
            entropy).
        layers: those on the backward path, l = 1..L.
        forward_macs: of one sample.
        end: "softmax" or "sigmoid" if the original ends in it and `model` leaves it out, else None.
        output_activation: of the layer that the loss is taken on directly: "linear", "relu" or "relu6". None if there
            is no such layer, because something else lies between the last one and the loss.
    """

    model: keras.Model
    layers: tuple[SparseLayer, ...]
    forward_macs: int
    end: str | None
    output_activation: str | None

    @property
    def backward_macs(self) -> int:
        """Of full backpropagation of one sample."""
        return sum(layer.backward_macs for layer in self.layers)

    def layers_above(self, number: int) -> int:
        """Layers between a layer's last call and the loss."""
        last_calls = list(dict.fromkeys(layer.owner for layer in reversed(self.layers)))
        return last_calls.index(self.layers[number - 1].owner)


class HookTarget:
    """What the hooks of a network call: an object with guard() and sparsify() while it trains, else None."""

    current = None


class LayerHook(keras.layers.Layer):
    """Calls the target at a layer's input x and output z, and does nothing without one.

    guard(x) gives the values to use for x; sparsify(number, delta, x) is called on the way back with the gradient at z,
    and gives the one that goes on.
    """

    def __init__(self, number: int, target: HookTarget, **options):
        super().__init__(trainable=False, **options)
        self._number = number
        self._target = target

    def compute_output_spec(self, values, x=None):
        return keras.KerasTensor(values.shape, values.dtype)

    def call(self, values, x=None):
        """values: x alone, or z with its x."""
        target = self._target.current
        if target is None:
            return values
        if x is None:
            return target.guard(values)

        @tf.custom_gradient
        def passed(z):
            return tf.identity(z), lambda delta: target.sparsify(self._number, delta, x)

        return passed(values)


def make_network(model, trainable_layers, loss: Loss, output: str | int | None, target: HookTarget, order=None) -> Network:
    """Clones a built Sequential or functional model; the model itself is not changed.

    Args:
        model, output: as for convert().
        trainable_layers: "all", a number of last layers, or names.
        loss: of a cross entropy the activation at the end belongs to it.
        target: what the clone's hooks call.
        order: names of the layers on the backward path, l = 1..L; None numbers them in the order of their calls.

    Raises:
        ModelError: with the layer at fault, and what to do.
    """
    functional = _functional(model, output)
    end = ends.check(functional, loss)
    trained = _choose(_weight_layers(functional), trainable_layers)
    if trainable_layers == "all":
        for layer in functional.layers:
            _check_supported(layer, functional)
    builder = _Builder(functional, trained, end, target, order)
    clone = keras.models.clone_model(functional, clone_function=builder.clone, call_function=builder.call)
    for layer in functional.layers:
        if layer.weights:
            copy_state(layer, clone.get_layer(layer.name))
    return builder.network(clone, _forward_macs_beside(model, functional))


def _forward_macs_beside(model, functional) -> int:
    """Of layers that lead to other outputs only: their forward pass runs, too."""
    names = {layer.name for layer in functional.layers}
    beside = [layer for layer in model.layers if isinstance(layer, WEIGHT_LAYERS) and layer.name not in names]
    return sum(math.prod(l.output.shape[1:]) * macs_per_output(l, l.input.shape, l.output.shape) for l in beside)


def _functional(model, output: str | int | None):
    if not model.built or not getattr(model, "inputs", None):
        raise ModelError(
            f"Keras model '{model.name}' has no input shape yet; give a Sequential model a keras.Input, "
            "and write subclassed models in the functional style"
        )
    chosen = model.outputs[position_of(output, keras_output_names(model))]
    if any(d is None for d in chosen.shape[1:]):
        raise ModelError(f"Keras model '{model.name}' has the dynamic output shape {chosen.shape}; "
                         "give every dimension of its input but the batch a number")
    return keras.Model(model.inputs, chosen, name=model.name)


def _weight_layers(functional) -> list:
    """In the order of their calls."""
    return [layer for layer in functional.layers if isinstance(layer, WEIGHT_LAYERS)]


def _choose(layers: list, wanted) -> set[str]:
    names = [layer.name for layer in layers]
    if not names:
        raise ModelError(f"the model has no layer that can be trained; there must be one of {_KINDS}")
    return {names[position] for position in choose(names, wanted)}


def _is_supported(layer) -> bool:
    return not layer.weights or isinstance(layer, (*WEIGHT_LAYERS, keras.layers.BatchNormalization))


def _check_supported(layer, functional) -> None:
    if _is_supported(layer):
        return
    above = []
    for other in reversed(functional.layers):
        if not _is_supported(other):
            break
        above += [other.name] if isinstance(other, WEIGHT_LAYERS) else []
    fix = f"pass trainable_layers={len(above)} to train only {', '.join(reversed(above))}" if above else "replace it"
    raise ModelError(
        f"layer '{layer.name}' ({type(layer).__name__}) has weights and no gradient here; supported are {_KINDS} and "
        f"BatchNormalization. {fix[0].upper()}{fix[1:]}"
    )


def macs_per_output(layer, x_shape, z_shape) -> int:
    """Weights that one element of the layer's output meets. Shapes: of its input and output, batch included."""
    kind, layout = kind_of_keras(layer)
    one_sample = [(1, *shape[1:]) for shape in (x_shape, z_shape)]
    kernel = layout.to_op(np.empty(layer.kernel.shape, np.bool_)).shape
    return kind.macs_per_output(one_sample[0], kernel, one_sample[1])


def _activation_name(layer) -> str | None:
    """The name of an activation that TFLite fuses, of a layer that is nothing else."""
    if isinstance(layer, keras.layers.Activation):
        return layer.activation.__name__
    if isinstance(layer, keras.layers.ReLU) and not layer.negative_slope and not layer.threshold:
        return {None: "relu", 6.0: "relu6"}.get(layer.max_value)
    return None


class _Builder:
    """Rebuilds a functional model call by call, keeping track of what depends on a trained weight."""

    def __init__(self, functional, trained: set[str], end: str | None, target: HookTarget, order):
        self._functional = functional
        self._trained = trained
        self._target = target
        self._order = None if order is None else list(order)
        self._end = end
        self._ends_in = ends.last_layer(functional).name if end else None
        self._activations: dict[str, object] = {}  # layer -> what was taken out of it
        self._depends: set[int] = set()  # ids of tensors that depend on a trained weight
        self._direct: dict[int, tuple[int, str]] = {}  # id of a tensor -> layer number and fused activation
        self._keep = []  # tensors whose ids are above must stay alive
        self._calls: dict[str, int] = {}
        self._layers: dict[int, SparseLayer] = {}  # by their numbers
        self._forward_macs = 0

    def clone(self, layer):
        """The copy of a layer: linear if it has a kernel, and trainable if it trains."""
        config = layer.get_config()
        if isinstance(layer, WEIGHT_LAYERS):
            self._activations[layer.name] = layer.activation
            config["activation"] = "linear"
        copy = type(layer).from_config(config)
        if isinstance(layer, keras.layers.Layer):
            copy.trainable = layer.name in self._trained
        return copy

    def call(self, layer, *args, **kwargs):
        """Calls a copy like its original, with what TinyProp needs around it."""
        inputs = [t for t in keras.tree.flatten((args, kwargs)) if isinstance(t, keras.KerasTensor)]
        depends = any(id(t) in self._depends for t in inputs)
        if isinstance(layer, WEIGHT_LAYERS):
            return self._weight_layer(layer, inputs[0], depends)
        if isinstance(layer, _IDENTITIES):
            return args[0]
        if layer.name == self._ends_in:
            return args[0]
        if depends and isinstance(layer, keras.layers.Layer):
            _check_supported(self._functional.get_layer(layer.name), self._functional)  # the copy is not built yet
            if isinstance(layer, keras.layers.BatchNormalization):
                self._train_normalization(layer, kwargs)
        result = layer(*args, **kwargs)
        if depends:
            self._mark(result)
            self._pass_on_directness(layer, inputs, result)
        return result

    def _train_normalization(self, layer, kwargs: dict) -> None:
        """In training mode, as in Keras' fit(), unless the user has frozen it."""
        layer.trainable = self._functional.get_layer(layer.name).trainable
        kwargs["training"] = layer.trainable

    def _weight_layer(self, layer, x, depends: bool):
        self._calls[layer.name] = call = self._calls.get(layer.name, 0) + 1
        trains = layer.name in self._trained
        if trains and call > 1:
            raise ModelError(f"layer '{layer.name}' is called more than once; shared weights cannot be trained: give "
                             "each call its own layer, or leave this one out of trainable_layers")
        name = layer.name if call == 1 else f"{layer.name}_{call}"
        on_path = trains or depends
        if on_path:
            number = self._number(name)
            x = LayerHook(number, self._target, name=f"{name}__input")(x)
        z = layer(x)
        macs, gradients = macs_per_output(layer, x.shape, z.shape), math.prod(z.shape[1:])
        self._forward_macs += gradients * macs
        activation = self._activations[layer.name]
        if not on_path:
            return self._activate(z, activation, name)
        self._layers[number] = SparseLayer(name, gradients, macs * trains, macs * depends, trains, layer.name)
        z = LayerHook(number, self._target, name=f"{name}__delta")(z, x)
        self._mark(z)
        self._direct[id(z)] = (number, "linear")
        if activation is keras.activations.linear:
            return z
        result = self._activate(z, activation, name)
        self._mark(result)
        if activation.__name__ in _FUSED:
            self._direct[id(result)] = (number, activation.__name__)
        return result

    def _number(self, name: str) -> int:
        if self._order is None:
            return len(self._layers) + 1
        if name not in self._order:
            raise ModelError(
                f"layer '{name}' is on the backward path, but not in layer_order: {', '.join(self._order)}")
        return self._order.index(name) + 1

    def _activate(self, z, activation, name: str):
        if activation is keras.activations.linear:
            return z
        if name == self._ends_in:
            return z
        return keras.layers.Activation(activation, name=f"{name}__activation")(z)

    def _pass_on_directness(self, layer, inputs: list, result) -> None:
        """An activation behind a linear layer is fused like the layer's own."""
        number, fused = self._direct.get(id(inputs[0]), (None, None))
        name = _activation_name(layer)
        if fused == "linear" and name in ("linear", *_FUSED):
            self._direct[id(result)] = (number, name)

    def _mark(self, result) -> None:
        for tensor in keras.tree.flatten(result):
            self._depends.add(id(tensor))
            self._keep.append(tensor)

    def network(self, clone, forward_macs_beside: int) -> Network:
        """What has been built, around the finished clone."""
        if self._order is not None and len(self._order) != len(self._layers):
            names = {layer.name for layer in self._layers.values()}
            raise ModelError("layer_order names layers that are not on the backward path: "
                             f"{', '.join(name for name in self._order if name not in names)}; leave them out")
        number, activation = self._direct.get(id(clone.outputs[0]), (None, None))
        return Network(
            clone, tuple(self._layers[number] for number in sorted(self._layers)), self._forward_macs + forward_macs_beside,
            self._end,
            activation if number == len(self._layers) else None,
        )
