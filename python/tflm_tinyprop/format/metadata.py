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
from tflm_tinyprop.format import tables
from tflm_tinyprop.format.layout import LayoutError, NewerVersionError
from tflm_tinyprop.format.losses import LOSS_KINDS, LOSS_NAMES, LossKind
from tflm_tinyprop.format.tables import (
    LAYER_RECORD,
    UPDATES_BIAS,
    UPDATES_WEIGHTS,
    VARIABLE_RECORD,
)
from tflm_tinyprop.format.tables import (
    METADATA_HEADER as HEADER,
)
from tflm_tinyprop.format.tables import (
    METADATA_MAGIC as MAGIC,
)

ENTRY = "TINYPROP"
VERSION = HEADER.version
_CRC_AT = HEADER.offset("crc")
_CRC_SINCE = next(field.since for field in HEADER.fields() if field.name == "crc")

KERNEL, BIAS, STATE = range(len(tables.ROLES))
NO_STATE, RESET_STATE, KEPT_STATE = range(len(tables.MODEL_STATES))
ROLES = dict(enumerate(tables.ROLES))


@dataclasses.dataclass(frozen=True)
class LayerRecord:
    """A layer with weights that takes part in the backward pass, l = 1..L from input to output.

    gradients: n, elements of the layer's delta per sample. update_macs and hand_down_macs:
    multiply-accumulates per gradient kept (0 if the layer does not update or hand down).
    operator: index of its forward op in the flatbuffer. flags: UPDATES_WEIGHTS | UPDATES_BIAS | KERAS_LAYER, the last if
    the weights are those of the Keras layer with the same name, with nothing folded into them.
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
    """Content of the entry TINYPROP. Positions count within the graph's inputs or outputs.

    loss: name of one of format.losses.LOSSES, with its parameters label_smoothing and delta. output: position of the output
    it is taken on. output_threshold: of a binary cross entropy, above it an output stands for label 1.
    """

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
    model_state: int = NO_STATE  # of the model's own ops: NO_STATE, RESET_STATE or KEPT_STATE
    reset_state_input: int = 0  # where KEPT_STATE is reset by; 0 otherwise
    label_smoothing: float = 0.0
    delta: float = 1.0
    output: int = 0
    output_threshold: float = 0.5

    @property
    def loss_kind(self) -> LossKind:
        return LOSS_KINDS[self.loss]

    @property
    def keeps_state(self) -> bool:
        """Whether a sample's output depends on the samples before it."""
        return self.model_state == KEPT_STATE

    @property
    def added_inputs(self) -> int:
        """Inputs that the ordinary model does not have: label, control, and the request for a reset if state is kept."""
        return 2 + self.keeps_state

    @property
    def backward_macs(self) -> int:
        """Multiply-accumulates of one sample's full backward pass and update."""
        return sum(layer.backward_macs for layer in self.layers)

    @property
    def fingerprint(self) -> int:
        """CRC-32 over what saved weights must fit: the variables' layers, roles and sizes, the loss, and its output."""
        content = b"".join(
            struct.pack("<HHI", v.layer, v.role, v.elements) for v in self.variables
        )
        output = struct.pack("<H", self.output) if self.output else b""
        return zlib.crc32(content + self.loss.encode() + output)

    def pack(self) -> bytes:
        names = b""
        records = b""
        for layer in self.layers:
            records += LAYER_RECORD.pack({**dataclasses.asdict(layer), "name_offset": len(names)})
            names += layer.name.encode() + b"\0"
        records += b"".join(VARIABLE_RECORD.pack(dataclasses.asdict(v)) for v in self.variables)
        values = {
            **{f.name: getattr(self, f.name) for f in dataclasses.fields(self)},
            "magic": MAGIC, "fingerprint": self.fingerprint, "loss": LOSS_NAMES.index(self.loss),
            "layers": len(self.layers), "variables": len(self.variables), "config": self.config.control(0.0),
        }
        version = max(HEADER.version_for(values), _CRC_SINCE)
        size = HEADER.size(version)
        values.update(version=version, header_size=size, size=size + len(records) + len(names))
        return sign(HEADER.pack(values, version) + records + names)


