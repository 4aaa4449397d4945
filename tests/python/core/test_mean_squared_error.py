import numpy as np
import pytest
from cases import random_size
from compare import assert_close

from tflm_tinyprop import reference


def test_loss_and_gradient(abi, rng):
    for _ in range(2000):
        n, scale = random_size(rng, 500), rng.choice([1e-6, 1.0, 1e6])
        output, target = (rng.normal(size=(2, n)) * scale).astype(np.float32)
        (expected_loss,), (expected_delta,) = reference.mean_squared_error([output], [target])
        loss, delta = abi.mean_squared_error(output, target)
        assert_close(loss, expected_loss, expected_loss, 6 + n)
        assert_close(delta, expected_delta, np.abs(expected_delta), 5)


def test_no_error(abi):
    loss, delta = abi.mean_squared_error(np.float32([1, -2]), np.float32([1, -2]))
    assert loss == 0 and not delta.any()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e38])
def test_what_is_not_finite_shows_in_the_loss(abi, value):
    loss, _ = abi.mean_squared_error(np.float32([0, value, 0]), np.float32([0, 0, 0]))
    assert not np.isfinite(loss)
