"""The resolver gets exactly the ops of the model."""

import re

import pytest

import tflm_tinyprop as tp
from tflm_tinyprop.conversion.rules import RULES
from tflm_tinyprop.firmware.ops import BUILTIN_METHODS, CUSTOM_METHODS, REGISTRATIONS, needed_ops
from tflm_tinyprop.format import options
from tflm_tinyprop.format.graph import _OP_CODES, Graph, Op


def graph_of(*kinds):
    return Graph([], [Op(k, [], [], is_custom=k not in _OP_CODES) for k in kinds], [], [])


def test_every_op_once_and_sorted():
    ops = needed_ops(graph_of(
        options.INITIALIZE, "CONV_2D", "CONV_2D", "FULLY_CONNECTED", "SignalRfft", options.DECISION,
        options.op_kind("Conv2DGrad"), options.op_kind("Conv2DGrad"),
    ))
    assert ops.methods == ("AddConv2D", "AddFullyConnected", "AddRfft")
    assert ops.registrations == ("RegisterConv2DGrad", "RegisterDecision", "RegisterInitialize")
    assert ops.count == 6


def test_the_ops_of_a_model(firmware_model):
    ops = needed_ops(firmware_model.graph)
    assert ops.methods == ("AddFullyConnected", "AddSoftmax")
    assert ops.registrations == (
        "RegisterDecision", "RegisterFullyConnectedGrad", "RegisterInitialize", "RegisterSoftmaxCrossEntropy")


@pytest.mark.parametrize(("kind", "message"), [
    ("CONV_3D", "has the op CONV_3D, for which TFLM's MicroMutableOpResolver has no method"),
    ("SignalNew", "custom op SignalNew, which neither"),
    ("FlexErf", "custom op FlexErf, which neither TFLM nor tflm_tinyprop brings"),
])
def test_an_op_that_cannot_be_registered_is_named(kind, message):
    with pytest.raises(tp.ModelError, match=f"^m.tflite .*{message}"):
        needed_ops(graph_of("ADD", kind), "m.tflite")


def test_a_custom_op_with_a_builtins_name_is_another_op():
    for kind, is_custom in (("ADD", True), ("SignalRfft", False), (options.DECISION, False)):
        with pytest.raises(tp.ModelError, match=kind):
            needed_ops(Graph([], [Op(kind, [], [], is_custom=is_custom)], [], []))


def test_the_methods_are_those_of_tflm(stand_ins):
    header = (stand_ins[0] / "tensorflow/lite/micro/micro_mutable_op_resolver.h").read_text()
    known = set(re.findall(r"TFLM_STAND_IN_ADD\((\w+)\)$", header, re.MULTILINE))
    assert set(BUILTIN_METHODS.values()) | set(CUSTOM_METHODS.values()) == known
    assert set(BUILTIN_METHODS) <= set(_OP_CODES)


def test_whatever_can_be_trained_can_be_registered():
    for kind, rule in RULES.items():
        assert kind in BUILTIN_METHODS, (kind, rule)
    for kind in ("RESHAPE", "MUL", "SUM", "SLICE", "ADD"):  # builtin gradient ops
        assert kind in BUILTIN_METHODS
    assert set(REGISTRATIONS) == set(options.OPTIONS_OF_OP)


def test_registrations_are_declared(layout, folders):
    sources = "".join(path.read_text() for path in (folders["generic"] / "library/cc/tflm").glob("*.cc"))
    defined = re.findall(r"^TINYPROP_DEFINE_OP\((\w+),", sources, re.MULTILINE)
    assert sorted(f"Register{name}" for name in defined) == sorted(REGISTRATIONS.values())
