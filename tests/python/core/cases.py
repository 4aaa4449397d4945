"""Random inputs that reach the corners: zeros, ties, denormals and a huge dynamic range."""

import numpy as np

from tflm_tinyprop import TinyPropConfig

KINDS = ("normal", "few_values", "mostly_zero", "all_equal", "any_bits", "wide", "nearly_equal", "denormal")


def random_size(rng, largest: int) -> int:
    """Sizes from 1, small ones as likely as large ones."""
    return int(np.exp(rng.uniform(0, np.log(largest + 0.999))))


def random_values(rng, n: int, kind: str) -> np.ndarray:
    """float32 [n], finite."""
    sign = rng.choice([-1.0, 1.0], n)
    if kind == "normal":
        values = rng.normal(size=n)
    elif kind == "few_values":  # many ties, zeros of both signs among them
        values = sign * rng.integers(0, 4, n) / 4
    elif kind == "mostly_zero":
        values = rng.normal(size=n) * (rng.random(n) < 0.2)
    elif kind == "all_equal":
        values = sign * rng.choice([0.0, 0.5, 1e-42, 3e38])
    elif kind == "any_bits":
        values = rng.integers(0, 2**32, n, dtype=np.uint32).view(np.float32)
        values = np.where(np.isfinite(values), values, np.float32(0.0))
    elif kind == "wide":
        values = sign * np.exp(rng.uniform(-85, 85, n))
    elif kind == "nearly_equal":
        values = sign * (1 + rng.integers(0, 300, n) * 2.0**-23)
    elif kind == "denormal":
        values = sign * rng.integers(0, 50, n) * 2.0**-149
    return np.asarray(values, dtype=np.float32)


def plain_config(**settings) -> TinyPropConfig:
    """S = alpha in every layer, D = alpha; written out, so that the package's defaults may change."""
    plain = dict(s_min=0, s_max=1, zeta=1, d_min=0, d_max=1, beta=1, threshold=0.5, decay=1)
    return TinyPropConfig(**{**plain, **settings})


def random_config(rng, learning_rate: float = 0.1):
    """(config, control): settings that float32 holds exactly, and the same as a control tensor."""
    s_min, s_max = np.sort(rng.random(2))
    d_min, d_max = np.sort(rng.random(2))
    config = plain_config(
        s_min=s_min, s_max=s_max, zeta=rng.uniform(0.3, 1.5), d_min=d_min, d_max=d_max,
        threshold=rng.random(), decay=rng.choice([1.0, rng.uniform(0.5, 1.0)]),
    )  # fmt: skip
    control = config.control(learning_rate)
    return TinyPropConfig.from_control(control), control
