"""Descriptions of layers, and choosing among layers: complete, and right where nothing else would notice."""

import pathlib
import types

import numpy as np
import pytest

from tflm_tinyprop.conversion import layer_choice
from tflm_tinyprop.conversion.layer_kinds import KINDS, keras_kinds, kind_of_keras, layouts_of
from tflm_tinyprop.conversion.rules import RULES
from tflm_tinyprop.conversion.rules.layer import LayerRule
from tflm_tinyprop.errors import ModelError
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


@pytest.mark.parametrize(("name", "shape", "at"), [
    ("Dense", (3, 4), lambda i, o: (o, i)),
    ("Conv2D", (2, 3, 4, 5), lambda y, x, i, o: (o, y, x, i)),
    ("Conv1D", (3, 4, 5), lambda x, i, o: (o, 0, x, i)),
    ("DepthwiseConv2D", (2, 3, 4, 5), lambda y, x, i, m: (0, y, x, 5 * i + m)),
    ("Conv2DTranspose", (2, 3, 4, 5), lambda y, x, o, i: (o, y, x, i)),
    ("Conv1DTranspose", (3, 4, 5), lambda x, o, i: (o, 0, x, i)),
])
def test_where_a_weight_of_keras_goes(name, shape, at):
    """Formulas of the documented layouts, Keras' and TFLite's."""
    kernel = np.arange(np.prod(shape)).reshape(shape)
    laid_out = keras_kinds()[name][1].to_op(kernel)
    assert laid_out.size == kernel.size
    assert all(laid_out[at(*index)] == value for index, value in np.ndenumerate(kernel))


def test_only_layouts_of_the_op_are_tried():
    assert len(layouts_of(4, "CONV_2D")) == len(layouts_of(3, "CONV_2D")) == 1
    assert layouts_of(4, "FULLY_CONNECTED") == []
    assert len(layouts_of(2)) == 1


def test_where_an_op_has_its_input_and_its_bias():
    tensors = [types.SimpleNamespace(shape=shape) for shape in ((4,), (6, 3, 2, 3), (2, 5, 4, 3), (6,), (2, 10, 12, 6))]
    graph = types.SimpleNamespace(tensors=tensors)
    op = types.SimpleNamespace(inputs=[0, 1, 2, 3], outputs=[4])
    kind = KINDS["TRANSPOSE_CONV"]
    assert kind.forward_macs(graph, op) == 4320 and kind.bias_of(op) == 3
    op.inputs.pop()
    assert kind.bias_of(op) == -1
    assert KINDS["FULLY_CONNECTED"].bias_of(types.SimpleNamespace(inputs=[5, 6, 7])) == 7


def test_a_subclass_is_a_layer_of_its_kind():
    dense = type("Dense", (), {})
    assert kind_of_keras(type("Mine", (dense,), {})())[0].op == "FULLY_CONNECTED"
    assert kind_of_keras(type("Other", (), {})()) is None


def test_layers_are_chosen_from_input_to_output():
    names = ["a", "b", "c"]
    assert layer_choice.choose(names, ["c", "a"]) == [0, 2]
    assert layer_choice.choose(names, ["c", "c"]) == [2]
    assert layer_choice.choose(names, 2) == [1, 2]
    for wrong in (None, True, False, 0, 4, [], ["d"], ""):
        with pytest.raises(ModelError, match="trainable_layers"):
            layer_choice.choose(names, wrong)
