import numpy as np
import pytest
from compare import assert_close, assert_same_bits

from tflm_tinyprop.reference import gather_forward, scatter_add


def random_case(rng, weighted: bool):
    """delta [outer, positions, inner], indices and weights [positions, taps], size"""
    outer, positions, inner, size, taps = (int(n) for n in rng.integers(1, 9, 5))
    indices = rng.integers(0, size, (positions, taps)).astype(np.int32)
    weights = rng.normal(size=(positions, taps)) if weighted else None
    return rng.normal(size=(outer, positions, inner)), indices, weights, size


def float32(array):
    return None if array is None else array.astype(np.float32)


@pytest.mark.parametrize("weighted", [False, True])
def test_against_the_reference(abi, rng, weighted):
    for _ in range(600):
        delta, indices, weights, size = random_case(rng, weighted)
        delta, weights = float32(delta), float32(weights)
        expected = scatter_add(delta.astype(np.float64), indices, weights, size)
        magnitude = scatter_add(np.abs(delta).astype(np.float64), indices, None if weights is None else np.abs(weights), size)
        assert_close(abi.scatter_add(delta, indices, weights, size), expected, magnitude, 2 * indices.size)


@pytest.mark.parametrize("weighted", [False, True])
def test_the_reference_against_tensorflow(rng, weighted):
    import tensorflow as tf

    for _ in range(60):
        delta, indices, weights, size = random_case(rng, weighted)
        x = tf.Variable(rng.normal(size=(delta.shape[0], size, delta.shape[2])))
        with tf.GradientTape() as tape:
            taken = tf.gather(x, indices, axis=1)  # [outer, positions, taps, inner]
            scale = np.ones(indices.shape) if weights is None else weights
            y = tf.reduce_sum(taken * scale[None, :, :, None], axis=2)
        gradient = tf.convert_to_tensor(tape.gradient(y, x, output_gradients=tf.constant(delta)))
        np.testing.assert_allclose(gather_forward(x.numpy(), indices, weights), y.numpy(), rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(scatter_add(delta, indices, weights, size), gradient.numpy(), rtol=1e-12, atol=1e-12)


def test_by_hand(abi):
    delta, indices = np.float32([1, 2, 3, 4]).reshape(1, 4, 1), np.int32([[0], [0], [2], [2]])
    assert_same_bits(abi.scatter_add(delta, indices, None, 3).ravel(), [3, 0, 7])
    weights = np.float32([[1], [0.5], [2], [-1]])
    assert_same_bits(abi.scatter_add(delta, indices, weights, 3).ravel(), [2, 0, 2])
    both = np.int32([[0, 1], [1, 2], [0, 0], [2, 2]])
    assert_same_bits(abi.scatter_add(delta, both, None, 3).ravel(), [7, 3, 10])
