"""Changes far below a weight's last bit add up: small learning rates on large maps and over many rows.

The criterion, over a whole tensor: |actual - exact| <= 1 % |exact| + |half an ulp of each new weight|, in the Euclidean norm,
where exact = -step gradient in float64. The second term is the rounding of the weight itself, to which no sum is an answer.
"""

import conv_cases
import numpy as np
import pytest

from tflm_tinyprop import reference

SIZE = 96
RATES = (1e-4, 1e-5, 1e-6)


def assert_changed_by(old, new, step, gradient) -> None:
    exact = -np.float64(step) * gradient
    error = np.linalg.norm(new.astype(np.float64) - old - exact)
    assert error <= 0.01 * np.linalg.norm(exact) + np.linalg.norm(np.spacing(np.abs(new)).astype(np.float64) / 2)


def random_delta(rng, shape, kind: str) -> np.ndarray:
    """One element's part of the mean over a map, of which some are kept, or with either sign."""
    delta = rng.uniform(0.5, 1.5, shape) / SIZE**2
    if kind == "sparse":
        delta *= rng.random(shape) < 0.1
    if kind == "signs":
        delta *= rng.choice([-1, 1], shape)
    return delta.astype(np.float32)


def large_map(rng, op: str, kind: str, step: float) -> conv_cases.ConvCase:
    """3x3 filters over 96x96 outputs; 70 depthwise channels are more than are summed together."""
    stride = (2, 2) if op == "transpose_conv" else (1, 1)
    inputs, outputs = (70, 70) if op == "depthwise_conv_2d" else (3, 2)
    x = rng.uniform(0.5, 1.5, (1, SIZE // stride[0], SIZE // stride[1], inputs)).astype(np.float32)
    weights = (1, 3, 3, outputs) if op == "depthwise_conv_2d" else (outputs, 3, 3, inputs)
    pads = (0, 0) if op == "transpose_conv" else (1, 1)
    return conv_cases.ConvCase(
        op, random_delta(rng, (1, SIZE, SIZE, outputs), kind), x, rng.normal(size=weights).astype(np.float32),
        rng.normal(size=outputs).astype(np.float32), np.float32(step), stride, (1, 1), pads,
    )  # fmt: skip


@pytest.mark.parametrize("op", list(conv_cases.BACKWARD))
@pytest.mark.parametrize("kind", ["mean", "sparse", "signs"])
def test_convolutions(abi, rng, op, kind):
    for step in RATES:
        case = large_map(rng, op, kind, step)
        _, dw, db = case.gradients()
        for scale in (1, 0):  # of weights at 0 nothing is rounded away
            case.weights *= scale
            case.bias *= scale
            weights, bias, _ = case.run(abi)
            assert_changed_by(case.weights, weights, case.step, dw)
            assert_changed_by(case.bias, bias, case.step, db)


@pytest.mark.parametrize("rows", [2, 4, 5, 8, SIZE**2])
@pytest.mark.parametrize("kind", ["mean", "sparse", "signs"])
def test_dense_layers_over_rows(abi, rng, rows, kind):
    inputs, units = 150, 3  # more than are summed together
    for step in map(np.float32, RATES):
        delta = random_delta(rng, (rows, units), kind)
        x = rng.uniform(0.5, 1.5, (rows, inputs)).astype(np.float32)
        _, dw, db = reference.fully_connected_backward(*(a.astype(np.float64) for a in (delta, x, np.zeros((units, inputs)))))
        for scale in (1, 0):
            old_weights = scale * rng.normal(size=(units, inputs)).astype(np.float32)
            old_bias = scale * rng.normal(size=units).astype(np.float32)
            weights, bias, _ = abi.fully_connected_grad(delta, x, old_weights, step, bias=old_bias, hand_down=False)
            assert_changed_by(old_weights, weights, step, dw)
            assert_changed_by(old_bias, bias, step, db)
