"""Damages files at random: bytes, fields of the flatbuffer, entries of the metadata. A seed makes the same file again."""

from __future__ import annotations

import dataclasses
import random
import struct
import zlib

import flatbuffers
import numpy as np

from tflm_tinyprop.format import metadata
from tflm_tinyprop.format.graph import schema

_INTEGERS = (0, 1, -1, 2, 3, 4, 7, 8, 127, 128, 255, 256, 65535, 65536, 2**24, 2**28, 2**31 - 1, -(2**31), 2**32 - 1)
_FLOATS = (0.0, -1.0, 1e-45, 1e38, float("inf"), float("nan"))
_TEXTS = (b"", b"a", b"\0", b"\xff\xfe", b"TinyPropInitialize", b"x" * 300)


def mutate_model(data: bytes, rng: random.Random) -> tuple[bytes, str]:
    """A damaged .tflite, and in words what was done."""
    kind = rng.choices(("bytes", "fields", "metadata"), (2, 6, 2))[0]
    if kind == "metadata":
        changed = _mutate_metadata(data, rng)
        if changed is not None:
            return changed
    if kind == "bytes":
        return mutate_bytes(data, rng), "bytes"
    return _mutate_fields(data, rng)


def mutate_bytes(data: bytes, rng: random.Random) -> bytes:
    """A few bytes set, flipped, taken out, put in, or the end cut off."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 5, 20))):
        at = rng.randrange(len(changed)) if changed else 0
        action = rng.randrange(6)
        if action == 0 and changed:
            changed[at] ^= 1 << rng.randrange(8)
        elif action == 1 and changed:
            changed[at] = rng.choice((0, 1, 127, 128, 255))
        elif action == 2:
            changed[at & ~3 : (at & ~3) + 4] = struct.pack("<I", rng.choice(_INTEGERS) & 0xFFFFFFFF)
        elif action == 3:
            del changed[at : at + rng.choice((1, 4, 16))]
        elif action == 4:
            changed[at:at] = rng.randbytes(rng.choice((1, 4, 16)))
        elif rng.random() < 0.2:
            del changed[at:]
    return bytes(changed)


def mutate_record(data: bytes, rng: random.Random) -> bytes:
    """A damaged weight record, half of the time with a CRC that fits again, alone or as one half of a storage."""
    changed = mutate_bytes(data, rng)
    if rng.random() < 0.5 and len(changed) > 4:
        changed = changed[:-4] + struct.pack("<I", zlib.crc32(changed[:-4]))
    if rng.random() < 0.3:
        slot = max(len(changed), len(data)) + rng.randrange(8)
        halves = [changed.ljust(slot, b"\xff"), data.ljust(slot, b"\xff")]
        rng.shuffle(halves)
        changed = b"".join(halves)
    return changed


def _mutate_fields(data: bytes, rng: random.Random) -> tuple[bytes, str]:
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(data, 0))
    done = []
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        places: dict[str, list] = {}
        _collect(model, "model", places)
        # The kind of a field first: else most changes would hit the few that every tensor has.
        field = rng.choice(sorted(places))
        owner, name = rng.choice(places[field])
        others = [getattr(o, n) for o, n in places[field]]
        setattr(owner, name, _mutated(getattr(owner, name), others, rng))
        done.append(field)
    builder = flatbuffers.Builder(1 << 14)
    try:
        builder.Finish(model.Pack(builder), b"TFL3")
    except Exception:  # what the schema's own writer does not take is no file
        return mutate_bytes(data, rng), "bytes"
    return bytes(builder.Output()), "+".join(done)


def _collect(owner, path: str, places: dict[str, list]) -> None:
    """All (object, attribute) below `owner`, by the path of the attribute without indices."""
    for name, value in vars(owner).items():
        at = f"{path}.{name}"
        places.setdefault(at, []).append((owner, name))
        if hasattr(value, "__dict__"):
            _collect(value, f"{at}({type(value).__name__})", places)
        elif isinstance(value, list):
            for element in value:
                if hasattr(element, "__dict__"):
                    _collect(element, at, places)


def _mutated(value, others: list, rng: random.Random):
    if rng.random() < 0.3:  # that of another place
        return rng.choice(others)
    if rng.random() < 0.05:
        return None
    if isinstance(value, (bool, np.bool_)):
        return not value
    if isinstance(value, (int, np.integer)):
        return int(rng.choice((value + 1, value - 1, value * 2, *_INTEGERS)))
    if isinstance(value, (float, np.floating)):
        return float(rng.choice(_FLOATS))
    if isinstance(value, (bytes, str)):
        return rng.choice(_TEXTS)
    if isinstance(value, (list, np.ndarray)):
        return _mutated_list(list(value), rng)
    return value


def _mutated_list(values: list, rng: random.Random) -> list:
    action = rng.randrange(6)
    at = rng.randrange(len(values)) if values else 0
    if action == 0 or not values:
        values.insert(at, rng.choice(values) if values else 0)
    elif action == 1:
        del values[at]
    elif action == 2:
        rng.shuffle(values)
    elif action == 3:
        values[at] = rng.choice(values)
    elif isinstance(values[at], (int, float, np.number)):
        numbers = _INTEGERS if isinstance(values[at], (int, np.integer)) else _FLOATS
        unsigned = isinstance(values[at], np.unsignedinteger)
        chosen = rng.choice((values[at] + 1, values[at] - 1 if values[at] else 0, *numbers))
        values[at] = int(chosen) & 0xFF if unsigned else chosen
    return values


def _mutate_metadata(data: bytes, rng: random.Random) -> tuple[bytes, str] | None:
    """The entry TINYPROP with a field or a record changed, and a fingerprint and CRC that fit; None if there is none."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(data, 0))
    entries = {m.name: m.buffer for m in model.metadata or []}
    if metadata.ENTRY.encode() not in entries:
        return None
    buffer = model.buffers[entries[metadata.ENTRY.encode()]]
    training = metadata.unpack(bytes(buffer.data))
    for _ in range(rng.choice((1, 1, 2))):
        training, done = _mutated_training(training, rng)
    try:
        packed = training.pack()
    except Exception:
        return None
    buffer.data = np.frombuffer(packed, np.uint8)
    builder = flatbuffers.Builder(1 << 14)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output()), f"metadata.{done}"


def _mutated_training(training, rng: random.Random):
    names = [f.name for f in dataclasses.fields(training) if f.name != "config"]
    name = rng.choice(names)
    value = getattr(training, name)
    if name in ("layers", "variables"):
        records = list(value)
        at = rng.randrange(len(records)) if records else 0
        if records and rng.random() < 0.7:
            record = records[at]
            field = rng.choice([f.name for f in dataclasses.fields(record)])
            others = [getattr(r, field) for r in records]
            changed = _mutated(getattr(record, field), others, rng)
            if isinstance(changed, bytes):
                changed = changed.decode("latin-1")
            records[at] = dataclasses.replace(record, **{field: changed})
            return dataclasses.replace(training, **{name: tuple(records)}), f"{name}.{field}"
        return dataclasses.replace(training, **{name: tuple(_mutated_list(records, rng))}), name
    if name == "loss":
        from tflm_tinyprop.format.tables import LOSSES

        return dataclasses.replace(training, loss=rng.choice(LOSSES)), name
    return dataclasses.replace(training, **{name: _mutated(value, [value], rng)}), name
