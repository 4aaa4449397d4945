"""Trainer: trains a TrainableModel in the real TFLM interpreter, with Keras' interface."""

from __future__ import annotations

import os
import pathlib

import numpy as np

from tflm_tinyprop import files
from tflm_tinyprop.config import TinyPropConfig
from tflm_tinyprop.errors import ArenaError, ConfigError, DataError, ModelError
from tflm_tinyprop.format import metadata, weight_record
from tflm_tinyprop.host.session import Session
from tflm_tinyprop.trainable_model import TrainableModel
from tflm_tinyprop.training.callbacks import CallbackList, History
from tflm_tinyprop.training.data import prepare_inputs, prepare_labels
from tflm_tinyprop.training.metrics import Totals
from tflm_tinyprop.training.progress import Progress, figures, wanted
from tflm_tinyprop.training.schedules import LearningRates
from tflm_tinyprop.training.steps import PADDING, StepRunner, batches


class Trainer:
    """One model in one interpreter; several trainers in one process are independent.

    Args:
        model: what to train. It is not changed: trained weights live in the trainer.
        config: settings of TinyProp; the model's own if None. May be replaced between calls of fit().
        arena_bytes: arena of the interpreter. None takes enough; a number too small raises ArenaError
            with the size that is needed.

    Attributes:
        step: training steps done so far, also the position in a learning rate schedule.
        stop_training: set it (from a callback) to end fit() after the epoch.
    """

    def __init__(self, model: TrainableModel, *, config: TinyPropConfig | None = None,
                 arena_bytes: int | None = None):
        if not isinstance(model, TrainableModel):
            raise ModelError(f"Trainer takes a TrainableModel from convert() or load(), got {type(model).__name__}")
        self.model = model
        self.config = config or model.config
        self.stop_training = False
        self.history: History | None = None
        self._arena_bytes = _arena_for(model, arena_bytes)
        self._start(model.data, step=0)

    def _start(self, data: bytes, step: int) -> None:
        """Makes the interpreter. Trained variables get their values in the first invoke, so one is done."""
        session = Session(data, self._arena_bytes)
        training = self.model.training
        inputs = {position: np.zeros(t.shape, t.dtype) for position, t in enumerate(self.model.inputs)}
        inputs[training.label_input] = np.zeros(self.model.label.shape, self.model.label.dtype)
        inputs[training.control_input] = self.config.control(0.0)
        if training.keeps_state:
            inputs[training.reset_state_input] = np.array([True])
        session.first_invoke(inputs)
        self._session = session
        self._runner = StepRunner(session, training)
        self._runner.steps = step

    @property
    def step(self) -> int:
        return self._runner.steps

    # Training ---------------------------------------------------------------------------------------

    def fit(self, x, y, *, epochs: int = 1, learning_rate=0.01, validation_data=None, shuffle: bool | None = None,
            seed: int | None = None, callbacks=(), verbose="auto", initial_epoch: int = 0) -> History:
        """Trains for a number of epochs, with the model's batch size.

        Args:
            x: samples [N, ...]; a list or a dict by name for several inputs.
            y: class indices [N]; one-hot labels, labels from 0 to 1 (binary cross entropy) or targets [N, ...].
            learning_rate: a number, or a Keras LearningRateSchedule (or any function) of the step. Functions are asked for a
                few steps at a time; a rate that cannot be ends the training with a ConfigError before its step.
            validation_data: (x, y), evaluated after every epoch.
            shuffle: draws a new order every epoch, from `seed`. None: unless the model is stateful: then x is one stream, of
                which every epoch runs through from its beginning.
            callbacks: Callback objects, ours or Keras'.
            verbose: "auto" shows a progress bar on a terminal.

        Returns:
            History with loss, accuracy, backward_effort, step_effort, skip_rate and non_finite of every
            epoch, and val_loss and val_accuracy with validation data.

        Ctrl-C leaves the trainer with the weights of the last finished step.
        """
        inputs = prepare_inputs(self.model, x)
        labels = prepare_labels(self.model, y, len(inputs[0]))
        validation = self._prepare_pair(validation_data)
        samples = len(labels)
        shuffle = self._check_shuffle(shuffle)
        self._check_whole_batches(samples)
        steps = -(-samples // self.model.batch_size)
        if isinstance(epochs, bool) or not isinstance(epochs, int) or epochs < initial_epoch:
            raise ConfigError(f"epochs must be an integer of at least {initial_epoch}, got {epochs!r}")
        rates = LearningRates(learning_rate, self.step, self.model.batch_size)
        rates[0:1]  # what is no learning rate is refused before anything else happens

        self.history = History()
        params = {"epochs": epochs, "steps": steps, "verbose": verbose, "samples": samples}
        hooks = CallbackList([*callbacks, self.history], self, params)
        generator = np.random.default_rng(seed)
        self.stop_training = False
        hooks.call("on_train_begin", {})
        logs: dict[str, float] = {}
        with Progress(wanted(verbose), transient=True) as progress:
            progress.begin("", total=steps * (epochs - initial_epoch))
            for number, epoch in enumerate(range(initial_epoch, epochs)):
                order = generator.permutation(samples) if shuffle else np.arange(samples)
                hooks.call("on_epoch_begin", epoch, {})
                self.reset_state()
                progress.update(description=f"epoch {epoch + 1}/{epochs}")
                logs = self._run_epoch(
                    inputs, labels, order, rates.after(number * steps), hooks, progress
                )
                if validation is not None:
                    logs |= {f"val_{k}": v for k, v in self._evaluate(*validation, hooks).items()}
                progress.update(figures=figures(logs))
                hooks.call("on_epoch_end", epoch, logs)
                if self.stop_training:
                    break
        hooks.call("on_train_end", logs)
        return self.history

    def _run_epoch(self, inputs, labels, order, rates, hooks, progress) -> dict[str, float]:
        totals = Totals(self.model.training)
        rows = batches(order, self.model.batch_size)
        batch = 0
        chunk = 1 if hooks.needs_batches else 64
        if hooks.needs_batches:
            hooks.call("on_train_batch_begin", 0, {})
        for results in self._runner.run(inputs, labels, rows, self.config.control(0.0), rates, chunk):
            totals.add(results, labels)
            hooks.call("on_steps", results)
            if hooks.needs_batches:
                hooks.call("on_train_batch_end", batch, totals.training())
                if batch + 1 < len(rows):
                    hooks.call("on_train_batch_begin", batch + 1, {})
            batch += len(results.rows)
            progress.update(advance=len(results.rows), figures=figures(totals.training()))
        return totals.training()

    def train_on_batch(self, x, y, *, learning_rate: float = 0.01) -> dict[str, float]:
        """One training step on up to batch_size samples. Returns its metrics, as an epoch of fit().

        A stateful model takes them as the next ones of its stream.
        """
        inputs = prepare_inputs(self.model, x)
        labels = prepare_labels(self.model, y, len(inputs[0]))
        if len(labels) > self.model.batch_size:
            raise DataError(f"train_on_batch got {len(labels)} samples, the model's batch has {self.model.batch_size}")
        self._check_whole_batches(len(labels))
        rates = LearningRates(learning_rate, self.step, self.model.batch_size)[0:1]
        totals = Totals(self.model.training)
        rows = batches(np.arange(len(labels)), self.model.batch_size)
        for results in self._runner.run(inputs, labels, rows, self.config.control(0.0), rates):
            totals.add(results, labels)
        return totals.training()

    # Inference --------------------------------------------------------------------------------------

    def evaluate(self, x, y) -> dict[str, float]:
        """Mean loss and, for a classification, accuracy. Changes nothing; a stateful model sees x as a stream of its own."""
        return self._evaluate(*self._prepare_pair((x, y)))

    def _evaluate(self, inputs, labels, hooks: CallbackList | None = None) -> dict[str, float]:
        totals = Totals(self.model.training)
        if hooks:
            hooks.call("on_test_begin", {})
        for results in self._infer(inputs, labels, self._inference_runner()):
            totals.add(results, labels)
        if hooks:
            hooks.call("on_test_end", totals.evaluation())
        return totals.evaluation()

    def predict(self, x, *, outputs: str | None = None) -> np.ndarray | list[np.ndarray]:
        """The output that the loss is taken on, for every sample, [N, ...]. Changes nothing.

        outputs: "all" gives a list of all outputs of the model, in the order of model.output_names.
        A stateful model sees x as a stream from its beginning; the trainer's own stream stays where it is.
        """
        return self._predict(x, self._inference_runner(), outputs)

    def predict_stream(self, x, *, outputs: str | None = None) -> np.ndarray | list[np.ndarray]:
        """As predict(), for the next samples of the trainer's own stream: goes on from the state that the samples before have
        left, and keeps the one that these leave. It changes nothing else. Without state it is predict()."""
        return self._predict(x, self._runner, outputs)

    def reset_state(self) -> None:
        """The next sample is the first of a new stream: the state of the model's own ops begins anew with it, and nothing else.

        For a model converted with stateful=True; others begin anew with every sample.
        """
        self._runner.begins_stream = True

    def _predict(self, x, runner: StepRunner, outputs: str | None) -> np.ndarray | list[np.ndarray]:
        if outputs not in (None, "all"):
            raise ConfigError(f"predict() takes outputs='all' or None, got {outputs!r}")
        inputs = prepare_inputs(self.model, x)
        label = self.model.label
        labels = np.zeros((len(inputs[0]), *label.shape[1:]), label.dtype)
        if outputs is None:
            return np.concatenate([r.outputs[r.rows != PADDING] for r in self._infer(inputs, labels, runner)])
        for tensor in self.model.outputs:
            if tensor.shape[:1] != (self.model.batch_size,):
                raise ModelError(f"output '{tensor.name}' has shape {tensor.shape}, whose first axis is not the batch; its samples "
                                 "cannot be told apart")
        parts = [[o[r.rows != PADDING] for o in r.outputs] for r in self._infer(inputs, labels, runner, all_outputs=True)]
        return [np.concatenate(output) for output in zip(*parts, strict=True)]

    def _infer(self, inputs, labels, runner: StepRunner, all_outputs: bool = False):
        self._check_whole_batches(len(labels))
        rows = batches(np.arange(len(labels)), self.model.batch_size)
        return runner.run(inputs, labels, rows, self.config.control(0.0), np.zeros(len(rows), np.float32),
                          all_outputs=all_outputs)

    def _inference_runner(self) -> StepRunner:
        """What runs samples that are to change nothing. State cannot be written from outside of TFLM, so that a model that
        keeps some gets another interpreter, with the weights of now."""
        if not self.model.stateful:
            return self._runner
        return StepRunner(Session(self.model.with_values(self._values()), self._arena_bytes), self.model.training)

    def _check_shuffle(self, shuffle: bool | None) -> bool:
        if shuffle and self.model.stateful:
            raise ConfigError("the model keeps state from sample to sample, so that samples cannot be shuffled; leave shuffle out, "
                              "or convert the model with stateful=False")
        return not self.model.stateful if shuffle is None else bool(shuffle)

    def _check_whole_batches(self, samples: int) -> None:
        """Each place in the batch of a stateful model has a state of its own, that of its stream."""
        batch = self.model.batch_size
        if self.model.stateful and samples % batch:
            raise DataError(f"{samples} samples are not a whole number of batches of {batch}: a model that keeps state has a "
                            "stream in every place of the batch; give all of them as many samples")

    def _prepare_pair(self, pair):
        if pair is None:
            return None
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise DataError("validation_data must be a pair (x, y)")
        inputs = prepare_inputs(self.model, pair[0])
        return inputs, prepare_labels(self.model, pair[1], len(inputs[0]))

    # Weights ----------------------------------------------------------------------------------------

    def _values(self) -> list[np.ndarray]:
        """Current values of all variables, the state last, in the order of training.variables."""
        first = self.model.training.first_variable_output
        return [np.array(self._session.output(first + i)) for i in range(len(self.model.training.variables))]

    def get_weights(self) -> list[np.ndarray]:
        """Current values of the trained tensors, as TFLite lays them out (dense kernel: [units, inputs])."""
        return [v for v, record in zip(self._values(), self.model.training.variables, strict=True)
                if record.role != metadata.STATE]

    def set_weights(self, values) -> None:
        """Replaces the trained tensors; the running maxima and the step count stay. A stateful model begins a new stream.

        Raises DataError for other shapes, and for values that are no finite float32.
        """
        current = self._values()
        if len(values) != len(current) - 1:
            raise DataError(f"set_weights takes {len(current) - 1} arrays, got {len(values)}")
        for new, old in zip(values, current):
            if _shape(new) != old.shape:
                raise DataError(f"set_weights got an array of shape {_shape(new)} where {old.shape} is expected")
        for number, new in enumerate(values):
            if not _is_finite(new):
                raise DataError(f"set_weights got values for {self._weight_name(number)} that are no finite float32")
        self._start(self.model.with_values([*values, current[-1]]), self.step)

    def _weight_name(self, number: int) -> str:
        record = self.model.training.variables[number]
        return f"array {number} ({self.model.training.layers[record.layer - 1].name}, {metadata.ROLES[record.role]})"

    def reset(self) -> None:
        """Back to the exported weights, step 0, and the beginning of a stream."""
        self._start(self.model.data, step=0)

    def save_weights(self, path: str | os.PathLike, *, overwrite: bool = False) -> pathlib.Path:
        """Writes weights, running maxima and step count as a weight record (SPEC.md).

        A device that loads it goes on with its schedule at the same step.
        """
        record = weight_record.WeightRecord(self._values(), self.step)
        return files.write_whole(path, weight_record.pack(self.model.training, record), overwrite=overwrite)

    def load_weights(self, path: str | os.PathLike) -> None:
        """Reads a weight record of this model, or the newest one in a dump of a device's weight storage.

        A stateful model begins a new stream: its state is not in the record.

        Raises ModelError if it is damaged, of another model, or holds weights that are not finite. Running maxima may be
        anything: the next step replaces them.
        """
        record = weight_record.unpack_any(self.model.training, files.read_bytes(path), str(path))
        shapes = [self.model.graph.tensors[v.initial].shape for v in self.model.training.variables]
        values = [v.reshape(shape) for v, shape in zip(record.values, shapes, strict=True)]
        for number, value in enumerate(values[:-1]):
            if not _is_finite(value):
                raise ModelError(f"{path} holds values for {self._weight_name(number)} that are not finite")
        self._start(self.model.with_values(values), record.step)

    def to_tflite(self, path: str | os.PathLike | None = None, *, overwrite: bool = False) -> bytes:
        """The ordinary .tflite for inference, with the trained weights; also written to `path` if given."""
        if path is not None:
            files.check_writable(path, overwrite=overwrite)
        data = self.model.inference_model(self._values())
        if path is not None:
            files.write_whole(path, data, overwrite=overwrite)
        return data

    def to_keras(self, keras_model=None):
        """A copy of the Keras model with the trained weights.

        keras_model: the architecture, for a model that was loaded from a file; its layer names count.
        """
        from tflm_tinyprop.conversion import keras_export

        return keras_export.to_keras(
            self.model.graph, self.model.training, self._values(), keras_model or self.model.keras_model
        )


def _shape(values) -> tuple | None:
    """None of what is no array, as rows of unequal lengths."""
    try:
        return np.shape(values)
    except ValueError:
        return None


def _is_finite(values) -> bool:
    """Whether all values are finite in float32; anything else than numbers is not."""
    try:
        with np.errstate(over="ignore"):
            return bool(np.isfinite(np.asarray(values).astype(np.float32)).all())
    except (TypeError, ValueError):
        return False


def _arena_for(model: TrainableModel, wanted: int | None) -> int:
    if wanted is None:
        return model.sufficient_arena_bytes
    needed = model.arena_bytes
    if wanted < needed:
        raise ArenaError(
            f"an arena of {wanted} bytes is too small for this model: it needs {needed} bytes on this host"
        )
    return wanted
