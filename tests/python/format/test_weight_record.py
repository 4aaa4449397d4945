"""Weight records."""

import dataclasses
import struct
import zlib

import numpy as np
import pytest

import tflm_tinyprop as tp
from tflm_tinyprop.errors import ModelError
from tflm_tinyprop.format import weight_record
from tflm_tinyprop.models.tiny_models import dense_classifier


@pytest.fixture
def record(model):
    values = [np.arange(v.elements, dtype=np.float32) + v.layer for v in model.training.variables]
    return weight_record.WeightRecord(values, step=77, sequence=3, schedule_step=41)


@pytest.fixture(scope="module")
def other():
    return tp.convert(dense_classifier([8, 16, 13, 4]))


def with_crc(content: bytes) -> bytes:
    return content + struct.pack("<I", zlib.crc32(content))


def first_version(content: bytes) -> bytes:
    """The same record without the position in the schedule."""
    return with_crc(content[:4] + struct.pack("<HH", 1, 28) + content[8:20] + content[24:-4])


def later_version(content: bytes) -> bytes:
    """A record as a later version may be: with a longer header, of which the last fields are the same."""
    return with_crc(content[:4] + struct.pack("<HH", 3, 40) + content[8:24] + b"????????" + content[24:-4])


def equal(a: weight_record.WeightRecord, b: weight_record.WeightRecord) -> bool:
    same_numbers = (a.step, a.sequence, a.schedule_step) == (b.step, b.sequence, b.schedule_step)
    return same_numbers and [v.tobytes() for v in a.values] == [v.tobytes() for v in b.values]


def test_packing_and_unpacking(model, record):
    again = weight_record.unpack(model.training, weight_record.pack(model.training, record))
    assert equal(again, record)


def test_layout(model, record):
    content = weight_record.pack(model.training, record)
    training = model.training
    elements = [v.elements for v in training.variables]
    header = struct.unpack_from("<4sHHIIIIII", content)
    assert header == (b"TPWR", 2, 32, training.fingerprint, 3, 77, 41, len(elements), 4 * sum(elements))
    assert struct.unpack_from(f"<{len(elements)}I", content, 32) == tuple(elements)
    assert content[32 + 4 * len(elements) : -4] == b"".join(v.astype("<f4").tobytes() for v in record.values)
    assert content == with_crc(content[:-4])


def test_the_schedule_is_at_the_step_unless_given(model, record):
    content = weight_record.pack(model.training, dataclasses.replace(record, schedule_step=None))
    assert weight_record.unpack(model.training, content).schedule_step == 77
    content = weight_record.pack(model.training, dataclasses.replace(record, schedule_step=0))
    assert weight_record.unpack(model.training, content).schedule_step == 0


def test_version_1(model, record):
    content = first_version(weight_record.pack(model.training, record))
    assert equal(weight_record.unpack(model.training, content), dataclasses.replace(record, schedule_step=77))
    for length in range(len(content)):
        with pytest.raises(ModelError):
            weight_record.unpack(model.training, content[:length])


def test_a_known_version_has_a_header_of_its_size(model, record):
    content = later_version(weight_record.pack(model.training, record))
    for version in (1, 2):
        longer = with_crc(content[:4] + struct.pack("<H", version) + content[6:-4])
        with pytest.raises(ModelError, match="damaged"):
            weight_record.unpack(model.training, longer)


def test_a_newer_version_says_so(model, record):
    with pytest.raises(ModelError, match="version 3"):
        weight_record.unpack_any(model.training, later_version(weight_record.pack(model.training, record)))


@pytest.mark.parametrize("read", [weight_record.unpack, weight_record.unpack_any])
def test_every_truncation_is_noticed(model, record, read):
    content = weight_record.pack(model.training, record)
    for length in range(len(content)):
        with pytest.raises(ModelError):
            read(model.training, content[:length])


@pytest.mark.parametrize("read", [weight_record.unpack, weight_record.unpack_any])
def test_every_flipped_bit_is_noticed(model, record, read):
    content = weight_record.pack(model.training, record)
    for bit in range(8 * len(content)):
        damaged = bytearray(content)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(ModelError):
            read(model.training, bytes(damaged))


