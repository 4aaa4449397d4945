"""Weight records."""

import numpy as np
import pytest

import tflm_tinyprop as tp
from tflm_tinyprop import weights
from tflm_tinyprop.errors import ModelError
from tflm_tinyprop.tiny_models import dense_classifier


@pytest.fixture
def record(model):
    values = [np.arange(v.elements, dtype=np.float32) + v.layer for v in model.training.variables]
    return weights.WeightRecord(values, step=77, sequence=3)


def test_packing_and_unpacking(model, record):
    again = weights.unpack(model.training, weights.pack(model.training, record))
    assert (again.step, again.sequence) == (77, 3)
    for a, b in zip(again.values, record.values, strict=True):
        np.testing.assert_array_equal(a, b)


def test_every_truncation_is_noticed(model, record):
    content = weights.pack(model.training, record)
    for length in range(len(content)):
        with pytest.raises(ModelError):
            weights.unpack(model.training, content[:length])


def test_every_flipped_bit_is_noticed(model, record):
    content = weights.pack(model.training, record)
    for bit in range(8 * len(content)):
        damaged = bytearray(content)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(ModelError):
            weights.unpack(model.training, bytes(damaged))


def test_a_record_of_another_model_is_refused(model, record):
    other = tp.convert(dense_classifier([8, 16, 13, 4]))
    with pytest.raises(ModelError, match="another model"):
        weights.unpack(other.training, weights.pack(model.training, record))
