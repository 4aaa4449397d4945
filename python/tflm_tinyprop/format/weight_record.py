"""Weight records: the bytes in which trained weights are kept (SPEC.md, "Weight record").

The same record serves files on the host and slots in a device's flash.
"""

from __future__ import annotations

import dataclasses
import struct
import zlib

import numpy as np

from tflm_tinyprop.errors import ModelError
from tflm_tinyprop.format.layout import LayoutError, NewerVersionError
from tflm_tinyprop.format.metadata import TrainingMetadata
from tflm_tinyprop.format.tables import WEIGHT_HEADER as HEADER
from tflm_tinyprop.format.tables import WEIGHT_MAGIC as MAGIC

VERSION = HEADER.version
_MOST_STEPS = 2**32 - 1  # where firmware's counters stop, too
_CRC = struct.Struct("<I")
_COUNTS = struct.Struct("<II")  # the last two fields of every header: variables and bytes of data


@dataclasses.dataclass(frozen=True)
class WeightRecord:
    """values: one float32 array per variable of the model, the state last. step: training steps done.

    schedule_step: position in the learning rate schedule; `step` if None.
    """

    values: list[np.ndarray]
    step: int
    sequence: int = 1
    schedule_step: int | None = None


def pack(training: TrainingMetadata, record: WeightRecord) -> bytes:
    """Serialises a record for the model that `training` describes."""
    data = b"".join(np.ascontiguousarray(v, "<f4").tobytes() for v in record.values)
    sizes = struct.pack(f"<{len(record.values)}I", *(v.size for v in record.values))
    header = HEADER.pack({
        "magic": MAGIC, "version": VERSION, "header_size": HEADER.size(), "fingerprint": training.fingerprint,
        "sequence": record.sequence, "step": min(record.step, _MOST_STEPS),
        "schedule_step": min(record.step if record.schedule_step is None else record.schedule_step, _MOST_STEPS),
        "variable_count": len(record.values), "data_bytes": len(data),
    }, VERSION)
    content = header + sizes + data
    return content + _CRC.pack(zlib.crc32(content))


def unpack(training: TrainingMetadata, data: bytes, source: str = "the weights") -> WeightRecord:
    """Parses a record. Raises ModelError if it is damaged, newer, or of another model."""
    if len(data) < HEADER.size(1) + _CRC.size or data[:4] != MAGIC:
        raise ModelError(f"{source} is not a weight record of tflm_tinyprop")
    version, header_size = struct.unpack_from("<HH", data, HEADER.offset("version"))
    total = _total_size(data)
    try:
        header = HEADER.unpack(data, version, size=header_size)
    except NewerVersionError as error:
        raise ModelError(f"{source} has {error}; update tflm_tinyprop") from None
    except LayoutError:
        header = None
    if header is None or header_size != HEADER.size(version) or total != len(data):
        raise ModelError(f"{source} is truncated or damaged: {len(data)} bytes, expected {total}")
    if not _is_intact(data):
        raise ModelError(f"{source} is damaged: its CRC-32 does not match")
    count = header["variable_count"]
    sizes = struct.unpack_from(f"<{count}I", data, header_size)
    expected = tuple(v.elements for v in training.variables)
    if header["fingerprint"] != training.fingerprint and sizes == expected:
        raise ModelError(f"{source} belongs to another model: it was trained with another loss or on another output, or its "
                         "layers are others")
    if header["fingerprint"] != training.fingerprint or sizes != expected or header["data_bytes"] != 4 * sum(sizes):
        raise ModelError(
            f"{source} belongs to another model: its variables have {sizes} elements, this model's {expected}"
        )
    step = header["step"]
    schedule_step = step if version == 1 else header["schedule_step"]
    flat = np.frombuffer(data, "<f4", sum(sizes), header_size + 4 * count)
    values = np.split(flat.astype(np.float32), np.cumsum(sizes)[:-1])
    return WeightRecord(list(values), step, header["sequence"], schedule_step)


def unpack_dump(training: TrainingMetadata, data: bytes, source: str = "the dump") -> WeightRecord:
    """The newest intact record of the model in a dump of a device's weight storage.

    data: the whole storage, of which each half is a slot. Raises ModelError if neither has such a record.
    """
    newest = None
    reasons = []
    half = len(data) // 2
    slots = () if len(data) % 2 else (data[:half], data[half:])
    for number, slot in enumerate(slots, start=1):
        record = slot[: _total_size(slot)]
        if not _is_intact(record):
            continue
        try:
            found = unpack(training, record, f"half {number} of {source}")
        except ModelError as error:
            reasons.append(str(error))
            continue
        if newest is None or is_later(found.sequence, newest.sequence):
            newest = found
    if newest is None:
        nothing = f"{source} has no intact weight record: neither of its halves begins with one"
        raise ModelError("; ".join(reasons) or nothing)
    return newest


def unpack_any(training: TrainingMetadata, data: bytes, source: str = "the weights") -> WeightRecord:
    """Reads a record, or the dump of a device's whole weight storage."""
    try:
        return unpack(training, data, source)
    except ModelError as error:
        reason = error
    try:
        return unpack_dump(training, data, source)
    except ModelError as error:
        # A record that does not fit into a slot was meant to be one.
        raise reason if _total_size(data) > len(data) // 2 else error from None


def is_later(a: int, b: int) -> bool:
    """Whether sequence number a was given after b: they count on from 0 after the largest."""
    return 0 < (a - b) % 2**32 < 2**31


def _total_size(data: bytes) -> int:
    """Bytes of the record, of whatever version, that `data` begins with; 0 if it begins with none."""
    if len(data) < 8 or data[:4] != MAGIC:
        return 0
    header_size = struct.unpack_from("<H", data, 6)[0]
    if not HEADER.size(1) <= header_size <= len(data):
        return 0
    count, size = _COUNTS.unpack_from(data, header_size - _COUNTS.size)
    return header_size + 4 * count + size + _CRC.size


def _is_intact(record: bytes) -> bool:
    if len(record) < _CRC.size or len(record) != _total_size(record):
        return False
    return zlib.crc32(record[: -_CRC.size]) == _CRC.unpack(record[-_CRC.size :])[0]
