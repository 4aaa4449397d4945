"""SparsifyDelta: activation mask, local error, running maximum, rate, k and selection of a layer."""

import numpy as np
import pytest
from cases import plain_config, random_config, random_size
from compare import assert_close, assert_same_bits, assert_same_k, rate_error

from tflm_tinyprop import TinyPropConfig, reference
from tflm_tinyprop.format.sample_status import SampleStatus

ACTIVATIONS = list(reference.ACTIVATIONS)


def random_delta(rng):
    """(delta [B, n], gate [B])"""
    batch, n = int(rng.integers(1, 7)), random_size(rng, 400)
    delta = rng.normal(size=(batch, n)) * np.exp(rng.normal(size=(batch, 1)))
    delta[rng.random(batch) < 0.1] = 0
    gate = rng.choice(SampleStatus, batch, p=[0.1, 0.7, 0.1, 0.1])
    return delta.astype(np.float32), gate


@pytest.mark.parametrize("shares_decision", [False, True])
def test_against_the_reference(abi, rng, shares_decision):
    for _ in range(700):
        config, control = random_config(rng)
        delta, gate = random_delta(rng)
        n = delta.shape[1]
        code, layers_above = int(rng.integers(4)), int(rng.integers(4))
        layers, macs = 1 + layers_above, int(rng.integers(1, 2000))
        z = rng.normal(size=delta.shape) * 4
        output = reference.activation_forward(ACTIVATIONS[code], z).astype(np.float32)
        maximum = np.float32(rng.exponential() * n)

        trained, sparse, new_gate, new_maximum, statistics = abi.sparsify_delta(
            control, code, output if code else None, delta, gate, maximum, row=1, layers=layers,
            layers_above=layers_above, shares_decision=shares_decision, macs_per_gradient=macs,
        )  # fmt: skip

        is_open = gate == SampleStatus.TRAINED
        assert trained == is_open.sum()
        assert (new_gate == gate).all()
        assert not statistics[2:].any() and not statistics[0].any()
        if trained == 0:
            assert new_maximum == maximum
            continue

        masked = reference.activation_grad(ACTIVATIONS[code], output, delta)
        error = reference.local_error(masked)
        expected_maximum = float(maximum)
        if not shares_decision:
            expected_maximum = reference.update_running_maximum(maximum, error[is_open], config.decay)
        assert_close(new_maximum, expected_maximum, expected_maximum, 8 + n / 4)

        for b in range(len(gate)):
            if not is_open[b]:
                assert_same_bits(sparse[b], np.zeros(n))
                assert not statistics[1, b].any()
                continue
            y, rate, k, macs_done = statistics[1, b].astype(np.float64)
            assert_close(y, error[b], error[b], 3 + n / 4)
            alpha = reference.relative_error(error[b], expected_maximum)
            expected_rate = reference.error_propagation_rate(config, alpha, layers_above)
            largest_rate = max(config.zeta, 1) ** layers_above
            assert_close(rate, expected_rate, largest_rate, 16 + n)
            expected_k = reference.gradient_count(expected_rate, n, error[b])
            assert_same_k(int(k), expected_k, expected_rate, n)
            assert macs_done == pytest.approx(k * macs)
            kept = reference.select_top_k(masked[b], int(k))
            assert_same_bits(sparse[b], np.where(kept, masked[b], np.float32(0)))


def test_everything_kept_is_the_masked_delta(abi, rng):
    control = TinyPropConfig.full().control(0.1)
    for _ in range(200):
        delta, gate = random_delta(rng)
        gate[:] = SampleStatus.TRAINED
        output = np.maximum(rng.normal(size=delta.shape), 0).astype(np.float32)
        _, sparse, _, _, statistics = abi.sparsify_delta(control, 1, output, delta, gate, 0.0)
        has_error = statistics[1, :, 0] > 0
        expected = reference.activation_grad("relu", output, delta)
        assert_same_bits(sparse[has_error], expected[has_error])
        assert not sparse[~has_error].any()
        assert (statistics[1, has_error, 2] == delta.shape[1]).all()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_delta_that_is_not_finite_closes_its_gate(abi, value):
    control = TinyPropConfig.full().control(0.1)
    delta = np.float32([[1, 2], [value, 9], [3, 4]])
    trained, sparse, gate, maximum, statistics = abi.sparsify_delta(
        control, 0, None, delta, [SampleStatus.TRAINED] * 3, 0.0
    )
    assert trained == 2
    assert list(gate) == [SampleStatus.TRAINED, SampleStatus.NON_FINITE, SampleStatus.TRAINED]
    assert statistics[0, 1, 0] == SampleStatus.NON_FINITE
    assert_same_bits(sparse, [[1, 2], [0, 0], [3, 4]])
    assert maximum == 7


def test_the_running_maximum_is_untouched_without_an_open_gate(abi):
    control = plain_config(decay=0.5).control(0.1)
    for gate in (SampleStatus.SKIPPED, SampleStatus.NON_FINITE, SampleStatus.INFERENCE):
        trained, _, _, maximum, _ = abi.sparsify_delta(control, 0, None, np.float32([[1]]), [gate], 8.0)
        assert trained == 0 and maximum == 8


def test_the_running_maximum_takes_in_the_whole_batch_first(abi):
    control = plain_config(s_min=0, s_max=1).control(0.1)
    delta = np.float32([[1, 1, 1, 1], [4, 4, 4, 4]])
    *_, statistics = abi.sparsify_delta(control, 0, None, delta, [SampleStatus.TRAINED] * 2, 0.0)
    assert list(statistics[1, :, 1]) == [0.25, 1]
    assert list(statistics[1, :, 2]) == [1, 4]


def test_rate_error_stays_far_below_a_gradient():
    """Otherwise assert_same_k would accept anything."""
    for n in (10, 100, 1000):
        assert n * rate_error(1.0, n) < 0.02


@pytest.mark.parametrize(("rate", "error", "largest_input", "is_open"), [
    (0.1, 5, 3e38, True),  # the factor is below 1: no product can overflow
    (1e3, 5, 1.0, True),
    (1e3, 5, 1e36, False),
    (1e30, 1e30, 0.0, False),  # the bias would overflow
])
def test_a_sample_that_could_push_a_weight_beyond_float32_is_closed(abi, rate, error, largest_input, is_open):
    control = TinyPropConfig.full().control(rate)
    x = np.float32([[1, -largest_input], [0.5, 0.5]])
    delta = np.float32([[error], [1e-3]])
    _, _, gate, _, _ = abi.sparsify_delta(control, 0, None, delta, [SampleStatus.TRAINED] * 2, 0.0, x=x)
    assert gate[0] == (SampleStatus.TRAINED if is_open else SampleStatus.NON_FINITE)
    assert gate[1] == SampleStatus.TRAINED
