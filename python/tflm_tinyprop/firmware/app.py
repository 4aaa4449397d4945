"""The files that all targets share: model, ops, self-test and training loop (templates/app)."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from tflm_tinyprop.errors import ModelError
from tflm_tinyprop.firmware.cpp import array_body, byte_array_body, float_literal
from tflm_tinyprop.firmware.ops import NeededOps
from tflm_tinyprop.firmware.render import render
from tflm_tinyprop.firmware.self_test import FLOAT_STEP, SelfTest
from tflm_tinyprop.format.metadata import ROLES
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
    values = {**_model_values(app), **_ops_values(app.ops), **_self_test_values(app)}
    return {name: render(f"app/{name}", values) for name in _FILES}


def _model_values(app: App) -> dict[str, object]:
    model = app.model
    kinds = {
        "sparse_categorical_crossentropy": "index of the class",
        "categorical_crossentropy": "one-hot, one element per class",
        "mean_squared_error": "the wanted output",
    }
    return {
        "model_data": byte_array_body(model.data),
        "model_bytes": len(model.data),
        "measured_arena": model.arena_bytes,
        "arena_bytes": app.arena_bytes,
        "batch_size": model.batch_size,
        "inputs": len(model.inputs),
        "label_comment": kinds[model.loss],
        "label_type": "int32_t" if app.self_test.label.dtype == np.int32 else "float",
        "label_elements": app.self_test.label.size,
    }


def _ops_values(ops: NeededOps) -> dict[str, object]:
    lines = [f"  if (resolver->{method}() != tinyprop::api::kOk) return false;" for method in ops.methods]
    if ops.registrations:
        # Not RegisterTinyPropOps, which would bring every op along.
        lines.append("  const tinyprop::api::Registration* const registrations[] = {")
        lines += [f"      &tinyprop::{name}()," for name in ops.registrations]
        lines += [
            "  };",
            "  for (const tinyprop::api::Registration* registration : registrations) {",
            "    if (resolver->AddCustom(registration->custom_name, registration) != tinyprop::api::kOk) return false;",
            "  }",
        ]
    return {"op_count": ops.count, "add_ops": "\n".join(lines)}


def _self_test_values(app: App) -> dict[str, object]:
    test, training = app.self_test, app.model.training
    record = training.variables[test.variable]
    layer = training.layers[record.layer - 1].name
    arrays = [_sample_array(i, values, test.is_generated) for i, values in enumerate(test.inputs)]
    writes = [f"write({i}, kSampleInput{i}, {values.size})" for i, values in enumerate(test.inputs)]
    return {
        "learning_rate": float_literal(test.learning_rate),
        "loss": float_literal(test.loss),
        "loss_tolerance": float_literal(test.loss_tolerance),
        "variable": test.variable,
        # A layer may be called anything, and this goes into a comment of one line.
        "variable_name": f"{_printable(layer)}, {ROLES[record.role]}",
        "element": test.element,
        "exported": float_literal(test.exported),
        "weight": float_literal(test.weight),
        "weight_tolerance": float_literal(test.weight_tolerance),
        "label": array_body(_literals(test.label)),
        "sample_arrays": "\n".join(arrays),
        "write_inputs": " && ".join(writes),
    }


def _printable(text: str) -> str:
    return "".join(c if c.isascii() and c.isprintable() and c != "\\" else "?" for c in text)


def _sample_array(position: int, values: np.ndarray, is_generated: bool) -> str:
    flat = values.reshape(-1)
    if is_generated and flat.dtype == np.float32:
        kind = "SixtyFourth"
        elements: Sequence[str] = [f"{{{int(round(value / FLOAT_STEP))}}}" for value in flat.tolist()]
    else:
        kind = _C_TYPES.get(flat.dtype.name)
        if kind is None:
            raise ModelError(
                f"input {position} has type {flat.dtype}, which a firmware cannot be fed with; convert a model with "
                "float32 or integer inputs"
            )
        elements = _literals(flat)
    return f"constexpr {kind} kSampleInput{position}[] = {{\n{array_body(elements)}\n}};"


def _literals(values: np.ndarray) -> list[str]:
    if values.dtype == np.float32:
        return [float_literal(value) for value in values.tolist()]
    if values.dtype == np.bool_:
        return ["true" if value else "false" for value in values.tolist()]
    suffix = {"uint32": "u", "int64": "ll", "uint64": "ull"}.get(values.dtype.name, "")
    # The smallest value has no literal: -2147483648 is minus applied to a larger type.
    smallest = np.iinfo(values.dtype).min
    return [f"{value}{suffix}" if value != smallest or value == 0 else f"({value + 1}{suffix} - 1)"
            for value in values.tolist()]
