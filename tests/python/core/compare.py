"""How results of the float32 kernels are compared with the float64 reference."""

import numpy as np

EPSILON = 2.0**-24  # rounding error of one float32 operation, relative


def rate_error(rate: float, n: int) -> float:
    """Bound on the rounding error of a float32 S: a handful of operations, and Y, a sum of n terms."""
    return float(rate) * (8 + n / 4) * EPSILON


def assert_same_k(actual: int, expected: int, rate: float, n: int) -> None:
    """k may differ between implementations only where S n lies within rounding error of a half."""
    if actual == expected:
        return
    distance = abs(float(rate) * n - (min(actual, expected) + 0.5))
    assert abs(actual - expected) == 1 and distance <= n * rate_error(rate, n) + EPSILON, (
        f"k is {actual}, expected {expected}, at S n = {float(rate) * n!r}"
    )


def assert_close(actual, expected, magnitude, operations: float) -> None:
    """Equal up to the rounding of `operations` float32 operations on values of that magnitude."""
    actual, expected = np.asarray(actual, dtype=np.float64), np.asarray(expected, dtype=np.float64)
    bound = operations * EPSILON * np.asarray(magnitude) + 1e-44  # half the smallest denormal is lost
    wrong = ~(np.abs(actual - expected) <= bound)
    assert not wrong.any(), (
        f"{np.count_nonzero(wrong)} of {wrong.size} differ, the first: "
        f"{actual[wrong][0]!r} instead of {expected[wrong][0]!r}"
    )


def assert_same_bits(actual, expected) -> None:
    """Equal bit for bit: signed zeros and NaN payloads count."""
    actual, expected = np.asarray(actual, dtype=np.float32), np.asarray(expected, dtype=np.float32)
    assert actual.shape == expected.shape
    different = actual.view(np.uint32) != expected.view(np.uint32)
    assert not different.any(), (
        f"{np.count_nonzero(different)} of {different.size} differ, the first at "
        f"{np.argwhere(different)[0]}: {actual[different][0]!r} instead of {expected[different][0]!r}"
    )
