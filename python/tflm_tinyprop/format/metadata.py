"""The metadata entry TINYPROP: where in the flatbuffer everything about training is (SPEC.md).

Fixed-size little-endian records, so that firmware can read it without a parser.
"""

from __future__ import annotations

import dataclasses
import struct
import zlib

import numpy as np

from tflm_tinyprop.config import TinyPropConfig
from tflm_tinyprop.errors import ConfigError, ModelError
from tflm_tinyprop.format.options import UPDATES_BIAS, UPDATES_WEIGHTS

ENTRY = "TINYPROP"
MAGIC = b"TPRP"
VERSION = 1

LOSSES = ("sparse_categorical_crossentropy", "categorical_crossentropy", "mean_squared_error")

# Flags of a layer beside those of its gradient op (options.UPDATES_WEIGHTS and UPDATES_BIAS).
KERAS_LAYER = 8  # the weights are those of the Keras layer with the same name, nothing is folded into them

KERNEL, BIAS, STATE = 0, 1, 2
ROLES = {KERNEL: "kernel", BIAS: "bias", STATE: "state"}

_HEADER = struct.Struct("<4sHHIIHBxHHHHHHHHHHIQ8f")
_LAYER = struct.Struct("<IIIIIHH")
_VARIABLE = struct.Struct("<IIIHH")


@dataclasses.dataclass(frozen=True)
class LayerRecord:
    """A layer with weights that takes part in the backward pass, l = 1..L from input to output.

    gradients: n, elements of the layer's delta per sample. update_macs and hand_down_macs:
    multiply-accumulates per gradient kept (0 if the layer does not update or hand down).
    operator: index of its forward op in the flatbuffer. flags: options.UPDATES_WEIGHTS | UPDATES_BIAS |
    KERAS_LAYER.
    """

    name: str
    operator: int
    gradients: int
    update_macs: int
    hand_down_macs: int
    flags: int

    @property
    def is_trained(self) -> bool:
        return bool(self.flags & (UPDATES_WEIGHTS | UPDATES_BIAS))

    @property
    def backward_macs(self) -> int:
        """Multiply-accumulates of one sample's full backward pass and update."""
        return self.gradients * (self.update_macs + self.hand_down_macs)


@dataclasses.dataclass(frozen=True)
class VariableRecord:
    """A variable tensor and the constant it starts from. layer: l, 0 for the state."""

    initial: int
    variable: int
    elements: int
    layer: int
    role: int


@dataclasses.dataclass(frozen=True)
class TrainingMetadata:
    """Content of the entry TINYPROP. Positions count within the graph's inputs or outputs."""

    batch_size: int
    loss: str
    model_inputs: int
    model_outputs: int
    label_input: int
    control_input: int
    loss_output: int
    statistics_output: int
    first_variable_output: int
    original_tensors: int
    forward_macs: int  # of one sample, all layers
    config: TinyPropConfig
    layers: tuple[LayerRecord, ...]
    variables: tuple[VariableRecord, ...]

    @property
    def backward_macs(self) -> int:
        """Multiply-accumulates of one sample's full backward pass and update."""
        return sum(layer.backward_macs for layer in self.layers)

    @property
    def fingerprint(self) -> int:
        """CRC-32 over what saved weights must fit: the variables' layers, roles and sizes, and the loss."""
        content = b"".join(
            struct.pack("<HHI", v.layer, v.role, v.elements) for v in self.variables
        )
        return zlib.crc32(content + self.loss.encode())

    def pack(self) -> bytes:
        names = b""
        layers = b""
        for layer in self.layers:
            layers += _LAYER.pack(
                layer.operator, layer.gradients, layer.update_macs, layer.hand_down_macs,
                len(names), layer.flags, 0,
            )
            names += layer.name.encode() + b"\0"
        variables = b"".join(
            _VARIABLE.pack(v.initial, v.variable, v.elements, v.layer, v.role)
            for v in self.variables
        )
        body = layers + variables + names
        header = _HEADER.pack(
            MAGIC, VERSION, _HEADER.size, _HEADER.size + len(body), self.fingerprint,
            self.batch_size, LOSSES.index(self.loss), len(self.layers), len(self.variables),
            self.model_inputs, self.model_outputs, self.label_input, self.control_input,
            self.loss_output, self.statistics_output, self.first_variable_output, 0,
            self.original_tensors, self.forward_macs, *self.config.control(0.0),
        )
        return header + body


def unpack(data: bytes, source: str = "the model") -> TrainingMetadata:
    """Parses the entry TINYPROP. Raises ModelError if it is damaged or of a newer version."""
    def damaged(what: str) -> ModelError:
        return ModelError(f"{source}: metadata entry {ENTRY} is damaged ({what}); convert the model again")

    if len(data) < 8 or data[:4] != MAGIC:
        raise damaged("no magic number")
    version = struct.unpack_from("<H", data, 4)[0]
    if version == 0:
        raise damaged("version 0")
    if version > VERSION:
        raise ModelError(
            f"{source}: metadata entry {ENTRY} has version {version}, this tflm_tinyprop reads up to {VERSION}; update it"
        )
    try:
        metadata, fingerprint, total = _unpack_records(data)
    except (struct.error, IndexError, ValueError, UnicodeDecodeError, ConfigError) as error:
        raise damaged(str(error)) from error
    if total != len(data):
        raise damaged(f"{len(data)} bytes, expected {total}")
    if fingerprint != metadata.fingerprint:
        raise damaged("the fingerprint does not match")
    return metadata


def _unpack_records(data: bytes) -> tuple[TrainingMetadata, int, int]:
    (_, _, header_size, total, fingerprint, batch_size, loss, layer_count, variable_count,
     model_inputs, model_outputs, label_input, control_input, loss_output, statistics_output,
     first_variable_output, _, original_tensors, forward_macs, *control) = _HEADER.unpack_from(data)
    if header_size != _HEADER.size or batch_size < 1:
        raise ValueError("header size or batch size")
    names_at = header_size + layer_count * _LAYER.size + variable_count * _VARIABLE.size
    layers = []
    for i in range(layer_count):
        operator, gradients, update, hand_down, name_offset, flags, _ = _LAYER.unpack_from(
            data, header_size + i * _LAYER.size
        )
        start = names_at + name_offset
        name = data[start : data.index(b"\0", start)].decode()
        layers.append(LayerRecord(name, operator, gradients, update, hand_down, flags))
    variables = [
        VariableRecord(*_VARIABLE.unpack_from(
            data, header_size + layer_count * _LAYER.size + i * _VARIABLE.size))
        for i in range(variable_count)
    ]
    metadata = TrainingMetadata(
        batch_size=batch_size, loss=LOSSES[loss], model_inputs=model_inputs,
        model_outputs=model_outputs, label_input=label_input, control_input=control_input,
        loss_output=loss_output, statistics_output=statistics_output,
        first_variable_output=first_variable_output, original_tensors=original_tensors,
        forward_macs=forward_macs,
        config=TinyPropConfig.from_control(np.array(control, np.float32)),
        layers=tuple(layers), variables=tuple(variables),
    )
    return metadata, fingerprint, total
