"""Weight records that firmware writes are those that Python reads, and the other way round."""

import ctypes

import keras
import numpy as np
import pytest
from runtime_abi import OK, _library

import tflm_tinyprop as tp
from tflm_tinyprop.format import weight_record

# Values of tinyprop::Status (cc/runtime/status.h).
NO_RECORD, OTHER_MODEL = 12, 13
SLOT = 4096


class Device:
    """A storage in memory that the firmware's store works on."""

    def __init__(self, training, content: bytes = bytes(2 * SLOT)):
        self._fingerprint = training.fingerprint
        self._elements = np.array([v.elements for v in training.variables], np.int32)
        self._memory = (ctypes.c_uint8 * len(content)).from_buffer_copy(content)

    @property
    def content(self) -> bytes:
        return bytes(self._memory)

    def save(self, record: weight_record.WeightRecord) -> None:
        status, _ = self._call(0, record)
        assert status == OK

    def load(self) -> tuple[int, weight_record.WeightRecord]:
        """(status, record). The record has only zeros unless the status is OK."""
        zeros = np.split(np.zeros(self._elements.sum(), np.float32), np.cumsum(self._elements)[:-1])
        return self._call(1, weight_record.WeightRecord(list(zeros), step=0, schedule_step=0))

    def _call(self, is_load: int, record: weight_record.WeightRecord):
        header = np.array([self._fingerprint, record.step, record.schedule_step], np.uint32)
        values = np.concatenate([v.ravel() for v in record.values]).astype(np.float32)
        status = _library().abi_weight_store(
            self._memory, ctypes.c_uint32(len(self._memory)), is_load, header.ctypes.data_as(ctypes.c_void_p),
            len(self._elements), self._elements.ctypes.data_as(ctypes.c_void_p),
            values.ctypes.data_as(ctypes.c_void_p),
        )
        split = list(np.split(values, np.cumsum(self._elements)[:-1]))
        return status, weight_record.WeightRecord(split, int(header[1]), record.sequence, int(header[2]))


@pytest.fixture(scope="module")
def training():
    network = keras.Sequential([keras.Input((12,)), keras.layers.Dense(9, "relu"), keras.layers.Dense(5)])
    return tp.convert(network).training


def make(training, step: int, sequence: int = 1) -> weight_record.WeightRecord:
    """Random bits as values, so NaN and infinities too."""
    generator = np.random.default_rng(step)
    values = [generator.integers(0, 2**32, v.elements, np.uint32).view(np.float32) for v in training.variables]
    return weight_record.WeightRecord(values, step, sequence, schedule_step=step // 3)


def equal(a: weight_record.WeightRecord, b: weight_record.WeightRecord) -> bool:
    return (a.step, a.schedule_step) == (b.step, b.schedule_step) and [
        v.tobytes() for v in a.values
    ] == [v.tobytes() for v in b.values]


def test_firmware_writes_what_python_writes(training):
    device = Device(training)
    assert device.load()[0] == NO_RECORD
    for sequence in range(1, 5):
        record = make(training, 1000 * sequence, sequence)
        device.save(record)
        expected = weight_record.pack(training, record)
        assert expected in [device.content[slot : slot + len(expected)] for slot in (0, SLOT)]
        found = weight_record.unpack_any(training, device.content)
        assert equal(found, record)
        assert found.sequence == sequence


def test_firmware_reads_what_python_writes(training):
    record = make(training, 4_000_000_000)
    content = weight_record.pack(training, record)
    for slots in ((content, b""), (b"", content)):
        device = Device(training, b"".join(slot.ljust(SLOT, b"\xff") for slot in slots))
        status, loaded = device.load()
        assert status == OK
        assert equal(loaded, record)
        device.save(make(training, 7))  # goes on from there
        assert weight_record.unpack_any(training, device.content).sequence == 2


@pytest.mark.parametrize(("first", "second"), [(1, 2), (2, 1), (2**32 - 1, 0), (0, 2**32 - 1), (5, 5), (1, 2**31)])
def test_both_take_the_same_record_of_two(training, first, second):
    records = [make(training, 10, first), make(training, 20, second)]
    device = Device(training, b"".join(weight_record.pack(training, r).ljust(SLOT, b"\0") for r in records))
    status, loaded = device.load()
    assert status == OK
    assert equal(loaded, weight_record.unpack_any(training, device.content))


def test_another_models_record_is_left_alone(training):
    network = keras.Sequential([keras.Input((12,)), keras.layers.Dense(5, name="only")])
    other = tp.convert(network).training
    device = Device(training, weight_record.pack(other, make(other, 3)).ljust(2 * SLOT, b"\xff"))
    status, loaded = device.load()
    assert status == OTHER_MODEL
    assert not any(v.any() for v in loaded.values)
    device.save(make(training, 5))
    assert weight_record.unpack_any(other, device.content).step == 3
    assert weight_record.unpack_any(training, device.content).step == 5
