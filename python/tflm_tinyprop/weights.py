"""Weight records: the bytes in which trained weights are kept (SPEC.md, "Weight record").

The same record serves files on the host and slots in a device's flash.
"""

from __future__ import annotations

import dataclasses
import struct
import zlib

import numpy as np

from tflm_tinyprop.errors import ModelError
from tflm_tinyprop.metadata import TrainingMetadata

MAGIC = b"TPWR"
VERSION = 1
_HEADER = struct.Struct("<4sHHIIIII")
_CRC = struct.Struct("<I")


@dataclasses.dataclass(frozen=True)
class WeightRecord:
    """values: one float32 array per variable of the model, the state last. step: training steps done."""

    values: list[np.ndarray]
    step: int
    sequence: int = 1


def pack(training: TrainingMetadata, record: WeightRecord) -> bytes:
    """Serialises a record for the model that `training` describes."""
    data = b"".join(np.ascontiguousarray(v, np.float32).tobytes() for v in record.values)
    sizes = struct.pack(f"<{len(record.values)}I", *(v.size for v in record.values))
    header = _HEADER.pack(
        MAGIC, VERSION, _HEADER.size, training.fingerprint, record.sequence, record.step,
        len(record.values), len(data),
    )
    content = header + sizes + data
    return content + _CRC.pack(zlib.crc32(content))


def unpack(training: TrainingMetadata, data: bytes, source: str = "the weights") -> WeightRecord:
    """Parses a record. Raises ModelError if it is damaged, newer, or of another model."""
    if len(data) < _HEADER.size + _CRC.size or data[:4] != MAGIC:
        raise ModelError(f"{source} is not a weight record of tflm_tinyprop")
    _, version, header_size, fingerprint, sequence, step, count, size = _HEADER.unpack_from(data)
    if version > VERSION:
        raise ModelError(f"{source} has version {version}, this tflm_tinyprop reads up to {VERSION}; update it")
    total = header_size + 4 * count + size + _CRC.size
    if version == 0 or header_size != _HEADER.size or total != len(data):
        raise ModelError(f"{source} is truncated or damaged: {len(data)} bytes, expected {total}")
    if zlib.crc32(data[: -_CRC.size]) != _CRC.unpack(data[-_CRC.size :])[0]:
        raise ModelError(f"{source} is damaged: its CRC-32 does not match")
    sizes = struct.unpack_from(f"<{count}I", data, header_size)
    expected = tuple(v.elements for v in training.variables)
    if fingerprint != training.fingerprint or sizes != expected or size != 4 * sum(sizes):
        raise ModelError(
            f"{source} belongs to another model: its variables have {sizes} elements, this model's {expected}"
        )
    flat = np.frombuffer(data, "<f4", sum(sizes), header_size + 4 * count)
    values = np.split(flat.astype(np.float32), np.cumsum(sizes)[:-1])
    return WeightRecord(list(values), step, sequence)
