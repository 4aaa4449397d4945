"""Which loss is meant, and the tensor it is taken on."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from tflm_tinyprop.errors import ConfigError, ModelError
from tflm_tinyprop.format.graph import Graph
from tflm_tinyprop.format.losses import CLASS_INDEX, LOSS_KINDS, LOSS_NAMES, LOSSES, LossKind

_MEANS = ("sum_over_batch_size", "mean", "auto")  # Keras' reductions that are a mean over the batch
# Builtin ops that a cross entropy passes over, and what Keras calls them.
ACTIVATIONS = {"SOFTMAX": "softmax", "LOGISTIC": "sigmoid"}
_RESHAPES = ("RESHAPE", "SQUEEZE", "EXPAND_DIMS")
_THRESHOLD_OF_PROBABILITIES, _THRESHOLD_OF_LOGITS = 0.5, 0.0


@dataclasses.dataclass(frozen=True)
class Loss:
    """A loss with its parameters, under the names that they have in Keras.

    Attributes:
        name: one of format.losses.LOSSES, or an alias ("mse", "mae", "bce").
        label_smoothing: of a cross entropy, in [0, 1]. The label becomes label (1 - s) + s / classes; of a binary one
            label (1 - s) + s / 2.
        delta: of the Huber loss, > 0: where it becomes linear.
        from_logits: False requires that the model ends in the softmax or sigmoid of the loss; None takes either, as does True.

    Raises ConfigError if a value is none of these, ModelError for an unknown loss.
    """

    name: str
    label_smoothing: float = 0.0
    delta: float = 1.0
    from_logits: bool | None = None

    def __post_init__(self):
        name = _full_name(self.name)
        if name is None:
            raise ModelError(f"loss {self.name!r} is not supported; use one of {', '.join(LOSS_NAMES)}")
        object.__setattr__(self, "name", name)
        for parameter, default, is_valid, rule in (
            ("label_smoothing", 0.0, lambda v: 0 <= v <= 1, "in [0, 1]"),
            ("delta", 1.0, lambda v: 0 < v < math.inf and 0 < np.float32(v) < np.inf, "positive and finite in float32"),
        ):
            value = getattr(self, parameter)
            if isinstance(value, bool) or not isinstance(value, (int, float, np.number)) or not is_valid(value):
                raise ConfigError(f"{parameter} must be {rule}, got {value!r}")
            if value != default and parameter not in self.kind.parameters:
                takers = ", ".join(loss.name for loss in LOSSES if parameter in loss.parameters)
                raise ConfigError(f"loss {name} takes no {parameter}; these do: {takers}")
            object.__setattr__(self, parameter, float(value))

    @property
    def kind(self) -> LossKind:
        return LOSS_KINDS[self.name]

    @classmethod
    def of(cls, loss) -> Loss:
        """loss: a Loss, a name, or one of Keras' losses, as an object or function. Raises ModelError."""
        if isinstance(loss, Loss):
            return loss
        if isinstance(loss, str):
            return cls(loss)
        kind = next((k for k in LOSSES if k.keras_class == type(loss).__name__), None)
        if kind is not None and hasattr(loss, "get_config"):
            return _of_keras(kind, loss)
        if callable(loss) and getattr(loss, "__module__", "").startswith("keras") and getattr(loss, "__name__", "") in LOSS_KINDS:
            return cls(loss.__name__)
        raise ModelError(f"loss {loss!r} is not supported; use one of {', '.join(LOSS_NAMES)}, the Keras loss of that name, or "
                         "tflm_tinyprop.Loss")


def _full_name(name) -> str | None:
    return next((kind.name for kind in LOSSES if name in (kind.name, kind.keras_class, *kind.aliases)), None)


def _of_keras(kind: LossKind, loss) -> Loss:
    """A Keras loss object, by what it says of itself."""
    # Keras' Huber leaves delta out of its configuration.
    settings = {**getattr(loss, "_fn_kwargs", {}), **loss.get_config()}
    for name, allowed in (("reduction", _MEANS), ("axis", (-1, 1)), ("ignore_class", (None,))):
        if settings.get(name, allowed[0]) not in allowed:
            raise ModelError(f"{kind.keras_class} with {name}={settings[name]!r} is not supported; leave {name} at its default")
    return Loss(kind.name, from_logits=settings.get("from_logits"),
                **{name: settings[name] for name in kind.parameters if name in settings})


@dataclasses.dataclass(frozen=True)
class LossTarget:
    """tensor: that the loss is taken on. output: position of the model's output it belongs to. threshold: above it an output
    of a binary cross entropy stands for label 1.
    """

    tensor: int
    output: int
    threshold: float


def find_target(graph: Graph, loss: Loss, output: str | int | None, batch_size: int) -> LossTarget:
    """Where the loss is taken. Raises ModelError if the model does not end in what this loss is made for."""
    position = choose_output(graph, output)
    tensor, threshold = graph.outputs[position], _THRESHOLD_OF_PROBABILITIES
    if loss.kind.is_cross_entropy:
        logits = _logits(graph, loss, tensor)
        threshold = threshold if logits != tensor else _THRESHOLD_OF_LOGITS
        check_classes(loss, graph.tensors[logits].name, graph.tensors[logits].shape)
        tensor = logits
    found = graph.tensors[tensor]
    if found.dtype != np.float32 or not found.shape or found.shape[0] != batch_size:
        raise ModelError(
            f"output '{found.name}' is {found.dtype} {found.shape}; the loss needs float32 with batch {batch_size}; "
            "convert without quantization"
        )
    return LossTarget(tensor, position, threshold)


