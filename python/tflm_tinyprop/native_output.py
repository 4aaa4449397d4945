"""Native code writes to the file descriptors 1 and 2, past Python's sys.stdout and sys.stderr."""

from __future__ import annotations

import contextlib
import os
import tempfile


@contextlib.contextmanager
def captured_output(log: list[str]):
    """Appends to `log` the lines that are written to the file descriptors 1 and 2 meanwhile."""
    with tempfile.TemporaryFile() as sink:
        saved = os.dup(1), os.dup(2)
        try:
            os.dup2(sink.fileno(), 1)
            os.dup2(sink.fileno(), 2)
            yield
        finally:
            for target, descriptor in zip((1, 2), saved, strict=True):
                os.dup2(descriptor, target)
                os.close(descriptor)
            sink.seek(0)
            log += sink.read().decode("utf-8", "replace").split("\n")[:-1]
