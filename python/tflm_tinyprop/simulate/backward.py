"""The backward pass of a step: what happens at the output, and at every layer's delta.

Objects here live while TensorFlow traces one step; their attributes are tensors of that trace.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import tensorflow as tf

from tflm_tinyprop.config import TinyPropConfig
from tflm_tinyprop.simulate import sparsity
from tflm_tinyprop.simulate.network import Network
from tflm_tinyprop.simulate.options import DECISION_DECAY, Options


@dataclasses.dataclass(frozen=True)
class Rules:
    """What every step goes by.

    channels: of each layer the output channels that take part, bool [C]; None for all. bound: of the decision's running maximum,
    0 for none.
    """

    network: Network
    config: TinyPropConfig
    options: Options
    channels: tuple[np.ndarray | None, ...]
    seed: int
    bound: float = 0.0

    def bounded(self, maximum: tf.Tensor, finite: tf.Tensor) -> tf.Tensor:
        """The running maximum after a step in which these samples were finite."""
        return tf.where(tf.reduce_any(finite), tf.minimum(maximum, self.bound), maximum) if self.bound else maximum

    @property
    def keeps_all(self) -> bool:
        """Whether k = n whatever alpha is, so that nothing has to be selected."""
        return self.config.s_min >= 1 and (self.config.zeta >= 1 or len(self.network.layers) == 1)

    def gradients(self, number: int) -> int:
        """n of layer l = `number`: gradients that can take part."""
        n, channels = self.network.layers[number - 1].gradients, self.channels[number - 1]
        return n if channels is None else n // len(channels) * int(channels.sum())


class Forward:
    """Watches a forward pass for samples that are not finite. finite: bool [B]."""

    def __init__(self, inputs: list):
        self.finite = _all_finite(inputs[0])
        for values in inputs[1:]:
            self.finite &= _all_finite(values)

    def guard(self, x: tf.Tensor) -> tf.Tensor:
        """A layer's input with zeros for samples that are not finite: 0 times infinity would be NaN in the update."""
        self.finite &= _all_finite(x)
        return keep(self.finite, x)

    def sparsify(self, number: int, delta: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
        """How a hook reaches the backward pass, which begins later."""
        return self.backward.sparsify(number, delta, x)


@dataclasses.dataclass
class Decision:
    """What was decided for the B samples of a step. maximum, variant_maximum: float32 scalars after it."""

    finite: tf.Tensor  # bool [B]
    trained: tf.Tensor  # bool [B]
    maximum: tf.Tensor  # of Y at the output
    variant_maximum: tf.Tensor  # of what takes its place in the decision (Options.decision)


def decide(rules: Rules, finite: tf.Tensor, loss: tf.Tensor, errors: tf.Tensor, maximum: tf.Tensor,
           variant_maximum: tf.Tensor) -> Decision:
    """finite, loss and errors (Y at the output): [B]."""
    finite = finite & tf.math.is_finite(loss) & tf.math.is_finite(errors)
    maximum = rules.bounded(sparsity.next_running_maximum(maximum, errors, finite, rules.config.decay), finite)
    kind = rules.options.decision
    if kind == "running_maximum":
        alpha = sparsity.relative_error(errors, maximum)
    else:
        values, decay = (loss, rules.config.decay) if kind == "loss" else (errors, DECISION_DECAY)
        variant_maximum = sparsity.next_running_maximum(variant_maximum, values, finite, decay)
        if kind != "loss":
            variant_maximum = rules.bounded(variant_maximum, finite)
        alpha = sparsity.relative_error(values, variant_maximum)
    trained = finite & ~(sparsity.decision_metric(rules.config, alpha) < rules.config.threshold)
    return Decision(finite, trained, maximum, variant_maximum)


class Backward:
    """One backward pass, from the output layer down.

    Attributes:
        trained: bool [B], samples that take part; a layer may find one that is not finite.
        maxima: L running maxima of the layers, scalars.
        kept: k of the layers, L times int32 [B].
    """

    def __init__(self, rules: Rules, decision: Decision, maxima: tf.Tensor, learning_rate: tf.Tensor, step: tf.Tensor):
        self.trained = decision.trained
        self.maxima = tf.unstack(maxima)
        self.kept = [tf.zeros_like(self.trained, tf.int32)] * len(self.maxima)
        self._rules = rules
        self._learning_rate = learning_rate
        self._step = step
        if rules.network.output_activation is not None:
            self.maxima[-1] = decision.maximum  # that layer shares alpha with the decision

    def sparsify(self, number: int, delta: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
        """delta of layer l = `number`, of z's shape, with zeros for gradients that do not take part. x: its input."""
        rules, layer = self._rules, self._rules.network.layers[number - 1]
        values = self._in_channels(number, delta)
        errors = sparsity.local_error(values)
        updates = layer.trains and not rules.options.bias_only
        self.trained &= self._update_is_finite(errors, x if updates else None)
        index, above = number - 1, rules.network.layers_above(number)
        if number < len(self.maxima) or rules.network.output_activation is None:
            self.maxima[index] = sparsity.next_running_maximum(
                self.maxima[index], errors, self.trained, rules.config.decay)
        alpha = sparsity.relative_error(errors, self.maxima[index])
        rate = sparsity.error_propagation_rate(rules.config, alpha, above)
        k = tf.where(self.trained, sparsity.gradient_count(rate, rules.gradients(number), errors), 0)
        self.kept[index] = k
        return tf.reshape(tf.where(self._mask(number, values, k), values, 0.0), tf.shape(delta))

    def _in_channels(self, number: int, delta: tf.Tensor) -> tf.Tensor:
        """delta as [B, n], with zeros outside the static channels."""
        channels = self._rules.channels[number - 1]
        if channels is not None:
            delta = tf.where(channels, delta, 0.0)
        return tf.reshape(delta, [-1, self._rules.network.layers[number - 1].gradients])

    def _mask(self, number: int, values: tf.Tensor, k: tf.Tensor) -> tf.Tensor:
        if self._rules.keeps_all:
            return self.trained[:, None]
        if self._rules.options.selection == "random":
            seed = tf.stack([self._step, self._rules.seed + number])
            return sparsity.random_mask(values, k, seed, self._rules.channels[number - 1])
        return sparsity.top_k_mask(values, k)

    def _update_is_finite(self, errors: tf.Tensor, x: tf.Tensor | None) -> tf.Tensor:
        """bool [B]: the sums of the deltas' and the inputs' magnitudes bound the change of every weight."""
        factor = self._learning_rate * errors
        finite = tf.math.is_finite(errors) & tf.math.is_finite(factor)
        if x is None:
            return finite
        size = tf.reduce_sum(tf.abs(tf.reshape(x, [-1, math.prod(x.shape[1:])])), axis=1)
        return finite & ((factor <= 1.0) | tf.math.is_finite(factor * size))


def output_error(delta: tf.Tensor, outputs: tf.Tensor, activation: str | None) -> tf.Tensor:
    """Y [B] that the decision is taken on: of the gradient before the activation fused into the output layer."""
    if activation in ("relu", "relu6"):
        passes = outputs > 0 if activation == "relu" else (outputs > 0) & (outputs < 6)
        delta = tf.where(passes, delta, 0.0)
    return sparsity.local_error(tf.reshape(delta, [-1, math.prod(delta.shape[1:])]))


def keep(samples: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    """values [B, ...] with zeros for the samples [B, bool] that are not kept."""
    return tf.where(_broadcast(samples, values), values, tf.zeros_like(values))


def _all_finite(values: tf.Tensor) -> tf.Tensor:
    """bool [B]."""
    if not values.dtype.is_floating:
        return tf.ones(tf.shape(values)[:1], tf.bool)
    return tf.reduce_all(tf.math.is_finite(values), axis=list(range(1, values.shape.rank)))


def _broadcast(samples: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    return tf.reshape(samples, [-1] + [1] * (values.shape.rank - 1))
