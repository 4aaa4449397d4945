"""KeepTopK against a stable sort by magnitude."""

import numpy as np
import pytest
from cases import KINDS, random_size, random_values
from compare import assert_same_bits

from tflm_tinyprop.reference import select_top_k


def check(abi, values, k):
    kept = select_top_k(values, k)
    assert_same_bits(abi.keep_top_k(k, values), np.where(kept, values, np.float32(0.0)))


@pytest.mark.parametrize("kind", KINDS)
def test_keeps_what_a_sort_would(abi, rng, kind):
    for _ in range(2000):
        n = random_size(rng, 3000)
        values = random_values(rng, n, kind)
        check(abi, values, int(rng.integers(0, n + 2)))


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 23, 24, 25, 63, 64, 65, 96, 97, 128, 192, 193])
def test_every_k_of_small_arrays(abi, rng, n):
    for kind in KINDS:
        values = random_values(rng, n, kind)
        for k in range(-1, n + 2):
            check(abi, values, k)


@pytest.mark.parametrize("kind", KINDS)
def test_large_arrays(abi, rng, kind):
    values = random_values(rng, 200_000, kind)
    for k in (1, 2, 1000, 20_000, 100_000, 199_999):
        check(abi, values, k)


def test_ties_go_to_the_lowest_index(abi):
    values = np.float32([0.5, -1, 1, 0.5, -0.5, 1])
    expected = np.float32([0.5, -1, 1, 0, 0, 1])
    assert_same_bits(abi.keep_top_k(4, values), expected)


def test_zeros_of_either_sign_tie(abi):
    values = np.float32([-0.0, 0.0, -0.0])
    assert_same_bits(abi.keep_top_k(1, values), np.float32([-0.0, 0.0, 0.0]))


def test_all_kept_means_untouched(abi):
    values = np.float32([np.nan, -0.0, np.inf])
    assert_same_bits(abi.keep_top_k(3, values), values)
    assert_same_bits(abi.keep_top_k(4, values), values)


def test_infinities_count_as_the_largest(abi):
    values = np.float32([1, -np.inf, 3e38, np.inf] * 20)
    check(abi, values, 40)
    check(abi, values, 41)


def test_the_sampled_guess_may_be_wrong(abi, rng):
    """Outliers, or all that is not zero, lie where the first look at the values misses them."""
    values = random_values(rng, 2048, "normal") * np.float32(1e-20)
    values[1:400:8] *= np.float32(1e35)
    for k in (1, 10, 50, 51, 100, 2000):
        check(abi, values, k)
        check(abi, np.where(np.abs(values) > 1, values, np.float32(0)), k)
