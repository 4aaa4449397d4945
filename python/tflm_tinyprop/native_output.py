"""Native code writes to the file descriptors 1 and 2, past Python's sys.stdout and sys.stderr."""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
import threading

_TARGETS = (1, 2)
# The descriptors belong to the process: one thread at a time moves them and puts them back. Re-entrant, so that a block
# may hold another one. A fork waits for the end, or the child would be born with the file in their place.
_LOCK = threading.RLock()
os.register_at_fork(before=_LOCK.acquire, after_in_parent=_LOCK.release, after_in_child=_LOCK.release)


@contextlib.contextmanager
def captured_output(log: list[str]):
    """Appends to `log` the lines that are written to the file descriptors 1 and 2 meanwhile, by whatever thread.

    Other threads that come here wait for the end of the block. A descriptor that is closed is closed again afterwards.
    """
    with _LOCK:
        saved = [_duplicate(target) for target in _TARGETS]
        with _temporary_file() as sink:
            try:
                for target in _TARGETS:
                    os.dup2(sink.fileno(), target)
                yield
            finally:
                for target, descriptor in zip(_TARGETS, saved, strict=True):
                    _restore(target, descriptor)
                sink.seek(0)
                log += sink.read().decode("utf-8", "replace").split("\n")[:-1]


def _duplicate(descriptor: int) -> int | None:
    """Another descriptor of the same file, none of the standard ones; None if it is closed."""
    try:
        return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, max(_TARGETS) + 1)
    except OSError:
        return None


def _restore(target: int, descriptor: int | None) -> None:
    if descriptor is None:
        os.close(target)
        return
    os.dup2(descriptor, target)
    os.close(descriptor)


def _temporary_file():
    """One whose descriptor is not one of those that are moved, even if those were closed."""
    with tempfile.TemporaryFile() as file:
        return os.fdopen(_duplicate(file.fileno()), "r+b")
