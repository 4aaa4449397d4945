"""Custom options: the same bytes as cc/tflm/op_options.cc reads, and clear refusals."""

import pytest

from tflm_tinyprop import options
from tflm_tinyprop.errors import ModelError

CASES = [
    (options.INITIALIZE, options.InitializeOptions(2, 7), "0100 0800 0200 0700"),
    (options.SOFTMAX_CROSS_ENTROPY, options.LossOptions(1, 3), "0100 0600 01 03"),
    (options.DECISION, options.DecisionOptions(), "0100 0400"),
    (options.FULLY_CONNECTED_GRAD, options.LayerGradOptions(1, 6, 3, 258), "0100 0a00 01 06 0300 0201"),
]


@pytest.mark.parametrize(("op", "value", "content"), CASES)
def test_bytes_are_those_of_the_specification(op, value, content):
    assert value.pack() == bytes.fromhex(content)
    assert options.unpack(op, value.pack()) == value


@pytest.mark.parametrize(("op", "value", "_"), CASES)
def test_every_truncation_is_damage(op, value, _):
    for length in range(len(value.pack())):
        with pytest.raises(ModelError, match=f"{op}.*damaged"):
            options.unpack(op, value.pack()[:length])


@pytest.mark.parametrize(("op", "value", "_"), CASES)
def test_a_newer_version_says_so(op, value, _):
    newer = b"\x02\x00" + value.pack()[2:]
    with pytest.raises(ModelError, match="version 2.*update"):
        options.unpack(op, newer)


def test_unknown_values_and_ops():
    with pytest.raises(ModelError, match="unknown value"):
        options.unpack(options.FULLY_CONNECTED_GRAD, options.LayerGradOptions(9, 6, 1, 0).pack())
    with pytest.raises(ModelError, match="TinyPropNew.*known"):
        options.unpack("TinyPropNew", b"")
