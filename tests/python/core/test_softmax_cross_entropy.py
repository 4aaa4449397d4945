import numpy as np
import pytest
from cases import random_size
from compare import assert_close, assert_same_bits

from tflm_tinyprop import reference


def random_logits(rng):
    scale = rng.choice([0.01, 1.0, 30.0, 1e4])
    return (rng.normal(size=random_size(rng, 300)) * scale).astype(np.float32)


def operations_for(logits):
    return 10 + 2 * logits.size


def test_sparse_labels(abi, rng):
    for _ in range(2000):
        logits = random_logits(rng)
        label = int(rng.integers(logits.size))
        (expected_loss,), (expected_delta,) = reference.softmax_cross_entropy_sparse([logits], [label])
        loss, delta = abi.softmax_cross_entropy_sparse(logits, label)
        assert_close(loss, expected_loss, 1 + expected_loss, operations_for(logits))
        assert_close(delta, expected_delta, 1, operations_for(logits))


def test_dense_labels(abi, rng):
    for _ in range(2000):
        logits = random_logits(rng)
        label = rng.random(logits.size).astype(np.float32)
        label *= rng.choice([1 / label.sum(), 1.0, 0.0])
        (expected_loss,), (expected_delta,) = reference.softmax_cross_entropy_dense([logits], [label])
        loss, delta = abi.softmax_cross_entropy_dense(logits, label)
        mass = float(label.sum())
        assert_close(loss, expected_loss, mass + expected_loss, operations_for(logits))
        assert_close(delta, expected_delta, mass, operations_for(logits))


def test_label_smoothing(abi, rng):
    for _ in range(1000):
        logits, smoothing = random_logits(rng), np.float32(rng.random())
        label = int(rng.integers(logits.size))
        one_hot = np.eye(logits.size, dtype=np.float32)[label]
        (expected_loss,), (expected_delta,) = reference.softmax_cross_entropy_sparse([logits], [label], smoothing)
        for loss, delta in (abi.softmax_cross_entropy_sparse(logits, label, smoothing),
                            abi.softmax_cross_entropy_dense(logits, one_hot, smoothing)):
            assert_close(loss, expected_loss, 1 + expected_loss, operations_for(logits))
            assert_close(delta, expected_delta, 1, operations_for(logits))


def test_one_hot_equals_sparse(abi, rng):
    for _ in range(300):
        logits = random_logits(rng)
        label = int(rng.integers(logits.size))
        one_hot = np.eye(logits.size, dtype=np.float32)[label]
        sparse_loss, sparse_delta = abi.softmax_cross_entropy_sparse(logits, label)
        dense_loss, dense_delta = abi.softmax_cross_entropy_dense(logits, one_hot)
        assert_same_bits(dense_delta, sparse_delta)
        assert dense_loss == pytest.approx(sparse_loss, rel=1e-6)


@pytest.mark.parametrize("label", [-1, 3, -(2**31), 2**31 - 1])
def test_label_out_of_range(abi, label):
    loss, delta = abi.softmax_cross_entropy_sparse(np.float32([1, 2, 3]), label)
    assert np.isnan(loss)
    assert_same_bits(delta, [0, 0, 0])


def test_small_loss_under_large_logits(abi):
    loss, _ = abi.softmax_cross_entropy_sparse(np.float32([10_000, 9_990]), 0)
    assert loss == pytest.approx(np.log1p(np.exp(-10.0)), rel=1e-3)


def test_largest_finite_logits_do_not_overflow(abi):
    loss, delta = abi.softmax_cross_entropy_sparse(np.float32([3e38, 3e38, -1]), 0)
    assert loss == pytest.approx(np.log(2))
    assert_close(delta, [-0.5, 0.5, 0], 1, 4)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("position", [0, 1, 2])
def test_non_finite_logits_show_in_the_loss(abi, value, position):
    logits = np.float32([0.5, 1, 2])
    logits[position] = value
    assert not np.isfinite(abi.softmax_cross_entropy_sparse(logits, 1)[0])
    assert not np.isfinite(abi.softmax_cross_entropy_dense(logits, np.float32([0, 1, 0]))[0])


def test_one_class(abi):
    assert abi.softmax_cross_entropy_sparse(np.float32([5]), 0) == (0, np.float32([0]))
