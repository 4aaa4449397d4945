"""Arrays of an .npz are read when they are needed, and whatever is wrong with one is a DataError that names it."""

import io
import zipfile

import numpy as np
import pytest

from tflm_tinyprop.cli.support import load_data
from tflm_tinyprop.errors import DataError
from tflm_tinyprop.npz import NpzFile


def write(path, **members) -> None:
    """Arrays, or the bytes of a member as they are."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            if not isinstance(content, bytes):
                memory = io.BytesIO()
                np.save(memory, content)
                content = memory.getvalue()
            archive.writestr(f"{name}.npy", content)


def huge() -> bytes:
    """An array that says it has 2^60 elements."""
    memory = io.BytesIO()
    np.lib.format.write_array_header_1_0(memory, {"descr": "<f4", "fortran_order": False, "shape": (2**30, 2**30)})
    return memory.getvalue()


UNREADABLE = {"objects": np.array([{}], dtype=object), "no array": b"nothing", "cut": b"\x93NUMPY\x01\x00", "huge": huge()}


@pytest.mark.parametrize("content", UNREADABLE.values(), ids=UNREADABLE)
def test_what_is_not_needed_is_not_read(tmp_path, content):
    x, y = np.arange(6.0).reshape(3, 2), np.arange(3)
    write(tmp_path / "d.npz", x=x, y=y, other=content)
    read_x, read_y, test = load_data(tmp_path / "d.npz")
    np.testing.assert_array_equal(read_x, x)
    np.testing.assert_array_equal(read_y, y)
    assert test is None
    arrays = NpzFile(tmp_path / "d.npz")
    assert sorted(arrays) == ["other", "x", "y"] and len(arrays) == 3 and arrays["x"] is arrays["x"]
    with pytest.raises(DataError, match="array 'other' of .*d.npz"):
        arrays["other"]
    with pytest.raises(KeyError):
        arrays["z"]


def test_what_is_no_npz_says_so(tmp_path):
    whole = tmp_path / "whole.npz"
    np.savez(whole, x=np.arange(1000.0), y=np.arange(3))
    contents = {"empty": b"", "text": b"a,b\n1,2\n", "zip magic": b"PK\x03\x04", "cut": whole.read_bytes()[:300],
                "cut at the end": whole.read_bytes()[:-10]}
    for name, content in contents.items():
        (tmp_path / "d.npz").write_bytes(content)
        with pytest.raises(DataError, match="cannot read .*d.npz as .npz"):
            load_data(tmp_path / "d.npz")
        assert name
    np.save(tmp_path / "single.npy", np.arange(3))
    with pytest.raises(DataError, match="single array"):
        load_data(tmp_path / "single.npy")
    with pytest.raises(DataError, match="missing.npz"):
        load_data(tmp_path / "missing.npz")


def test_a_flipped_bit_in_what_is_needed_is_noticed(tmp_path):
    np.savez_compressed(tmp_path / "d.npz", x=np.random.default_rng(0).normal(size=100), y=np.arange(100))
    damaged = bytearray((tmp_path / "d.npz").read_bytes())
    damaged[200] ^= 4
    (tmp_path / "d.npz").write_bytes(damaged)
    with pytest.raises(DataError, match="array 'x' of .*d.npz"):
        load_data(tmp_path / "d.npz")
