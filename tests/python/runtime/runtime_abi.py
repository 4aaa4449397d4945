"""Parts of cc/runtime through ctypes (cc/test_abi/runtime_abi.cc)."""

import ctypes
import os

import numpy as np

from tflm_tinyprop.format.losses import LOSS_NAMES

# Values of tinyprop::Status (cc/runtime/status.h).
OK, NOT_TRAINABLE, METADATA_DAMAGED, METADATA_NEWER = 0, 2, 3, 4

HEADER_FIELDS = (
    "fingerprint", "batch_size", "loss", "layers", "variables", "model_inputs", "model_outputs", "label_input",
    "control_input", "loss_output", "statistics_output", "first_variable_output", "forward_macs", "backward_macs",
    "keeps_state", "reset_state_input",
    "output", "output_threshold",
)


def _library() -> ctypes.CDLL:
    path = os.environ.get("TINYPROP_TEST_ABI")
    assert path, "TINYPROP_TEST_ABI is not set: run `make test`, which builds the library it names."
    return ctypes.CDLL(path)


def schedule_rates(peak: float, final: float, warmup_steps: int, total_steps: int, first: int, count: int):
    """float32 [count], or None if the schedule is not valid."""
    rates = np.empty(count, np.float32)
    valid = _library().abi_schedule_rates(
        ctypes.c_float(peak), ctypes.c_float(final), ctypes.c_uint32(warmup_steps), ctypes.c_uint32(total_steps),
        ctypes.c_uint32(first), count, rates.ctypes.data_as(ctypes.c_void_p),
    )
    return rates if valid else None


def parse_metadata(entry: bytes) -> tuple[int, dict]:
    """(status, fields): fields are empty unless the status is OK."""
    header, config = np.zeros(18, np.uint64), np.zeros(8, np.float32)
    # A copy that ends where the entry does and begins at an odd address: the reader assumes no alignment.
    memory = ctypes.create_string_buffer(b"\0" + entry, len(entry) + 1)
    data = ctypes.c_void_p(ctypes.addressof(memory) + 1)
    library = _library()
    status = library.abi_metadata_parse(
        data, len(entry), header.ctypes.data_as(ctypes.c_void_p), config.ctypes.data_as(ctypes.c_void_p)
    )
    if status != OK:
        return status, {}
    fields = dict(zip(HEADER_FIELDS, map(int, header)))
    fields["loss"] = LOSS_NAMES[fields["loss"]]
    fields["output_threshold"] = float(np.uint32(fields["output_threshold"]).view(np.float32))
    fields["config"] = config
    fields["layers"] = [_layer(library, data, len(entry), l) for l in range(1, fields["layers"] + 1)]
    fields["variables"] = [
        library.abi_metadata_variable(data, len(entry), index) for index in range(fields["variables"])
    ]
    return status, fields


def _layer(library, data, size: int, l: int) -> tuple[str, int, int, int]:
    record, name = np.zeros(3, np.uint64), ctypes.create_string_buffer(256)
    library.abi_metadata_layer(data, size, l, record.ctypes.data_as(ctypes.c_void_p), name, len(name))
    return (name.value.decode(errors="replace"), *map(int, record))
