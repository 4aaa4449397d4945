"""Runs training steps in the interpreter. Knows tensors and positions, nothing of epochs or metrics."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np

from tflm_tinyprop.format.metadata import TrainingMetadata
from tflm_tinyprop.format.tables import LAYER_STATISTICS, SAMPLE_STATISTICS
from tflm_tinyprop.host.session import Session
from tflm_tinyprop.training.data import invalid_label
from tflm_tinyprop.training.schedules import LearningRates

PADDING = -1  # in place of a row: the last batch is not full


@dataclasses.dataclass(frozen=True)
class StepResults:
    """What a run of S steps gave. B: batch, L: layers.

    rows: int [S, B], index of the sample or PADDING. outputs: [S, B, ...], the one that the loss is taken on; of a run of
    all outputs a tuple of them.
    loss: [S, B]. statistics: [S, 1 + L, B, 4] (SPEC.md). first_step: number of the first of them.
    """

    first_step: int
    rows: np.ndarray
    learning_rates: np.ndarray
    outputs: np.ndarray | tuple[np.ndarray, ...]
    loss: np.ndarray
    statistics: np.ndarray

    @property
    def status(self) -> np.ndarray:
        """SampleStatus of every sample, [S, B]."""
        return self.statistics[:, 0, :, SAMPLE_STATISTICS.index("status")].astype(np.int32)

    @property
    def rate(self) -> np.ndarray:
        """Error propagation rate S_l, [S, L, B]; 0 where the sample was not trained."""
        return self._of_layers("rate")

    @property
    def gradients_kept(self) -> np.ndarray:
        """k_l, [S, L, B]."""
        return self._of_layers("gradients_kept")

    @property
    def macs(self) -> np.ndarray:
        """Multiply-accumulates of backward pass and update, [S, L, B]."""
        return self._of_layers("macs")

    def _of_layers(self, field: str) -> np.ndarray:
        return self.statistics[:, 1:, :, LAYER_STATISTICS.index(field)]


def batches(order: np.ndarray, batch_size: int) -> np.ndarray:
    """Splits sample indices into rows of a batch each, [S, B]; the last is filled up with PADDING."""
    missing = -len(order) % batch_size
    padded = np.concatenate([order, np.full(missing, PADDING, order.dtype)])
    return padded.reshape(-1, batch_size)


class StepRunner:
    """Feeds samples to a Session and collects what comes back."""

    def __init__(self, session: Session, training: TrainingMetadata):
        self._session = session
        self._training = training
        self.steps = 0  # invokes with a learning rate above 0
        self.begins_stream = True  # the next step resets the state of a model that keeps some

    def run(self, x: list[np.ndarray], y: np.ndarray, rows: np.ndarray, control: np.ndarray,
            learning_rates: np.ndarray | LearningRates, chunk: int = 64,
            all_outputs: bool = False) -> Iterator[StepResults]:
        """Runs one step per row of `rows`, yielding results every `chunk` steps.

        learning_rates: float32 [S], or LearningRates, of which a slice is taken per chunk. all_outputs: collects every
        output of the model, not only the one that the loss is taken on.

        An exception in between (Ctrl-C) loses results, never a step: weights are those of the last one.
        """
        control = control.copy()
        full = bool((rows != PADDING).all())
        for start in range(0, len(rows), chunk):
            part = rows[start : start + chunk]
            first_step = self.steps
            rates = learning_rates[start : start + len(part)]
            run = self._run_full if full else self._run_padded
            outputs, loss, statistics = run(x, y, part, control, rates, all_outputs)
            yield StepResults(
                first_step, part, rates,
                tuple(map(np.stack, zip(*outputs, strict=True))) if all_outputs else np.stack(outputs),
                np.stack(loss), np.stack(statistics),
            )

    def _run_full(self, x, y, rows, control, learning_rates, all_outputs=False):
        """The inner loop: everything that can be is looked up before it."""
        session, training = self._session, self._training
        set_input, invoke, output = session.set_input, session.invoke, session.output
        label, control_at = training.label_input, training.control_input
        loss_at, statistics_at, output_at = training.loss_output, training.statistics_output, training.output
        reset_at = training.reset_state_input if training.keeps_state else None
        single = rows.shape[1] == 1
        only_input = x[0] if len(x) == 1 else None
        outputs, losses, statistics = [], [], []
        for row, rate in zip(rows[:, 0].tolist() if single else rows, learning_rates.tolist(), strict=True):
            # A slice is a view, an index array a copy: with a batch of one nothing is copied here.
            chosen = slice(row, row + 1) if single else row
            if only_input is not None:
                set_input(only_input[chosen], 0)
            else:
                for position, values in enumerate(x):
                    set_input(values[chosen], position)
            control[0] = rate
            set_input(y[chosen], label)
            set_input(control, control_at)
            if reset_at is not None:
                set_input(np.array([self.begins_stream]), reset_at)
            # Ctrl-C during the invoke arrives when it is done: then the step counts.
            begins_stream, self.begins_stream = self.begins_stream, False
            self.steps += rate > 0
            try:
                invoke()
            except Exception:
                self.steps -= rate > 0
                self.begins_stream = begins_stream
                raise
            outputs.append([output(i) for i in range(training.model_outputs)] if all_outputs else output(output_at))
            losses.append(output(loss_at))
            statistics.append(output(statistics_at))
        return outputs, losses, statistics

    def _run_padded(self, x, y, rows, control, learning_rates, all_outputs=False):
        """Any rows, padding included: samples that do not exist get a label that closes their gate.

        The divisor of a step is the whole batch, so the learning rate makes up for the missing samples.
        """
        outputs, losses, statistics = [], [], []
        batch = rows.shape[1]
        for row, rate in zip(rows, learning_rates, strict=True):
            missing = row == PADDING
            chosen = np.where(missing, 0, row)
            labels = y[chosen]
            if rate > 0:
                labels[missing] = invalid_label(y)
            scaled = rate * batch / max(1, batch - missing.sum())
            results = self._run_full(
                [values[chosen] for values in x], labels, np.arange(batch)[None], control,
                np.array([scaled], np.float32), all_outputs,
            )
            for collected, new in zip((outputs, losses, statistics), results, strict=True):
                collected += new
        return outputs, losses, statistics
