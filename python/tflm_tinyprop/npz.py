"""Arrays of an .npz, each read when it is asked for: a file may hold much that nobody needs."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

import numpy as np

from tflm_tinyprop.errors import DataError


def _array(member) -> np.ndarray:
    if not isinstance(member, np.ndarray):  # NumPy gives the bytes of what is none
        raise ValueError("it is not an array")
    return member


class NpzFile(Mapping):
    """{name: array} of an .npz. Raises DataError if the file, or the array that is asked for, cannot be read."""

    def __init__(self, path: str | os.PathLike):
        self._path = path
        self._read: dict[str, np.ndarray] = {}
        self._names = self._open(lambda archive: list(archive.files))

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self._names:
            raise KeyError(name)
        if name not in self._read:
            self._read[name] = self._open(lambda archive: _array(archive[name]), f"array '{name}' of ")
        return self._read[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def _open(self, use, what: str = ""):
        try:
            archive = np.load(self._path, allow_pickle=False)
            if isinstance(archive, np.ndarray):
                raise ValueError("it is a single array (.npy)")
            with archive:
                return use(archive)
        except Exception as error:  # NumPy, zipfile and zlib each raise their own, and what their code runs into
            raise DataError(f"cannot read {what}{self._path} as .npz: {error}") from error
