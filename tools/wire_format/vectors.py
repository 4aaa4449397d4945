"""tests/vectors/wire_format.inc: structs as bytes, and their fields, which C++ and Python tests read."""

from __future__ import annotations

import numpy as np

from tflm_tinyprop.config import TinyPropConfig
from tflm_tinyprop.format import metadata, tables, weight_record
from tflm_tinyprop.format.layout import Field
from tflm_tinyprop.format.losses import LOSS_NAMES
from tflm_tinyprop.format.options import OPTIONS_OF_OP


def _value(field: Field, number: int):
    """A value of the field, unlike those of its neighbours as far as it has so many."""
    if field.type == "f32":
        return 0.25 * (number % 5) if field.highest else 0.25 * number
    if field.flags:
        return sum(bit for i, bit in enumerate(field.flags) if 40503 * number >> i & 1)
    lowest = field.lowest or 0
    largest = field.highest or {"u8": 0xFF, "u16": 0xFFFF, "u32": 0xFFFFFFFF, "u64": 2**64 - 1}[field.type]
    return lowest + (40503 * number) % (largest - lowest + 1)


def _options_vectors() -> list[str]:
    lines = []
    for op in tables.OPS:
        fields = [f for f in op.options.fields() if f.name]
        for seed in (1, 6) if fields else (1,):
            values = {f.name: _value(f, seed + i) for i, f in enumerate(fields)}
            packed = OPTIONS_OF_OP[op.kind](**values).pack()
            text = " ".join(f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}" for name, value in values.items())
            lines.append(f'OPTIONS({op.name}, {op.options.name}, "{packed.hex()}", "{text}")')
    return lines


def example_metadata(batch_size: int = 3, loss: int = 1) -> metadata.TrainingMetadata:
    """Two layers, the first one without a bias that is trained."""
    flags = (tables.UPDATES_WEIGHTS, tables.UPDATES_WEIGHTS | tables.UPDATES_BIAS | tables.KERAS_LAYER)
    return metadata.TrainingMetadata(
        batch_size=batch_size, loss=LOSS_NAMES[loss], model_inputs=2, model_outputs=1, label_input=2, control_input=3,
        loss_output=1, statistics_output=2, first_variable_output=3, original_tensors=300, forward_macs=5_000_000_000,
        config=TinyPropConfig(s_min=0.125, s_max=0.75, zeta=0.5, d_min=0.25, d_max=3.0, threshold=0.5, decay=0.875),
        layers=(metadata.LayerRecord("conv", 1, 70_000, 27, 0, flags[0]), metadata.LayerRecord("h\u00e9ad", 4, 10, 258, 259, flags[1])),
        variables=(metadata.VariableRecord(7, 300, 216, 1, metadata.KERNEL), metadata.VariableRecord(9, 301, 2580, 2, metadata.KERNEL),
                   metadata.VariableRecord(10, 302, 10, 2, metadata.BIAS), metadata.VariableRecord(303, 304, 3, 0, metadata.STATE)),
    )


def grown(entry: bytes, training: metadata.TrainingMetadata) -> bytes:
    """The same entry as a later writer might store it: with bytes behind every struct that nobody knows yet."""
    more = b"\xa5" * 8
    header = tables.METADATA_HEADER
    values = header.unpack(entry, header.version, size=header.size())
    at, records = header.size(), b""
    for layout, count in ((tables.LAYER_RECORD, len(training.layers)), (tables.VARIABLE_RECORD, len(training.variables))):
        for _ in range(count):
            records += entry[at : at + layout.size(1)] + more
            at += layout.size(1)
    size = header.size() + len(more)
    values.update(
        header_size=size, size=size + len(records) + len(entry) - at, config=list(values["config"]),
        layer_record_size=tables.LAYER_RECORD.size(1) + len(more), variable_record_size=tables.VARIABLE_RECORD.size(1) + len(more))
    return metadata.sign(header.pack(values) + more + records + entry[at:])


def before_crc(entry: bytes) -> bytes:
    """The same entry as it was written before there was a CRC: version 1."""
    header = tables.METADATA_HEADER
    values = header.unpack(entry, header.version, size=header.size())
    size = header.size(1)
    values.update(version=1, header_size=size, size=size + len(entry) - header.size())
    return header.pack(values, 1) + entry[header.size() :]


def _metadata_vectors() -> list[str]:
    training = example_metadata()
    entry = training.pack()
    text = " ".join(f"{name}={getattr(training, name)}" for name in (
        "fingerprint", "batch_size", "model_inputs", "model_outputs", "label_input", "control_input", "loss_output",
        "statistics_output", "first_variable_output", "forward_macs", "backward_macs"))
    return [f'METADATA("{content.hex()}", "{text}")' for content in (entry, grown(entry, training), before_crc(entry))]


def _weight_vectors() -> list[str]:
    training = example_metadata()
    values = [np.arange(v.elements, dtype=np.float32) / 4 - 1 for v in training.variables]
    record = weight_record.WeightRecord(values, step=70_000, sequence=0x80000001, schedule_step=258)
    header = weight_record.pack(training, record)[: tables.WEIGHT_HEADER.size()]
    text = (f"version=2 header_size=32 fingerprint={training.fingerprint} sequence={record.sequence} step={record.step} "
            f"schedule_step={record.schedule_step} variable_count={len(values)} data_bytes={4 * sum(v.size for v in values)}")
    return [f'WEIGHT_HEADER("{header.hex()}", "{text}")']


def vectors() -> str:
    return "\n".join([
        "// Bytes as they are stored, in hexadecimal, and the fields in them. Written by `make generate`; C++ and Python tests read it.",
        "//   OPTIONS(op, struct, bytes, fields)", *_options_vectors(),
        "//   METADATA(bytes, fields): an entry, and the same one as a later writer and as an earlier one store it", *_metadata_vectors(),
        "//   WEIGHT_HEADER(bytes, fields)", *_weight_vectors(), ""])