def test_a_record_of_another_model_is_refused(model, record, other):
    with pytest.raises(ModelError, match="another model"):
        weight_record.unpack(other.training, weight_record.pack(model.training, record))


def test_a_record_of_a_model_with_another_loss_is_refused(model, record):
    other = dataclasses.replace(model.training, loss="categorical_crossentropy")
    with pytest.raises(ModelError, match="another model"):
        weight_record.unpack(other, weight_record.pack(model.training, record))


def test_a_record_with_more_data_than_its_variables_is_refused(model, record):
    content = weight_record.pack(model.training, record)
    size = struct.unpack_from("<I", content, 28)[0]
    longer = with_crc(content[:28] + struct.pack("<I", size + 4) + content[32:-4] + b"more")
    with pytest.raises(ModelError, match="another model"):
        weight_record.unpack(model.training, longer)


# Dumps of a device's storage ------------------------------------------------------------------------

SLOT = 4096


def dump(*slots: bytes, fill: bytes = b"\xff") -> bytes:
    return b"".join(content + fill * (SLOT - len(content)) for content in slots)


@pytest.fixture
def records(model, record):
    """Function: the record with another sequence number and step, and its bytes."""
    def make(sequence: int):
        made = dataclasses.replace(record, sequence=sequence, step=sequence % 1000)
        return made, weight_record.pack(model.training, made)

    return make


@pytest.mark.parametrize(("older", "newer"), [
    (1, 2), (9, 10), (2**32 - 1, 0), (2**31 - 1, 2**31), (2**32 - 3, 4), (5, 2**31 + 4)])
def test_the_newest_record_of_a_dump(model, records, older, newer):
    expected, content = records(newer)
    _, older_content = records(older)
    for fill in (b"\xff", b"\x00", b"\xa5"):
        for slots in ((content, older_content), (older_content, content), (content, b""), (b"", content)):
            assert equal(weight_record.unpack_any(model.training, dump(*slots, fill=fill)), expected)


def test_a_damaged_record_of_a_dump_leaves_the_older_one(model, records):
    expected, older = records(5)
    _, newer = records(6)
    for position in range(len(newer)):
        damaged = newer[:position] + bytes([newer[position] ^ 0x10]) + newer[position + 1 :]
        assert equal(weight_record.unpack_any(model.training, dump(damaged, older)), expected)
        assert equal(weight_record.unpack_any(model.training, dump(older, damaged)), expected)


def test_a_storage_of_an_odd_size_has_no_halves(model, records):
    _, content = records(8)
    with pytest.raises(ModelError, match="no intact weight record"):
        weight_record.unpack_any(model.training, dump(content, content) + b"\xff")


def test_slots_that_records_fill(model, records):
    expected, content = records(8)
    _, older = records(7)
    assert equal(weight_record.unpack_any(model.training, older + content), expected)


def test_records_of_other_models_and_versions_in_a_dump(model, records, other):
    expected, content = records(5)
    foreign = weight_record.pack(other.training, weight_record.WeightRecord(other.initial_values(), step=1, sequence=9))
    later = later_version(records(9)[1])
    for stranger in (foreign, later):
        assert equal(weight_record.unpack_any(model.training, dump(stranger, content)), expected)
        assert equal(weight_record.unpack_any(model.training, dump(content, stranger)), expected)
    with pytest.raises(ModelError, match="half 1 of x.bin belongs to another model.*half 2 of x.bin has version 3"):
        weight_record.unpack_any(model.training, dump(foreign, later), "x.bin")


@pytest.mark.parametrize("content", [b"", b"TPWR", b"\xff" * 8192, b"\x00" * 8192, b"TPWR" + b"\xff" * 8188, b"x" * 77])
def test_nothing_in_a_dump(model, content):
    with pytest.raises(ModelError, match="x.bin has no intact weight record"):
        weight_record.unpack_any(model.training, content, "x.bin")


def test_a_trainer_loads_a_dump(model, records, tmp_path):
    _, older = records(5)
    expected, newer = records(6)
    (tmp_path / "dump.bin").write_bytes(dump(newer, older))
    trainer = tp.Trainer(model)
    trainer.load_weights(tmp_path / "dump.bin")
    assert trainer.step == 6
    for value, wanted in zip(trainer._values(), expected.values, strict=True):
        assert value.ravel().tobytes() == wanted.tobytes()
