"""The decision metric (arXiv 2409.07109): which samples are worth a backward pass.

    D = (D_min + alpha_L (D_max - D_min)) beta      at the output layer; skipped if D < threshold
"""

import dataclasses

import numpy as np

from tflm_tinyprop.config import TinyPropConfig
from tflm_tinyprop.format.sample_status import SampleStatus
from tflm_tinyprop.reference.adaptive_rate import local_error, relative_error, update_running_maximum


@dataclasses.dataclass(frozen=True)
class Decision:
    """What was decided for the B samples of a batch."""

    status: np.ndarray  # int [B], SampleStatus
    metric: np.ndarray  # float64 [B], D; 0 for samples that are not finite
    local_error: np.ndarray  # float64 [B], Y at the output layer
    running_maximum: float  # after the step


def decision_metric(config: TinyPropConfig, alpha):
    """D of a relative error alpha_L (or an array of them)."""
    return (config.d_min + np.asarray(alpha) * (config.d_max - config.d_min)) * config.beta


def is_float32_finite(values) -> np.ndarray:
    """True where a value is finite on the device, which computes in float32."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.isfinite(np.asarray(values).astype(np.float32))


def decide(config: TinyPropConfig, input_finite, loss, delta, running_maximum: float, bound: float = 0.0) -> Decision:
    """Decides for a batch: input_finite bool [B], loss [B], delta [B, n] at the output layer.

    The running maximum takes in every finite sample, skipped ones included, before any alpha is taken; it stays at or below
    the bound, if that is not 0.
    """
    error = local_error(delta)
    finite = np.asarray(input_finite, dtype=bool) & is_float32_finite(loss) & is_float32_finite(error)
    running_maximum = update_running_maximum(running_maximum, error[finite], config.decay)
    if bound and finite.any():
        running_maximum = min(running_maximum, bound)
    metric = np.zeros(len(error))
    metric[finite] = decision_metric(config, relative_error(error[finite], running_maximum))
    trained = np.where(metric < config.threshold, SampleStatus.SKIPPED, SampleStatus.TRAINED)
    status = np.where(finite, trained, SampleStatus.NON_FINITE)
    return Decision(status, metric, error, running_maximum)