def output_names(graph: Graph, count: int | None = None) -> list[str]:
    """Names of the model's outputs: of several those of its signature, if it has one; else those of its tensors.

    count: how many of the graph's outputs are the model's own; None for all.
    """
    outputs = graph.outputs[:count]
    signature = {index: name for name, index in graph.signature_outputs().items()} if len(outputs) > 1 else {}
    return [signature.get(t, graph.tensors[t].name) for t in outputs]


def choose_output(graph: Graph, wanted: str | int | None) -> int:
    """Position of an output given by name or position; None is allowed if there is only one. Raises ModelError."""
    return position_of(wanted, output_names(graph), [graph.tensors[t].name for t in graph.outputs])


def position_of(wanted: str | int | None, names: list[str], other_names: list[str] | None = None) -> int:
    """As choose_output(). other_names: that the outputs may be called by, too."""
    listed = ", ".join(f"{i} '{name}'" for i, name in enumerate(names))
    if wanted is None:
        if len(names) != 1:
            raise ModelError(f"the model has {len(names)} outputs ({listed}); choose the one that the loss is taken on, by "
                             "position or name: output=0 (--output 0)")
        return 0
    if isinstance(wanted, (int, np.integer)) and not isinstance(wanted, bool) and 0 <= wanted < len(names):
        return int(wanted)
    found = [i for i, known in enumerate(zip(names, other_names or names, strict=True)) if wanted in known]
    if len(found) != 1:
        what = "none of the model's outputs" if not found else "the name of several outputs; give its position"
        raise ModelError(f"output {wanted!r} is {what}; there are {listed}")
    return found[0]


def _logits(graph: Graph, loss: Loss, output: int) -> int:
    """What a cross entropy is taken on: the input of its own activation if the model ends in it, else the output."""
    kind, name = loss.kind, graph.tensors[output].name
    end, is_direct = _activation_at(graph, output)
    if end is None:
        if loss.from_logits is False:
            raise ModelError(missing_activation(loss, name))
        return output
    activation = ACTIVATIONS[end.kind]
    if end.kind != kind.passes_over:
        raise ModelError(f"loss {kind.name} cannot be taken on output '{name}' of a {activation}: "
                         f"{advice_on(activation, graph.tensors[end.outputs[0]].shape)}")
    if not is_direct:
        raise ModelError(f"output '{name}' is a {activation}'s that was reshaped; reshape in front of the {activation}, so that "
                         f"loss {kind.name} finds the logits")
    beta = getattr(end.options, "beta", 1.0) if end.kind == "SOFTMAX" else 1.0
    if beta != 1.0:
        raise ModelError(f"the model ends in a softmax with beta {beta}; only beta 1 can be trained")
    return end.inputs[0]


def _activation_at(graph: Graph, tensor: int):
    """(SOFTMAX or LOGISTIC op that a tensor comes from or None, whether without a reshaping between)."""
    producers, is_direct = graph.producers(), True
    while tensor in producers:
        op = graph.ops[producers[tensor]]
        if op.kind in ACTIVATIONS:
            return op, is_direct
        if op.kind not in _RESHAPES:
            break
        tensor, is_direct = op.inputs[0], False
    return None, True


def missing_activation(loss: Loss, output: str) -> str:
    """What is wrong where a loss says that it is not taken on logits, and the model has no activation."""
    activation = ACTIVATIONS[loss.kind.passes_over]
    return (f"loss {loss.name} has from_logits=False, but output '{output}' is not a {activation}'s; end the model in a "
            f"{activation}, or give from_logits=True if the output holds logits")


def advice_on(end: str, shape) -> str:
    """What to do about a model whose last activation, of this shape, is not the loss's."""
    if end == "softmax":
        if tuple(shape[-1:]) == (1,):
            return "a softmax over one element is always 1; end the model in a sigmoid"
        return ("its elements are the classes of one decision; use loss='sparse_categorical_crossentropy' (labels are class "
                "indices) or 'categorical_crossentropy' (one-hot)")
    return ("its elements are decisions of their own; use loss='binary_crossentropy' (labels from 0 to 1, one for each "
            "element), or end the model in a softmax if they are classes that exclude each other")


def check_classes(loss: Loss, output: str, shape: tuple) -> None:
    """Raises ModelError unless a softmax cross entropy is taken on at least two classes."""
    if loss.kind.passes_over != "SOFTMAX":
        return
    if len(shape) != 2:
        raise ModelError(f"loss {loss.name} needs an output of shape [batch, classes], the model's has {shape}")
    if shape[1] == 1:
        labels = "labels 0 and 1" + (", float32 or integers, of shape (samples, 1)" if loss.kind.label != CLASS_INDEX else "")
        raise ModelError(
            f"loss {loss.name} cannot be taken on output '{output}' of one element: a softmax over one class is always 1, "
            f"so that nothing is learnt; use loss='binary_crossentropy' ({labels}), or 'mean_squared_error' for a number"
        )
