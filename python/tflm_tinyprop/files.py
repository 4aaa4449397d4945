"""Reading and writing files: written whole or not at all, never over a file without being asked."""

from __future__ import annotations

import os
import pathlib
import secrets

from tflm_tinyprop.errors import ModelError


def read_bytes(path: str | os.PathLike) -> bytes:
    """Content of a file. Raises ModelError with the reason if it cannot be read."""
    try:
        return pathlib.Path(path).read_bytes()
    except OSError as error:
        raise ModelError(f"cannot read {path}: {error.strerror or error}") from error


def check_writable(path: str | os.PathLike, *, overwrite: bool) -> pathlib.Path:
    """Raises FileExistsError if the file exists and may not be overwritten, or is a folder."""
    path = pathlib.Path(path)
    if path.is_dir():
        raise FileExistsError(f"{path} is a folder; name a file")
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} exists; pass overwrite=True (--overwrite) to replace it")
    return path


def write_whole(path: str | os.PathLike, data: bytes | str, *, overwrite: bool = False) -> pathlib.Path:
    """Writes a file through a temporary one beside it, so that a crash leaves the old file or the new."""
    path = check_writable(path, overwrite=overwrite)
    path.parent.mkdir(parents=True, exist_ok=True)
    content = data.encode() if isinstance(data, str) else data
    temporary = path.parent / f".{path.name}.{secrets.token_hex(8)}"
    try:
        # A new file, with the permissions that any has: mkstemp's is private, and the umask that it would take to change that
        # can only be asked for by setting it, for all threads.
        with open(temporary, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return path
