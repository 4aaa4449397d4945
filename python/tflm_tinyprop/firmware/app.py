"""The files that all targets share: model, ops, self-test and training loop (templates/app)."""

from __future__ import annotations

import dataclasses
import zlib

import numpy as np

from tflm_tinyprop.errors import ModelError
from tflm_tinyprop.firmware.cpp import literals
from tflm_tinyprop.firmware.ops import NeededOps
from tflm_tinyprop.firmware.render import render
from tflm_tinyprop.firmware.self_test import FLOAT_STEP, SelfTest
from tflm_tinyprop.format.losses import BINARY, CLASS_INDEX, ONE_HOT, TARGET
from tflm_tinyprop.format.metadata import ROLES
from tflm_tinyprop.format.resource_variables import variable_names
from tflm_tinyprop.trainable_model import TrainableModel

_USER_FILES = ("tinyprop_user.h", "tinyprop_user.cc")
# Files that embed(overwrite=True) leaves alone once they were changed, under any folder.
EDITABLE = frozenset((*_USER_FILES, "tinyprop_user.cpp", "tflm_library.h", "platformio.ini", "prj.conf", "sdkconfig.defaults"))
_FILES = (
    "tinyprop_app.cc", "tinyprop_app.h", "tinyprop_model.cc", "tinyprop_model.h", "tinyprop_ops.h",
    "tinyprop_self_test.cc", "tinyprop_self_test.h", "tinyprop_self_test_data.h", "tinyprop_text.cc",
    "tinyprop_text.h", *_USER_FILES,
)
_ARENA_STEP = 1024
# Behind "Label of a sample:" in a comment.
_LABELS = {
    CLASS_INDEX: "index of the class",
    ONE_HOT: "one-hot, one element per class",
    BINARY: "0 or 1 for each output, or something between",
    TARGET: "the wanted output",
}
_C_TYPES = {
    "float32": "float", "int8": "int8_t", "uint8": "uint8_t", "int16": "int16_t", "int32": "int32_t",
    "uint32": "uint32_t", "int64": "int64_t", "uint64": "uint64_t", "bool": "bool",
}


@dataclasses.dataclass(frozen=True)
class App:
    """What a firmware is generated from."""

    model: TrainableModel
    ops: NeededOps
    self_test: SelfTest

    @property
    def arena_bytes(self) -> int:
        """What the generated code reserves: the measured arena, rounded up."""
        return -(-self.model.arena_bytes // _ARENA_STEP) * _ARENA_STEP


def app_files(app: App) -> dict[str, str]:
    """{file name: content}, the same for every target."""
    values = {**_model_values(app), **_self_test_values(app)}
    return {name: render(f"app/{name}", values) for name in _FILES}


def _model_values(app: App) -> dict[str, object]:
    model = app.model
    return {
        "model_data": model.data,
        "model_bytes": len(model.data),
        "model_id": f"{zlib.crc32(model.data):08x}",
        "measured_arena": model.arena_bytes,
        "arena_bytes": app.arena_bytes,
        "batch_size": model.batch_size,
        "label_text": _LABELS[model.training.loss_kind.label],
        "label_type": "int32_t" if app.self_test.label.dtype == np.int32 else "float",
        "label_elements": app.self_test.label.size,
        "resource_variables": len(variable_names(model.graph)),
        "methods": app.ops.methods,
        "registrations": app.ops.registrations,
    }


def _self_test_values(app: App) -> dict[str, object]:
    test, training = app.self_test, app.model.training
    record = training.variables[test.variable]
    layer = training.layers[record.layer - 1].name
    return {
        **{field.name: getattr(test, field.name) for field in dataclasses.fields(test)},
        # A layer may be called anything, and this goes into a comment of one line.
        "variable_name": f"{_printable(layer)}, {ROLES[record.role]}",
        "inputs": [_sample(i, values.reshape(-1), test.is_generated) for i, values in enumerate(test.inputs)],
    }


def _printable(text: str) -> str:
    return "".join(c if c.isascii() and c.isprintable() and c != "\\" else "?" for c in text)


def _sample(position: int, values: np.ndarray, is_generated: bool) -> dict[str, object]:
    """An input's C++ type and elements."""
    if is_generated and values.dtype == np.float32:
        counts = np.rint(values / FLOAT_STEP).astype(int).tolist()
        return {"type": "SixtyFourth", "elements": [f"{{{count}}}" for count in counts]}
    if values.dtype.name not in _C_TYPES:
        raise ModelError(
            f"input {position} has type {values.dtype}, which a firmware cannot be fed with; convert a model with "
            "float32 or integer inputs"
        )
    return {"type": _C_TYPES[values.dtype.name], "elements": literals(values)}
