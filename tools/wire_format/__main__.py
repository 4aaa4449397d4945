"""Writes everything that states a binary layout a second time: `make generate`.

All of it follows from python/tflm_tinyprop/format/tables.py. tests/python/format/test_generated.py fails where a file is not
what this program would write.
"""

from __future__ import annotations

import pathlib

import cc_header
import spec_tables
import vectors

from tflm_tinyprop import files

ROOT = pathlib.Path(__file__).resolve().parents[2]


def generated() -> dict[pathlib.Path, str]:
    """{file: what it has to hold}."""
    return {
        ROOT / "cc/core/wire_format.h": cc_header.cc_header(),
        ROOT / "tests/cc/wire_fields.h": cc_header.cc_fields(),
        ROOT / "SPEC.md": spec_tables.spec((ROOT / "SPEC.md").read_text()),
        ROOT / "tests/vectors/wire_format.inc": vectors.vectors(),
    }


if __name__ == "__main__":
    for path, content in generated().items():
        files.write_whole(path, content, overwrite=True)
