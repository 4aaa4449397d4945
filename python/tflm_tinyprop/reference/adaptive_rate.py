"""The adaptive error propagation rate (arXiv 2308.09201).

    Y     = sum |delta|
    Y_max = max(Y, decay * Y_max)                            Y if decay * Y_max is not finite
    alpha = Y / Y_max                                        0 if Y_max is 0
    S     = clip((S_min + alpha (S_max - S_min)) zeta^(L-l), 0, 1)
    k     = clip(floor(S n + 0.5), 1, n)                     0 if Y is 0
"""

import numpy as np

from tflm_tinyprop.config import TinyPropConfig


def local_error(delta) -> np.ndarray:
    """Y [B] of delta [B, n]."""
    return np.sum(np.abs(np.asarray(delta, dtype=np.float64)), axis=-1)


def update_running_maximum(previous: float, errors, decay: float) -> float:
    """Y_max after a step with these local errors; unchanged by a step without any."""
    errors = np.asarray(errors, dtype=np.float64)
    if errors.size == 0:
        return float(previous)
    with np.errstate(over="ignore", invalid="ignore"):
        decayed = np.float32(decay) * np.float32(previous)  # what the device may not be able to hold
    return float(max(errors.max(), decay * previous) if np.isfinite(decayed) else errors.max())


def relative_error(error, running_maximum: float):
    """alpha of a local error (or an array of them)."""
    error = np.asarray(error, dtype=np.float64)
    if running_maximum <= 0:
        return np.zeros_like(error)
    return np.clip(error / running_maximum, 0.0, 1.0)


def error_propagation_rate(config: TinyPropConfig, alpha, layers_above: int):
    """S of a layer with `layers_above` = L - l layers above it."""
    rate = config.s_min + np.asarray(alpha, dtype=np.float64) * (config.s_max - config.s_min)
    return np.clip(rate * config.zeta**layers_above, 0.0, 1.0)


def gradient_count(rate: float, n: int, local_error: float) -> int:
    """k of a layer with n gradients. In float32, because that is how k is defined."""
    if not local_error > 0:
        return 0
    rounded = np.floor(np.float32(rate) * np.float32(n) + np.float32(0.5))
    return int(np.clip(rounded, 1, n))
