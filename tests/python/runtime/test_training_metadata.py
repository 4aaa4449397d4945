"""What firmware reads from the entry TINYPROP against what Python wrote."""

import keras
import numpy as np
import pytest
from runtime_abi import METADATA_DAMAGED, METADATA_NEWER, NOT_TRAINABLE, OK, parse_metadata
from stateful_models import lstm

import tflm_tinyprop as tp
from tflm_tinyprop.format import metadata


def models():
    dense = keras.Sequential([keras.Input((12,)), keras.layers.Dense(8, "relu", name="hidden"),
                              keras.layers.Dense(5, name="logits")])
    conv = keras.Sequential([keras.Input((8, 8, 2)), keras.layers.Conv2D(4, 3, activation="relu"),
                             keras.layers.DepthwiseConv2D(3), keras.layers.GlobalAveragePooling2D(),
                             keras.layers.Dense(3, "softmax")])
    config = tp.TinyPropConfig(s_min=0.1, zeta=0.9, decay=0.99)
    yield tp.convert(dense, config=config)
    yield tp.convert(dense, trainable_layers=1, batch_size=4, loss="mean_squared_error")
    yield tp.convert(conv, loss="categorical_crossentropy", batch_size=2)
    flags = keras.layers.Dense(2, name="flags")(dense.layers[0].output)
    yield tp.convert(keras.Model(dense.inputs, [dense.outputs[0], flags]), output=1,
                     loss=tp.Loss("binary_crossentropy", label_smoothing=0.1))
    for stateful in (False, True):
        yield tp.convert(lstm(), trainable_layers=["last"], loss="mean_squared_error", stateful=stateful)


@pytest.fixture(scope="module", params=range(6))
def training(request):
    return list(models())[request.param].training


def test_every_field(training):
    status, fields = parse_metadata(training.pack())
    assert status == OK
    for name in ("fingerprint", "batch_size", "loss", "model_inputs", "model_outputs", "label_input", "control_input",
                 "loss_output", "statistics_output", "first_variable_output", "forward_macs", "backward_macs",
                 "keeps_state", "reset_state_input", "output", "output_threshold"):
        assert fields[name] == getattr(training, name), name
    assert fields["layers"] == [(r.name, r.gradients, r.update_macs, r.hand_down_macs) for r in training.layers]
    assert fields["variables"] == [v.elements for v in training.variables]
    np.testing.assert_array_equal(fields["config"], training.config.control(0.0))


def test_an_absent_entry(training):
    assert parse_metadata(b"")[0] == NOT_TRAINABLE


def test_every_truncation_is_damage(training):
    content = training.pack()
    for length in range(1, len(content)):
        assert parse_metadata(content[:length])[0] == METADATA_DAMAGED, length
    assert parse_metadata(content + b"\0")[0] == METADATA_DAMAGED


def test_a_newer_version_says_so(training):
    content = training.pack()
    newer = (metadata.VERSION + 1).to_bytes(2, "little")
    assert parse_metadata(content[:4] + newer + content[6:])[0] == METADATA_NEWER
    assert parse_metadata(content[:4] + b"\x00\x00" + content[6:])[0] == METADATA_DAMAGED


def test_damage_is_found_or_harmless(training):
    """Every byte in turn: what the reader accepts, it can be asked for without reading outside the entry."""
    content = training.pack()
    for position in range(len(content)):
        for value in (0x00, 0xFF, content[position] ^ 0x80):
            changed = metadata.sign(content[:position] + bytes([value]) + content[position + 1 :])
            status, fields = parse_metadata(changed)
            assert status in (OK, METADATA_DAMAGED, METADATA_NEWER)
            if status == OK:
                assert len(fields["layers"]) == len(training.layers)
