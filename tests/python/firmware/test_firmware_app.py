"""Values in the generated sources."""

import copy
import dataclasses
import re

import numpy as np
import pytest

import tflm_tinyprop as tp
from tflm_tinyprop.firmware.app import App, app_files
from tflm_tinyprop.firmware.ops import NeededOps, needed_ops
from tflm_tinyprop.firmware.self_test import make_self_test
from tflm_tinyprop.models.tiny_models import dense_classifier

DATA, MODEL, OPS = "tinyprop_self_test_data.h", "tinyprop_model.h", "tinyprop_ops.h"


@pytest.fixture(scope="module")
def self_test(firmware_model):
    return make_self_test(firmware_model)


@pytest.fixture(scope="module")
def files_of(firmware_model, self_test):
    """Function: the files of the model, its ops and its self-test, or of others."""
    def make(model=firmware_model, ops=None, **changes):
        return app_files(App(model, ops or needed_ops(model.graph), dataclasses.replace(self_test, **changes)))

    return make


def elements(text: str, array: str) -> list[str]:
    body = re.search(rf"{array}\[\w*\] = \{{\n(.*?)\n\}};", text, re.DOTALL)[1]
    return [element.strip() for element in body.split(",") if element.strip()]


def test_the_arena_is_the_measured_one_in_whole_kilobytes(firmware_model, files_of):
    reserved = int(re.search(r"kArenaBytes = (\d+);", files_of()[MODEL])[1])
    assert reserved % 1024 == 0 and firmware_model.arena_bytes <= reserved < firmware_model.arena_bytes + 1024


def test_labels_of_all_losses(files_of):
    assert "LabelElement = int32_t;" in files_of()[MODEL] and "kLabelElements = 1;" in files_of()[MODEL]
    for loss in ("mean_squared_error", "categorical_crossentropy"):
        model = tp.convert(dense_classifier([8, 4], softmax=False), loss=loss)
        files = app_files(App(model, needed_ops(model.graph), make_self_test(model)))
        assert "LabelElement = float;" in files[MODEL] and "kLabelElements = 4;" in files[MODEL]
        assert len(elements(files[DATA], "kSampleLabel")) == 4


@pytest.mark.parametrize(("dtype", "kind", "expected"), [
    (np.int8, "int8_t", ["(-127 - 1)", "0", "127"]), (np.uint8, "uint8_t", ["0", "0", "255"]),
    (np.int16, "int16_t", ["(-32767 - 1)", "0", "32767"]),
    (np.int32, "int32_t", ["(-2147483647 - 1)", "0", "2147483647"]),
    (np.uint32, "uint32_t", ["0u", "0u", "4294967295u"]),
    (np.int64, "int64_t", ["(-9223372036854775807ll - 1)", "0ll", "9223372036854775807ll"]),
    (np.uint64, "uint64_t", ["0ull", "0ull", "18446744073709551615ull"]),
    (np.bool_, "bool", ["false", "true", "true"]),
])
@pytest.mark.parametrize("is_generated", [False, True])
def test_samples_of_integers(files_of, dtype, kind, expected, is_generated):
    """The smallest number has no literal in C++."""
    limits = (False, True) if dtype == np.bool_ else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    sample = np.array([limits[0], limits[1] if dtype == np.bool_ else 0, limits[1]], dtype)
    text = files_of(inputs=(sample,), is_generated=is_generated)[DATA]
    assert f"constexpr {kind} kSampleInput0[]" in text and elements(text, "kSampleInput0") == expected


def test_samples_of_floats(files_of):
    sample = np.array([[-1.0, 0.015625, 0.5]], np.float32)
    text = files_of(inputs=(sample,), is_generated=True)[DATA]
    assert "constexpr SixtyFourth kSampleInput0[]" in text
    assert elements(text, "kSampleInput0") == ["{-64}", "{1}", "{32}"]
    text = files_of(inputs=(sample + np.float32(0.1),), is_generated=False)[DATA]
    assert "constexpr float kSampleInput0[]" in text
    values = [np.float32(element.removesuffix("f")) for element in elements(text, "kSampleInput0")]
    assert values == (sample + np.float32(0.1)).ravel().tolist()


def test_a_sample_that_no_firmware_takes(files_of):
    with pytest.raises(tp.ModelError, match="input 0 has type float16.*float32 or integer inputs"):
        files_of(inputs=(np.zeros(3, np.float16),))


def test_a_layer_may_be_called_anything(firmware_model, files_of):
    """Its name goes into a comment of one line, which a backslash would continue."""
    model = copy.copy(firmware_model)
    first, *others = firmware_model.training.layers
    layers = (dataclasses.replace(first, name="lä\nyer\\"), *others)
    model.training = dataclasses.replace(firmware_model.training, layers=layers)
    for variable, expected in enumerate(("l??yer?, kernel", "l??yer?, bias", "dense_3, kernel", "dense_3, bias")):
        assert f"kWeightVariable = {variable};  // {expected}\n" in files_of(model, variable=variable)[DATA]


def test_a_resolver_without_our_ops_or_without_others(files_of):
    text = files_of(ops=NeededOps(("AddRelu", "AddTanh"), ()))[OPS]
    assert "MicroMutableOpResolver<2>" in text and "registrations" not in text
    assert all(f"resolver->{method}()" in text for method in ("AddRelu", "AddTanh"))
    text = files_of(ops=NeededOps((), ("RegisterDecision",)))[OPS]
    assert "MicroMutableOpResolver<1>" in text and "&tinyprop::RegisterDecision()," in text
