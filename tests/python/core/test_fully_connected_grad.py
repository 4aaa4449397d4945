import numpy as np
import pytest
from cases import random_size
from compare import assert_close, assert_same_bits

from tflm_tinyprop import reference

LARGEST = 90


def random_layer(rng, *, density=None):
    """(delta [R, U], x [R, I], weights [U, I], bias [U], step), float32."""
    rows, inputs, units = int(rng.integers(1, 7)), random_size(rng, LARGEST), random_size(rng, 40)
    density = rng.choice([0.0, 0.1, 0.5, 1.0]) if density is None else density
    delta = rng.normal(size=(rows, units)) * (rng.random((rows, units)) < density)
    x, weights = rng.normal(size=(rows, inputs)), rng.normal(size=(units, inputs))
    bias = rng.normal(size=units)
    arrays = (array.astype(np.float32) for array in (delta, x, weights, bias))
    return (*arrays, np.float32(rng.uniform(0.001, 0.5)))


def dense_float32(delta, x, weights, bias, step):
    """The plain loop over all gradients, in float32, one operation after the other.

    The rows' changes are summed in groups of four, the groups after that, and the sum is added once.
    """
    weights, bias, input_delta = weights.copy(), bias.copy(), np.zeros_like(x)
    for row, unit in np.ndindex(*delta.shape):
        input_delta[row] += delta[row, unit] * weights[unit]
    change = -step * delta
    for unit in range(delta.shape[1]):
        terms = [c * row for c, row in zip(change[:, unit], x)]
        groups = [sum(terms[i + 1 : i + 4], terms[i]) for i in range(0, len(terms), 4)]
        weights[unit] += sum(groups[1:], groups[0])
        bias[unit] += sum(change[1:, unit], change[0, unit])
    return weights, bias, input_delta


def test_against_the_reference(abi, rng):
    for _ in range(2000):
        delta, x, weights, bias, step = random_layer(rng)
        rows, units = delta.shape
        exact = (array.astype(np.float64) for array in (delta, x, weights))
        handed, dw, db = reference.fully_connected_backward(*exact)
        new_weights, new_bias, input_delta = abi.fully_connected_grad(delta, x, weights, step, bias=bias)

        size = np.abs(delta).astype(np.float64)
        assert_close(input_delta, handed, size @ np.abs(weights), 2 + units)
        magnitude = np.abs(weights) + step * (size.T @ np.abs(x))
        assert_close(new_weights, weights - step * dw, magnitude, 4 + 2 * rows)
        assert_close(new_bias, bias - step * db, np.abs(bias) + step * size.sum(0), 4 + 2 * rows)


def test_all_gradients_equal_the_dense_loop_bit_for_bit(abi, rng):
    for _ in range(500):
        delta, x, weights, bias, step = layer = random_layer(rng, density=1.0)
        for actual, expected in zip(
            abi.fully_connected_grad(delta, x, weights, step, bias=bias), dense_float32(*layer)
        ):
            assert_same_bits(actual, expected)


@pytest.mark.parametrize("train_weights", [True, False])
@pytest.mark.parametrize("train_bias", [True, False])
@pytest.mark.parametrize("hand_down", [True, False])
def test_parts_left_out_do_not_change_the_others(abi, rng, train_weights, train_bias, hand_down):
    for _ in range(100):
        delta, x, weights, bias, step = random_layer(rng)
        everything = abi.fully_connected_grad(delta, x, weights, step, bias=bias)
        some = abi.fully_connected_grad(
            delta, x if train_weights else None, weights, step,
            train_weights=train_weights, bias=bias if train_bias else None, hand_down=hand_down,
        )  # fmt: skip
        assert_same_bits(some[0], everything[0] if train_weights else weights)
        assert some[1] is None if not train_bias else (some[1] == everything[1]).all()
        assert some[2] is None if not hand_down else (some[2] == everything[2]).all()


def test_units_that_were_not_selected_are_not_touched(abi, rng):
    for _ in range(200):
        delta, x, weights, bias, step = random_layer(rng, density=0.2)
        idle = ~delta.any(axis=0)
        weights[idle], bias[idle] = np.nan, np.nan
        new_weights, new_bias, input_delta = abi.fully_connected_grad(delta, x, weights, step, bias=bias)
        assert_same_bits(new_weights[idle], weights[idle])
        assert_same_bits(new_bias[idle], bias[idle])
        assert np.isfinite(input_delta).all() and np.isfinite(new_weights[~idle]).all()


def test_samples_that_take_no_part_may_hold_nan(abi, rng):
    for _ in range(200):
        delta, x, weights, bias, step = random_layer(rng)
        idle = rng.random(len(x)) < 0.5
        delta[idle], x[idle] = 0, np.nan
        new_weights, _, input_delta = abi.fully_connected_grad(delta, x, weights, step, bias=bias)
        assert np.isfinite(new_weights).all()
        assert_same_bits(input_delta[idle], np.zeros_like(x[idle]))


def test_no_gradient_at_all(abi, rng):
    delta, x, weights, bias, step = random_layer(rng, density=0.0)
    new_weights, new_bias, input_delta = abi.fully_connected_grad(-delta, x, weights, step, bias=bias)
    assert_same_bits(new_weights, weights)
    assert_same_bits(new_bias, bias)
    assert_same_bits(input_delta, np.zeros_like(x))


@pytest.mark.parametrize("n", range(18))
def test_vector_operations(abi, rng, n):
    x, w, dx = rng.normal(size=(3, n)).astype(np.float32)
    a, d = rng.normal(size=2).astype(np.float32)
    assert_same_bits(abi.add_scaled(a, x, w), w + a * x)
    new_w, new_dx = abi.hand_down_and_update(d, a, x, w, dx)
    assert_same_bits(new_w, w + a * x)
    assert_same_bits(new_dx, dx + d * w)


@pytest.mark.parametrize("n", range(19))
@pytest.mark.parametrize("rows", range(4))
@pytest.mark.parametrize("count", range(5))
def test_vector_operations_on_rows(abi, rng, n, rows, count):
    x_step, y_step = n + 3, n + 1
    x = rng.normal(size=(count, 3 * x_step + n)).astype(np.float32)
    y = rng.normal(size=3 * y_step + n).astype(np.float32)
    a = rng.normal(size=count).astype(np.float32)
    expected = y.copy()
    for row in range(rows if count else 0):
        terms = a[:, None] * x[:, row * x_step :][:, :n]
        expected[row * y_step :][:n] += sum(terms[1:], terms[0])
    assert_same_bits(abi.add_scaled_rows(rows, n, a, x, x_step, y, y_step), expected)
