"""The plugin's C++ sources, as firmware compiles them."""

from __future__ import annotations

import pathlib

from tflm_tinyprop.errors import TinyPropError

_PACKAGE = pathlib.Path(__file__).resolve().parents[1]
# The project's own folder first: in an editable install the copy in the package may be older.
_ROOTS = (_PACKAGE.parents[1], _PACKAGE / "cpp")
_FOLDERS = ("cc/core", "cc/runtime", "cc/tflm", "tflm_tinyprop")
_SUFFIXES = (".cc", ".h")
# The wheel's binary interface: firmware has TFLM's headers instead.
_HOST_ONLY = "cc/tflm/host_abi.h"


def source_root() -> pathlib.Path:
    """The folder that holds cc/ and tflm_tinyprop/ (the headers)."""
    for root in _ROOTS:
        if (root / "tflm_tinyprop" / "ops.h").is_file():
            return root
    raise TinyPropError(f"the C++ sources of tflm_tinyprop are not in {_ROOTS[1]}; install the package again")


def plugin_sources() -> dict[str, str]:
    """{path below the include root: content} of every source and header that firmware needs."""
    root = source_root()
    paths = sorted(path for folder in _FOLDERS for path in (root / folder).iterdir() if path.suffix in _SUFFIXES)
    names = [path.relative_to(root).as_posix() for path in paths]
    return {name: path.read_text("utf-8") for name, path in zip(names, paths, strict=True) if name != _HOST_ONLY}


def licence() -> str:
    """The project's licence, which belongs to its sources."""
    return (source_root() / "LICENSE").read_text("utf-8")