def sign(entry: bytes) -> bytes:
    """The entry with the CRC that it should have."""
    return entry[:_CRC_AT] + struct.pack("<I", crc_of(entry)) + entry[_CRC_AT + 4 :]


def crc_of(entry: bytes) -> int:
    """CRC-32 of an entry whose header has one."""
    return zlib.crc32(entry[_CRC_AT + 4 :], zlib.crc32(bytes(4), zlib.crc32(entry[:_CRC_AT])))


def unpack(data: bytes, source: str = "the model") -> TrainingMetadata:
    """Parses the entry TINYPROP. Raises ModelError if it is damaged or of a newer version."""
    def damaged(what: str) -> ModelError:
        return ModelError(f"{source}: metadata entry {ENTRY} is damaged ({what}); convert the model again")

    if len(data) < 8 or data[:4] != MAGIC:
        raise damaged("no magic number")
    version, header_size = struct.unpack_from("<HH", data, HEADER.offset("version"))
    try:
        header = HEADER.unpack(data, version, size=header_size)
        if header["size"] != len(data):
            raise LayoutError(f"{len(data)} bytes, expected {header['size']}")
        # By the header's size, not by its version, of which a flipped bit may make an earlier one.
        if header_size >= _CRC_AT + 4 and struct.unpack_from("<I", data, _CRC_AT)[0] != crc_of(data):
            raise LayoutError("the CRC does not match")
        metadata = _unpack_records(data, header)
    except NewerVersionError as error:
        raise ModelError(f"{source}: metadata entry {ENTRY} has {error}; update tflm_tinyprop") from None
    except (LayoutError, struct.error, IndexError, ValueError, UnicodeDecodeError, ConfigError) as error:
        raise damaged(str(error)) from error
    if header["fingerprint"] != metadata.fingerprint:
        raise damaged("the fingerprint does not match")
    return metadata


def _unpack_records(data: bytes, header: dict) -> TrainingMetadata:
    unknown = HEADER.unknown_value(header)
    if unknown:
        raise LayoutError(f"{unknown} {header[unknown]}")
    _check_loss(header)
    at = header["header_size"]
    layers, at = _records(LAYER_RECORD, data, at, header["layers"], header["layer_record_size"])
    variables, names_at = _records(VARIABLE_RECORD, data, at, header["variables"], header["variable_record_size"])
    values = {f.name: header[f.name] for f in dataclasses.fields(TrainingMetadata)}
    return TrainingMetadata(**{
        **values,
        "loss": LOSS_NAMES[header["loss"]],
        **{name: shortest(header[name]) for name in ("label_smoothing", "delta", "output_threshold")},
        "config": TinyPropConfig.from_control(np.array(header["config"], np.float32)),
        "layers": tuple(LayerRecord(_name(data, names_at + layer.pop("name_offset")), **layer) for layer in layers),
        "variables": tuple(VariableRecord(**variable) for variable in variables),
    })


def _check_loss(header: dict) -> None:
    if not 0 <= header["label_smoothing"] <= 1 or not 0 <= header["delta"] < np.inf or not np.isfinite(header["output_threshold"]):
        raise LayoutError("parameters of the loss")
    if header["output"] >= header["model_outputs"]:
        raise LayoutError(f"output {header['output']} of {header['model_outputs']}")


def shortest(value: float) -> float:
    """The shortest decimal that is the same float32, so that 0.1 stays 0.1."""
    return float(str(np.float32(value)))


def _records(layout, data: bytes, at: int, count: int, size: int) -> tuple[list[dict], int]:
    """`count` records of `size` bytes each, and where the last one ends."""
    return [layout.unpack(data, 1, at + i * size, size) for i in range(count)], at + count * size


def _name(data: bytes, start: int) -> str:
    return data[start : data.index(b"\0", start)].decode()
