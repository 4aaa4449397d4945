"""TinyPropSimulation: a Keras model trained by TinyProp, with Keras' own fit()."""

from __future__ import annotations

import dataclasses
import functools
import math

import keras
import numpy as np
import tensorflow as tf

from tflm_tinyprop.config import TinyPropConfig
from tflm_tinyprop.conversion.keras_weights import copy_state
from tflm_tinyprop.conversion.losses import Loss
from tflm_tinyprop.errors import ConfigError, DataError
from tflm_tinyprop.format.losses import BINARY, CLASS_INDEX
from tflm_tinyprop.format.sample_status import SampleStatus
from tflm_tinyprop.simulate import channels
from tflm_tinyprop.simulate.backward import Backward, Forward, Rules, decide, keep, output_error
from tflm_tinyprop.simulate.losses import LOSSES
from tflm_tinyprop.simulate.network import HookTarget, make_network
from tflm_tinyprop.simulate.options import Options
from tflm_tinyprop.simulate.totals import StepRecord
from tflm_tinyprop.simulate.trackers import Trackers

# Bytes of samples that one call of the compiled loop takes, and the most steps.
_CHUNK_BYTES, _CHUNK_STEPS = 1 << 26, 1 << 12


class TinyPropSimulation(keras.Model):
    """TinyProp on a copy of a Keras model, in TensorFlow.

    Trains what the ops would train, step for step: the same samples are skipped, the same gradients kept. The
    layers that can be trained are those of conversion/layer_kinds. A batch normalisation on the backward path is in
    training mode and learns, as in Keras' fit() and unlike in the ops, for which it is folded; those below the first
    trained layer, or frozen by the user, stay in inference mode. Dropout and noise layers do nothing, as in the ops.

        simulation = TinyPropSimulation(keras_model, TinyPropConfig.v2(), trainable_layers=2)
        simulation.compile(keras.optimizers.SGD(schedule))
        history = simulation.fit(x, y, batch_size=32, epochs=10)
        tuned = simulation.trained_model()

    fit() gives loss, accuracy (of a classification), backward_effort, step_effort, skip_rate and non_finite;
    train_steps() is the same without Keras' callbacks, several times as fast with small batches. predict() gives what
    the given model's predict() would with the trained weights.

    Where it deviates from the ops: k can differ where S n lies within rounding error of a half; a sample with an
    activation that is not finite counts as not finite, even if a later ReLU6 would have hidden it.

    Args:
        keras_model: a built Sequential or functional model. It is not changed.
        config: settings of TinyProp; v2 if None.
        trainable_layers: "all", a number of last layers, or names.
        loss, output: as convert() takes them.
        selection, bias_only, static_channels, decision: variants that the ops do not have (Options).
        seed: of what selection="random" draws.
        layer_order: names of the layers on the backward path, l = 1..L. None takes the order in which Keras calls them.
            Of parallel branches of equal depth the converter may number the layers otherwise; then zeta acts on them
            as it does there with [layer.name for layer in convert(...).training.layers].
        jit_compile: whether train_steps() compiles with XLA. None does for networks of dense layers, where it is much
            faster; XLA's convolutions are slow on a CPU.

    Attributes:
        layers_on_path: SparseLayer l = 1..L.
        costs: multiply-accumulates per gradient kept, float64 [L].

    Raises:
        ModelError: the model cannot be trained so; names the layer and what to do.
        ConfigError: an option is out of its range.
    """

    def __init__(self, keras_model, config: TinyPropConfig | None = None, *, trainable_layers="all",
                 loss="sparse_categorical_crossentropy", output: str | int | None = None, selection: str = "largest", bias_only: bool = False,
                 static_channels: float | None = None, decision: str = "running_maximum", seed: int = 0,
                 layer_order=None, jit_compile: bool | None = None):
        super().__init__(name=f"{keras_model.name}_tinyprop")
        options = Options(selection, bias_only, static_channels, decision)
        self._loss_kind = Loss.of(loss).kind
        parameters = {name: getattr(Loss.of(loss), name) for name in self._loss_kind.parameters}
        self._loss_of = functools.partial(LOSSES[self._loss_kind.name], **parameters)
        self._target = HookTarget()
        network = make_network(keras_model, trainable_layers, Loss.of(loss), output, self._target, layer_order)
        self.network = network
        self._inner = network.model  # so that Keras finds the weights
        # Of layers that lead to other outputs only, which are not part of the network.
        inside = {layer.name for layer in network.model.layers}
        whole = keras.models.clone_model(keras_model)
        self._beside = {}
        for layer in keras_model.layers:
            if layer.weights and layer.name not in inside:
                self._beside[layer.name] = whole.get_layer(layer.name)
                copy_state(layer, self._beside[layer.name])
        chosen = channels.choose(network, static_channels)
        bound = self._loss_kind.bound / math.prod(network.model.outputs[0].shape[1:])
        self._rules = Rules(network, config or TinyPropConfig(), options, chosen, seed, bound)
        self._updates = _updated_variables(network, options)
        self._copy_original = lambda: keras.models.clone_model(keras_model)
        self._maxima = tf.Variable(tf.zeros(len(network.layers) + 2), trainable=False, name="maxima")
        self._random_step = tf.Variable(0, trainable=False, name="random_step", dtype=tf.int32)
        self._trackers = Trackers(network, self.costs, self.classifies)
        if jit_compile is None:
            jit_compile = all(len(variable.shape) < 3 for variable in network.model.weights)
        self._run = tf.function(self._run_steps, jit_compile=jit_compile, autograph=False)
        self._run_rest = tf.function(self._run_steps, autograph=False)  # a step an epoch is not worth compiling
        self.built = True

    # What it is -------------------------------------------------------------------------------------

    @property
    def classifies(self) -> bool:
        return not self._loss_kind.is_regression

    @property
    def layers_on_path(self) -> tuple:
        return self.network.layers

    @property
    def costs(self) -> np.ndarray:
        layers, bias_only = self.network.layers, self._rules.options.bias_only
        return np.array([l.hand_down_macs + (0 if bias_only else l.update_macs) for l in layers], np.float64)

    @property
    def running_maxima(self) -> np.ndarray:
        """float32 [2 + L]: of the decision's Y, of each layer's, and of what takes Y's place in the decision."""
        return self._maxima.numpy()

    @property
    def static_channels(self) -> tuple:
        """Of each layer the output channels that take part, bool [C], or None for all."""
        return self._rules.channels

    def trained_model(self):
        """A copy of the original model with the trained weights."""
        copy = self._copy_original()
        for layer in copy.layers:
            if layer.weights:
                copy_state(self._beside.get(layer.name) or self._inner.get_layer(layer.name), layer)
        return copy

    # Keras' interface -------------------------------------------------------------------------------

    def compile(self, optimizer="sgd", **options):
        """optimizer: keras.optimizers.SGD without momentum, with a number or any schedule as learning rate.

        options: those of keras.Model.compile that are not about losses and metrics. Raises ConfigError.
        """
        optimizer = keras.optimizers.get(optimizer)
        settings = optimizer.get_config()
        extras = ("momentum", "weight_decay", "clipnorm", "global_clipnorm", "clipvalue", "use_ema",
                  "gradient_accumulation_steps")
        if type(optimizer) is not keras.optimizers.SGD or any(settings.get(name) for name in extras):
            raise ConfigError("TinyProp is SGD without momentum, weight decay or clipping; "
                              f"pass keras.optimizers.SGD(learning_rate), not {optimizer.name} with {settings}")
        for name in ("loss", "loss_weights", "metrics", "weighted_metrics"):
            if options.get(name) is not None:
                raise ConfigError(f"compile() takes no {name}: the loss is an argument of TinyPropSimulation")
        super().compile(optimizer, **options)

    @property
    def metrics(self):
        return self._trackers.all

    def call(self, inputs, training=None):
        outputs = self._inner(inputs, training=False)
        return {None: tf.identity, "softmax": tf.nn.softmax, "sigmoid": tf.nn.sigmoid}[self.network.end](outputs)

    def train_step(self, data):
        x, y = _without_weights(data)
        done = self._step(_as_list(x), y, tf.cast(self.optimizer.learning_rate, tf.float32))
        self.optimizer.iterations.assign_add(1)
        return self._trackers.update(*done)

    def test_step(self, data):
        x, y = _without_weights(data)
        outputs = self._inner(x, training=False)
        return self._trackers.update_evaluation(self._loss_of(outputs, y)[0], self._correct(outputs, y))

    # One step ---------------------------------------------------------------------------------------

    def _step(self, inputs: list, labels, learning_rate):
        """Trains on a batch. Returns (loss [B], status [B], correct [B], k [B, L])."""
        forward = self._target.current = Forward(inputs)
        try:
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(self._updates)
                outputs = self._inner(inputs if len(inputs) > 1 else inputs[0])
        finally:
            self._target.current = None
        loss, delta = self._loss_of(outputs, labels)
        errors = output_error(delta, outputs, self.network.output_activation)
        maxima = self._maxima.read_value()
        decision = decide(self._rules, forward.finite, loss, errors, maxima[0], maxima[-1])
        is_training = (learning_rate > 0) & tf.math.is_finite(learning_rate)
        decision = dataclasses.replace(decision, trained=decision.trained & is_training)
        step = self._random_step.assign_add(1)

        def train():
            forward.backward = Backward(self._rules, decision, maxima[1:-1], learning_rate, step)
            gradients = tape.gradient(outputs, self._updates, keep(decision.trained, delta), "zero")
            scale = learning_rate / tf.cast(tf.shape(loss)[0], tf.float32)
            for variable, gradient in zip(self._updates, gradients, strict=True):
                variable.assign_sub(scale * gradient)
            done = forward.backward
            return tf.stack(done.maxima), tf.stack(done.kept, axis=1), done.trained

        def rest():
            return maxima[1:-1], tf.zeros([tf.shape(loss)[0], len(self.network.layers)], tf.int32), decision.trained

        layer_maxima, kept, trained = tf.cond(tf.reduce_any(decision.trained), train, rest)
        after = tf.concat([decision.maximum[None], layer_maxima, decision.variant_maximum[None]], axis=0)
        self._maxima.assign(tf.where(is_training, after, maxima))
        status = tf.where(trained, int(SampleStatus.TRAINED), int(SampleStatus.SKIPPED))
        finite = decision.finite & (trained | ~decision.trained)
        status = tf.where(finite, status, int(SampleStatus.NON_FINITE))
        status = tf.where(is_training, status, int(SampleStatus.INFERENCE))
        return loss, status, self._correct(outputs, labels), kept

    def _correct(self, outputs, labels):
        """float32 [B]: 1 where the class is right, of binary outputs the share that is; 0 for a regression."""
        if not self.classifies:
            return tf.zeros(tf.shape(outputs)[:1])
        if self._loss_kind.label == BINARY:  # on logits
            positive = tf.reshape(labels, tf.shape(outputs)) > 0.5
            right = ((outputs > 0) == positive) & ~tf.math.is_nan(outputs)
            return tf.reduce_mean(tf.reshape(tf.cast(right, tf.float32), [tf.shape(outputs)[0], -1]), axis=1)
        expected = tf.reshape(labels, [-1]) if self._loss_kind.label == CLASS_INDEX else tf.argmax(labels, axis=1)
        is_nan = tf.reduce_any(tf.math.is_nan(outputs), axis=1)  # never right, as in training.metrics
        return tf.cast((tf.argmax(outputs, axis=1) == tf.cast(expected, tf.int64)) & ~is_nan, tf.float32)

    # Many steps -------------------------------------------------------------------------------------

    def train_steps(self, x, y, learning_rates, batch_size: int = 1) -> StepRecord:
        """Trains once on all samples, in the order given.

        Args:
            x: samples [N, ...], or a list of them for several inputs.
            y: class indices [N], or labels or targets [N, ...].
            learning_rates: of each of the ceil(N / batch_size) steps; a step with rate 0 changes nothing.
            batch_size: the last batch may be smaller, and is averaged over the samples it has.

        Raises DataError if the sizes do not fit.
        """
        inputs = [np.asarray(values, np.float32) for values in _as_list(x)]
        labels = np.asarray(y, np.int32 if self._loss_kind.label == CLASS_INDEX else np.float32)
        rates = np.asarray(learning_rates, np.float32)
        samples, steps = len(labels), -(-len(labels) // batch_size)
        if not samples or rates.shape != (steps,) or any(len(values) != samples for values in inputs):
            raise DataError(f"train_steps got samples {[v.shape for v in inputs]}, labels {labels.shape} and rates "
                            f"{rates.shape}; {samples} labels in batches of {batch_size} need {steps} rates")
        parts, arrays = [], [*inputs, labels]
        whole = samples // batch_size
        chunk = self._chunk(whole, batch_size, arrays)
        for first in range(0, whole, chunk):
            steps = min(chunk, whole - first)
            parts.append(_run_chunk(self._run, arrays, rates, first, steps, batch_size, chunk))
        if samples % batch_size:
            rest = [array[whole * batch_size :] for array in arrays]
            parts.append(_run_chunk(self._run_rest, rest, rates[-1:], 0, 1, samples % batch_size, 1))
        return StepRecord(*(np.concatenate(fields) for fields in zip(*parts, strict=True)))

    @staticmethod
    def _chunk(steps: int, batch_size: int, arrays: list) -> int:
        """Steps per call of the loop: a power of two, since every new one is compiled anew."""
        per_step = batch_size * sum(array[:1].nbytes for array in arrays)
        most = max(1, min(_CHUNK_STEPS, _CHUNK_BYTES // max(1, per_step)))
        return min(1 << max(0, steps - 1).bit_length(), 1 << (most.bit_length() - 1))

    def _run_steps(self, inputs: list, labels, rates, steps):
        """The compiled loop: `steps` steps of samples [S, B, ...]; results [S, B, ...], of steps done."""
        size = labels.shape[0]
        types = (tf.float32, tf.int32, tf.float32, tf.int32)
        results = tuple(tf.TensorArray(dtype, size, element_shape=[labels.shape[1], *shape])
                        for dtype, shape in zip(types, ([], [], [], [len(self.network.layers)]), strict=True))

        def body(i, results):
            done = self._step([values[i] for values in inputs], labels[i], rates[i])
            return i + 1, tuple(array.write(i, values) for array, values in zip(results, done, strict=True))

        _, results = tf.while_loop(lambda i, _: i < steps, body, (0, results))
        return tuple(array.stack() for array in results)


def _run_chunk(run, arrays: list, rates, first: int, steps: int, batch_size: int, size: int) -> list:
    """run() on steps [first, first + steps) of samples in batches, padded to `size` steps. Results per sample."""
    def batched(array, per_step):
        part = array[first * per_step : (first + steps) * per_step]
        padded = np.concatenate([part, np.zeros((size * per_step - len(part), *array.shape[1:]), array.dtype)])
        return tf.constant(padded.reshape(size, per_step, *array.shape[1:]))

    *inputs, labels = (batched(array, batch_size) for array in arrays)
    done = run(inputs, labels, batched(rates, 1)[:, 0], tf.constant(steps))
    return [result.numpy()[:steps].reshape(steps * batch_size, *result.shape[2:]) for result in done]


def _updated_variables(network, options: Options) -> list:
    """The variables that a step changes."""
    variables = []
    for layer in network.model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            changed = [] if options.static_channels is not None else [layer.beta] if options.bias_only else [
                layer.gamma, layer.beta]
        elif hasattr(layer, "kernel"):
            changed = [None if options.bias_only else layer.kernel, layer.bias if layer.use_bias else None]
        else:
            changed = []
        variables += [variable.value for variable in changed if layer.trainable and variable is not None]
    return variables


def _as_list(x) -> list:
    return list(x) if isinstance(x, (list, tuple)) else [x]


def _without_weights(data):
    x, y, weights = keras.utils.unpack_x_y_sample_weight(data)
    if weights is not None:
        raise ConfigError("sample_weight is not supported: TinyProp averages over the samples of a batch")
    return x, y
