"""Descriptions of layers: complete, and right where nothing else would notice."""

import pathlib

import numpy as np
import pytest

from tflm_tinyprop.conversion.layer_kinds import KINDS, keras_kinds, layouts_of
from tflm_tinyprop.conversion.rules import RULES
from tflm_tinyprop.conversion.rules.layer import LayerRule
from tflm_tinyprop.format import options

ROOT = pathlib.Path(__file__).resolve().parents[3]
TRAINABLE = [kind for kind in KINDS.values() if kind.gradient]


@pytest.mark.parametrize("kind", TRAINABLE, ids=lambda kind: kind.op)
def test_a_kind_has_a_kernel_an_op_a_rule_a_reference_and_a_case(kind):
    for path in (
        f"cc/core/{kind.stem}_grad.cc", f"cc/core/{kind.stem}_grad.h", f"cc/tflm/{kind.stem}_grad.cc",
        f"python/tflm_tinyprop/conversion/rules/{kind.stem}.py", f"python/tflm_tinyprop/reference/{kind.stem}.py",
        f"tests/cc/tflm/{kind.stem}_grad_case.cc",
    ):
        assert (ROOT / path).is_file(), path
    assert isinstance(RULES[kind.op], LayerRule) and RULES[kind.op].layer is kind
    assert kind.gradient in options.OPTIONS_OF_OP and kind.keras and kind.note


def test_every_rule_of_a_layer_has_a_kind():
    assert {rule.layer.op for rule in RULES.values() if isinstance(rule, LayerRule)} == {kind.op for kind in TRAINABLE}


@pytest.mark.parametrize("name", keras_kinds())
def test_layouts_lead_to_the_op_and_back(name):
    kind, layout = keras_kinds()[name]
    shape = (2, 3, 4, 5)[-layout.rank :]
    kernel = np.random.default_rng(3).normal(size=shape).astype(np.float32)
    laid_out = layout.to_op(kernel)
    assert layout.to_keras(laid_out, shape).tobytes() == kernel.tobytes()
    assert layout.to_keras(laid_out[..., :-1], shape) is None
    assert layout in layouts_of(layout.rank, kind.op)


@pytest.mark.parametrize(("op", "x", "kernel", "y", "forward", "per_output", "units"), [
    ("FULLY_CONNECTED", (3, 5), (7, 5), (3, 7), 105, 5, 7),
    ("CONV_2D", (2, 6, 5, 3), (4, 2, 3, 3), (2, 5, 3, 4), 2160, 18, 4),
    ("DEPTHWISE_CONV_2D", (2, 6, 5, 3), (1, 2, 3, 6), (2, 5, 3, 6), 1080, 6, 6),
    ("TRANSPOSE_CONV", (2, 5, 4, 3), (6, 3, 2, 3), (2, 10, 12, 6), 4320, 3, 6),
    ("TRANSPOSE_CONV", (1, 3, 3, 2), (1, 3, 3, 2), (1, 6, 6, 1), 162, 5, 1),  # 4.5 a gradient: halves go up
    ("SVDF", (1, 4), (3, 4), (1, 3), 0, 1, 3),
])
def test_multiply_accumulates(op, x, kernel, y, forward, per_output, units):
    kind = KINDS[op]
    assert kind.macs(x, kernel, y) == forward
    assert kind.macs_per_output(x, kernel, y) == per_output
    assert kind.units(kernel) == units
