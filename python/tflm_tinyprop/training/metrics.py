"""Sums over steps and what they mean: the numbers a History holds."""

from __future__ import annotations

import numpy as np

from tflm_tinyprop.format.losses import BINARY
from tflm_tinyprop.format.metadata import TrainingMetadata
from tflm_tinyprop.format.sample_status import SampleStatus
from tflm_tinyprop.training.steps import PADDING, StepResults

NO_CLASS = -1


def predicted_classes(outputs: np.ndarray) -> np.ndarray:
    """Index of the largest of a sample's outputs [..., classes], of equal ones the first; NO_CLASS if one of them is NaN.

    As firmware's Trainer::PredictedClass: a model that gives NaN is never right.
    """
    classes = outputs.argmax(axis=-1)
    if not np.issubdtype(outputs.dtype, np.floating):
        return classes
    return np.where(np.isnan(outputs).any(axis=-1), NO_CLASS, classes)


def binary_hits(outputs: np.ndarray, labels: np.ndarray, threshold: float) -> float:
    """Sum over the samples [N, ...] of the share of their outputs that are on the label's side; NaN is on no side."""
    right = ((outputs > threshold) == (labels.reshape(outputs.shape) > 0.5)) & ~np.isnan(outputs)
    return float(right.reshape(len(outputs), -1).mean(axis=1).sum())


class Totals:
    """Adds up the results of steps.

    accuracy: share of the samples whose class is right; with binary outputs the share of the outputs that are, as Keras'
    BinaryAccuracy. backward_effort: multiply-accumulates of backward and update over those of full backpropagation of the
    same samples and layers. step_effort: the same with the forward pass in both.
    """

    def __init__(self, training: TrainingMetadata):
        self._training = training
        self.samples = 0
        self.skipped = 0
        self.non_finite = 0
        self._finite_loss = 0.0
        self._finite = 0
        self._correct = 0.0
        self._macs = 0.0

    def add(self, results: StepResults, labels: np.ndarray) -> None:
        """labels: those of all samples; results.rows picks among them."""
        real = results.rows != PADDING
        status = results.status[real]
        loss = results.loss[real]
        self.samples += int(real.sum())
        self.skipped += int((status == SampleStatus.SKIPPED).sum())
        # Without training no sample is judged, so its loss has to tell.
        finite = np.isfinite(loss) & (status != SampleStatus.NON_FINITE)
        self.non_finite += int((~finite).sum())
        self._finite += int(finite.sum())
        self._finite_loss += float(loss[finite].sum(dtype=np.float64))
        self._macs += float(results.macs.sum(dtype=np.float64))
        if self._classifies:
            outputs, expected = results.outputs[real], labels[results.rows[real]]
            if self._training.loss_kind.label == BINARY:
                self._correct += binary_hits(outputs, expected, self._training.output_threshold)
                return
            if expected.ndim > 1:
                expected = expected.argmax(axis=-1)
            self._correct += int((predicted_classes(outputs) == expected).sum())

    @property
    def _classifies(self) -> bool:
        return not self._training.loss_kind.is_regression

    @property
    def backward_effort(self) -> float:
        return self._macs / max(1, self.samples * self._training.backward_macs)

    @property
    def step_effort(self) -> float:
        forward = self.samples * self._training.forward_macs
        full = self.samples * self._training.backward_macs
        return (forward + self._macs) / max(1, forward + full)

    def evaluation(self) -> dict[str, float]:
        """loss (mean over samples with a finite one), and accuracy for a classification."""
        logs = {"loss": self._finite_loss / self._finite if self._finite else float("nan")}
        if self._classifies:
            logs["accuracy"] = self._correct / max(1, self.samples)
        return logs

    def training(self) -> dict[str, float]:
        """evaluation() plus what training cost."""
        return {
            **self.evaluation(),
            "backward_effort": self.backward_effort,
            "step_effort": self.step_effort,
            "skip_rate": self.skipped / max(1, self.samples),
            "non_finite": self.non_finite,
        }
