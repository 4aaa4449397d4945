"""The metadata entry TINYPROP and the standard metadata."""

import dataclasses
import json
import struct

import numpy as np
import pytest

import tflm_tinyprop as tp
from tflm_tinyprop.errors import ModelError
from tflm_tinyprop.format import metadata, tables, tflite_metadata
from tflm_tinyprop.format.losses import LOSSES


def test_packing_and_unpacking(model):
    assert metadata.unpack(model.training.pack()) == model.training


def test_settings_survive_as_the_decimals_they_were_given_as(plain_tflite):
    config = tp.TinyPropConfig(s_min=0.1, s_max=0.7, zeta=0.9, d_max=1.3, threshold=0.4, decay=0.999)
    assert tp.convert(plain_tflite, config=config).config == config


def test_every_truncation_is_damage(model):
    content = model.training.pack()
    for length in range(len(content)):
        with pytest.raises(ModelError, match="damaged"):
            metadata.unpack(content[:length])


def with_field(content: bytes, name: str, value) -> bytes:
    offset, field = next((at, f) for at, f in metadata.HEADER.layout() if f.name == name)
    return content[:offset] + field.pack(value) + content[offset + field.size :]


@pytest.mark.parametrize(("change", "what"), [
    (lambda content: content + b"\0", "bytes, expected"),
    (lambda content: content[:12] + bytes([content[12] ^ 1]) + content[13:], "the fingerprint"),
    (lambda content: content[:16] + b"\0\0" + content[18:], "batch_size 0"),
    (lambda content: content[:4] + b"\0\0" + content[6:], "of version 0"),
    (lambda content: content[:18] + bytes([len(LOSSES)]) + content[19:], f"loss {len(LOSSES)}"),
    (lambda content: with_field(content, "label_smoothing", 1.5), "parameters of the loss"),
    (lambda content: with_field(content, "label_smoothing", np.nan), "parameters of the loss"),
    (lambda content: with_field(content, "delta", np.inf), "parameters of the loss"),
    (lambda content: with_field(content, "output_threshold", np.nan), "parameters of the loss"),
    (lambda content: with_field(content, "output", 1), "output 1 of 1"),
], ids=["longer", "fingerprint", "batch 0", "version 0", "loss", "smoothing", "smoothing nan", "delta", "threshold", "output"])
def test_damage_is_found(model, change, what):
    with pytest.raises(ModelError, match=f"damaged.*{what}"):
        metadata.unpack(metadata.sign(change(model.training.pack())))


def test_a_flipped_bit_is_found_wherever_it_is(model):
    content = model.training.pack()
    for bit in range(8 * len(content)):
        changed = bytearray(content)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(ModelError, match="damaged|update"):
            metadata.unpack(bytes(changed))


def test_a_bit_flipped_in_the_file_is_found_when_it_is_loaded(model, tmp_path):
    at = model.data.index(model.training.pack()) + tables.METADATA_HEADER.offset("config") + 3
    path = tmp_path / "flipped.tflite"
    path.write_bytes(model.data[:at] + bytes([model.data[at] ^ 0x40]) + model.data[at + 1 :])
    with pytest.raises(ModelError, match="TINYPROP is damaged .the CRC does not match.; convert the model again"):
        tp.load(path)


@pytest.mark.parametrize("version", [1, 2])
def test_entries_without_a_crc_are_read(model, version):
    header, content = tables.METADATA_HEADER, model.training.pack()
    values = header.unpack(content, header.version, size=header.size())
    size = header.size(version)
    values.update(version=version, header_size=size, size=len(content) - header.size() + size)
    assert metadata.unpack(header.pack(values, version) + content[header.size() :]) == model.training


def test_a_layer_of_which_only_the_bias_is_trained_is_trained(model):
    layer = model.training.layers[0]
    for flags in (tables.UPDATES_WEIGHTS, tables.UPDATES_BIAS):
        assert dataclasses.replace(layer, flags=flags).is_trained
    assert not dataclasses.replace(layer, flags=tables.KERAS_LAYER).is_trained


def test_a_newer_version_says_so(model):
    content = model.training.pack()
    newer = metadata.VERSION + 1
    with pytest.raises(ModelError, match=f"version {newer}.*update"):
        metadata.unpack(content[:4] + struct.pack("<H", newer) + content[6:])


@pytest.mark.parametrize("more", [0, 2, 9])
def test_structs_that_have_grown_are_read_as_far_as_they_are_known(model, more):
    content, training = model.training.pack(), model.training
    layer_size, variable_size = tables.LAYER_RECORD.size(), tables.VARIABLE_RECORD.size()
    header = tables.METADATA_HEADER
    unknown, at = b"\xa5" * more, header.size()
    records = b""
    for size in [layer_size] * len(training.layers) + [variable_size] * len(training.variables):
        records += content[at : at + size] + unknown
        at += size
    rest = unknown + records + content[at:]
    values = header.unpack(content, header.version, size=header.size())
    values.update(header_size=header.size() + more, size=header.size() + len(rest),
                  layer_record_size=layer_size + more, variable_record_size=variable_size + more)
    assert metadata.unpack(metadata.sign(header.pack(values) + rest)) == training


def test_the_fingerprint_depends_on_the_variables_alone(model):
    other = dataclasses.replace(model.training.variables[0], elements=1)
    changed = dataclasses.replace(model.training, variables=(other, *model.training.variables[1:]))
    assert changed.fingerprint != model.training.fingerprint
    assert dataclasses.replace(model.training, forward_macs=1).fingerprint == model.training.fingerprint


def test_standard_metadata_names_inputs_outputs_and_labels(plain_tflite):
    model = tp.convert(plain_tflite, labels=["red", "green", "blue", "none"])
    reader, _ = tflite_metadata.import_flatbuffers_metadata()
    shown = reader.MetadataDisplayer.with_model_buffer(model.data)
    content = json.loads(shown.get_metadata_json())["subgraph_metadata"][0]
    names = [entry["name"] for entry in content["input_tensor_metadata"]]
    assert names == ["input", "tinyprop_label", "tinyprop_control"]
    assert len(content["output_tensor_metadata"]) == len(model.graph.outputs)
    assert all(entry["description"] for entry in content["output_tensor_metadata"])
    assert shown.get_packed_associated_file_list() == ["labels.txt"]
    assert shown.get_associated_file_buffer("labels.txt") == b"red\ngreen\nblue\nnone\n"


def test_the_number_of_labels_must_fit(plain_tflite):
    with pytest.raises(ModelError, match="2 names.*4 classes"):
        tp.convert(plain_tflite, labels=["a", "b"])
