import numpy as np
import pytest
from cases import KINDS, plain_config, random_config, random_size, random_values
from compare import EPSILON, assert_close, assert_same_k

from tflm_tinyprop import reference


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("any_bits", "wide", "all_equal")])
def test_local_error(abi, rng, kind):
    for _ in range(300):
        delta = random_values(rng, random_size(rng, 3000), kind)
        expected = reference.local_error(delta)
        assert_close(abi.local_error(delta), expected, expected, 3 + delta.size / 4)


def test_local_error_of_nothing_finite(abi):
    assert abi.local_error(np.float32([])) == 0
    for n in (1, 3, 4, 5, 9):
        for position in range(n):
            for value in (np.nan, np.inf, -np.inf):
                delta = np.ones(n, dtype=np.float32)
                delta[position] = value
                assert not np.isfinite(abi.local_error(delta))
    assert np.isinf(abi.local_error(np.float32([3e38, -3e38])))  # the sum overflows


def test_running_maximum(abi, rng):
    for _ in range(1000):
        previous, largest = np.float32(rng.exponential(size=2))
        decay = np.float32(rng.choice([1.0, rng.random()]))
        expected = reference.update_running_maximum(previous, [largest], decay)
        actual = abi.update_running_maximum(previous, largest, decay)
        assert_close(actual, expected, expected, 1)


def test_running_maximum_recovers_from_nan(abi):
    assert abi.update_running_maximum(2.0, 1.0, np.nan) == 1
    assert abi.update_running_maximum(np.nan, 1.0, 0.5) == 1


@pytest.mark.parametrize("damaged", [np.inf, -np.inf, np.nan, 1e39])
def test_running_maximum_recovers_as_the_reference_does(abi, damaged):
    for decay in (1.0, 0.5):
        assert reference.update_running_maximum(damaged, [1.0, 3.0], decay) == 3
        assert abi.update_running_maximum(damaged, 3.0, decay) == 3
    assert np.array_equal(reference.update_running_maximum(damaged, [], 1.0), damaged, equal_nan=True)


def test_relative_error(abi, rng):
    for _ in range(1000):
        maximum = np.float32(rng.exponential())
        error = np.float32(maximum * rng.random())
        expected = reference.relative_error(error, maximum)
        assert_close(abi.relative_error(error, maximum), expected, 1, 1)
    assert abi.relative_error(0.0, 0.0) == 0  # not 0/0
    assert abi.relative_error(1.0, 0.0) == 0
    assert abi.relative_error(2.0, 1.0) == 1
    assert abi.relative_error(1e-45, 1e-45) == 1
    assert abi.relative_error(1.0, np.nan) == 0


def test_rate(abi, rng):
    for _ in range(2000):
        config, control = random_config(rng)
        alpha, layers_above = np.float32(rng.random()), int(rng.integers(0, 6))
        expected = reference.error_propagation_rate(config, alpha, layers_above)
        actual = abi.error_propagation_rate(control, alpha, layers_above)
        assert_close(actual, expected, max(config.zeta, 1) ** layers_above, 4 + layers_above)
        assert 0 <= actual <= 1


def test_rate_of_a_damaged_control_is_clipped(abi):
    for value in (np.nan, np.inf, -np.inf, 1e38, -5.0):
        for element in (1, 2, 3):
            control = plain_config().control(0.1)
            control[element] = value
            assert 0 <= abi.error_propagation_rate(control, 0.7, 3) <= 1


def test_gradient_count(abi, rng):
    for _ in range(5000):
        n = random_size(rng, 100_000)
        rate, error = np.float32(rng.random()), np.float32(rng.choice([0.0, 1e-45, 1.0]))
        expected = reference.gradient_count(rate, n, error)
        assert_same_k(abi.gradient_count(rate, n, error), expected, rate, n)


def test_gradient_count_at_the_ends(abi):
    assert abi.gradient_count(0.0, 10, 1.0) == 1  # at least one ...
    assert abi.gradient_count(1.0, 10, 0.0) == 0  # ... unless there is no error
    assert abi.gradient_count(1.0, 10, np.nan) == 0
    assert abi.gradient_count(1.0, 1, 1.0) == 1
    assert abi.gradient_count(0.05, 10, 1.0) == 1  # half rounds up
    assert abi.gradient_count(0.25, 10, 1.0) == 3
    for n in (7, 1024, 65_537, 16_777_216, 2**30):
        assert abi.gradient_count(1.0, n, 1.0) == n


def test_same_k_allows_halves_only():
    assert_same_k(3, 2, 0.25, 10)
    assert_same_k(3, 2, 0.25 - EPSILON, 10)
    for actual, expected, rate in ((3, 2, 0.251), (4, 2, 0.25), (3, 4, 0.25)):
        with pytest.raises(AssertionError, match="k is"):
            assert_same_k(actual, expected, rate, 10)
