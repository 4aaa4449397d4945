"""Values as C++ text."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

_WIDTH = 116


def float_literal(value: float) -> str:
    """A finite float32 that a C++ compiler reads back as the same bits."""
    text = f"{float(np.float32(value)):.9g}"
    return f"{text if any(c in text for c in '.e') else text + '.0'}f"


def array_body(values: Iterable[str]) -> str:
    """Elements of an initialiser list, in lines."""
    lines, line = [], "   "
    for value in values:
        if len(line) + len(value) + 2 > _WIDTH:
            lines.append(line)
            line = "   "
        line += f" {value},"
    return "\n".join([*lines, line])


def byte_array_body(data: bytes) -> str:
    """Bytes of an initialiser list, 16 a line: the form that compilers read fastest is the short one."""
    rows = (data[i : i + 16] for i in range(0, len(data), 16))
    return "\n".join("    " + "".join(f"0x{byte:02x}," for byte in row) for row in rows)


def literals(values: np.ndarray) -> list[str]:
    """The elements of an array of float32, integers or booleans."""
    if values.dtype == np.float32:
        return [float_literal(value) for value in values.tolist()]
    if values.dtype == np.bool_:
        return ["true" if value else "false" for value in values.tolist()]
    suffix = {"uint32": "u", "int64": "ll", "uint64": "ull"}.get(values.dtype.name, "")
    # The smallest value has no literal: -2147483648 is minus applied to a larger type.
    smallest = np.iinfo(values.dtype).min
    return [f"{value}{suffix}" if value != smallest or value == 0 else f"({value + 1}{suffix} - 1)"
            for value in values.tolist()]
