"""What steps did, and the numbers a History holds (as tflm_tinyprop.training.metrics has them for the interpreter)."""

from __future__ import annotations

import dataclasses

import numpy as np

from tflm_tinyprop.format.sample_status import SampleStatus
from tflm_tinyprop.simulate.network import Network


@dataclasses.dataclass(frozen=True)
class StepRecord:
    """N samples in the order in which they were trained.

    Attributes:
        loss: float32 [N], before the sample's step.
        status: int32 [N], SampleStatus.
        correct: float32 [N], 1 if the class was right before the step, of binary outputs the share that was; 0 for a regression.
        gradients_kept: k, int32 [N, L]; 0 where a sample was not trained.
    """

    loss: np.ndarray
    status: np.ndarray
    correct: np.ndarray
    gradients_kept: np.ndarray


def summarize(record: StepRecord, network: Network, costs: np.ndarray, classifies: bool) -> dict[str, float]:
    """Metrics of an epoch. costs: multiply-accumulates per gradient kept, [L]."""
    samples = max(1, len(record.loss))
    finite = np.isfinite(record.loss) & (record.status != SampleStatus.NON_FINITE)
    macs = float((record.gradients_kept.sum(axis=0, dtype=np.float64) * costs).sum()) / samples
    backward, forward = network.backward_macs, network.forward_macs
    metrics = {"loss": float(record.loss[finite].mean(dtype=np.float64)) if finite.any() else float("nan")}
    if classifies:
        metrics["accuracy"] = float(record.correct.sum()) / samples
    return metrics | {
        "backward_effort": macs / max(1, backward),
        "step_effort": (forward + macs) / max(1, forward + backward),
        "skip_rate": float((record.status == SampleStatus.SKIPPED).sum()) / samples,
        "non_finite": int((~finite).sum()),
    }


def gradient_shares(record: StepRecord, network: Network) -> dict[str, float]:
    """Layer -> mean k / n over the samples that were trained; empty without any."""
    kept = record.gradients_kept[record.status == SampleStatus.TRAINED]
    if not len(kept):
        return {}
    return {layer.name: float(share / layer.gradients)
            for layer, share in zip(network.layers, kept.mean(axis=0, dtype=np.float64), strict=True)}
