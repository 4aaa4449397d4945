import numpy as np
import pytest
from cases import random_size
from compare import assert_same_bits

from tflm_tinyprop.reference import ACTIVATIONS, activation_forward, activation_grad


@pytest.mark.parametrize("code, activation", list(enumerate(ACTIVATIONS)))
def test_masks_where_the_output_sits_on_a_bound(abi, rng, code, activation):
    for _ in range(300):
        n = random_size(rng, 300)
        z = rng.choice([-1.0, 0.0, -0.0, 1.0, 6.0, 0.5, 7.0, 1e-45, *rng.normal(size=20) * 5], n)
        output = activation_forward(activation, z).astype(np.float32)
        delta = rng.normal(size=n).astype(np.float32)
        expected = activation_grad(activation, output, delta)
        assert_same_bits(abi.activation_grad(code, output, delta), expected)


def test_no_activation_needs_no_output(abi):
    delta = np.float32([1, -0.0, np.nan])
    assert_same_bits(abi.activation_grad(0, None, delta), delta)


@pytest.mark.parametrize("code", [1, 2, 3])
def test_nan_blocks_its_gradient(abi, code):
    output = np.float32([np.nan, 0.5])
    assert_same_bits(abi.activation_grad(code, output, np.float32([1, 1])), [0, 1])


def test_infinite_relu_output_lets_its_gradient_through(abi):
    assert_same_bits(abi.activation_grad(1, np.float32([np.inf]), np.float32([2])), [2])
    assert_same_bits(abi.activation_grad(3, np.float32([np.inf]), np.float32([2])), [0])
