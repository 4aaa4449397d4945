"""The file of a search: Optuna's journal, held by one process, mended after a crash, for one problem only."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pathlib
from collections.abc import Iterator

import optuna
from optuna.storages.journal import JournalFileBackend

from tflm_tinyprop.errors import ConfigError

NAME = "tinyprop"
_FINGERPRINT = "fingerprint"
_RECORD = b'{"op_code":'  # how Optuna begins a line


class _NoLock:
    """The whole search holds the file, so Optuna's own lock, which a killed process leaves behind, is not needed."""

    def acquire(self) -> bool:
        return True

    def release(self) -> None: ...


@contextlib.contextmanager
def open_study(path: str | os.PathLike | None, fingerprint: dict, direction: str) -> Iterator[optuna.Study]:
    """The search in the file, or a new one; in memory without a path.

    Trials that an interruption cut off are closed as failed. Raises ConfigError if the file is in use, is no journal,
    or belongs to another problem, with the settings that differ.
    """
    # Optuna tells of every trial, and of what is experimental.
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    if path is None:
        yield _checked(None, fingerprint, direction, "the search")
        return
    path = pathlib.Path(path)
    with _held(path):
        _mend(path)
        storage = optuna.storages.JournalStorage
        try:
            study = _checked(storage(JournalFileBackend(str(path), _NoLock())), fingerprint, direction, path)
        except (ValueError, KeyError, TypeError, AttributeError, AssertionError) as error:
            if isinstance(error, ConfigError):
                raise
            raise _no_journal(path) from error
        yield study


def _checked(storage, fingerprint: dict, direction: str, name) -> optuna.Study:
    fingerprint = json.loads(json.dumps(fingerprint))
    study = optuna.create_study(storage=storage, study_name=NAME, direction=direction, load_if_exists=True)
    found = study.user_attrs.get(_FINGERPRINT)
    if found is None:
        study.set_user_attr(_FINGERPRINT, fingerprint)
    elif found != fingerprint:
        differing = [f"{key} ({found.get(key)!r} there, {fingerprint.get(key)!r} here)"
                     for key in {**found, **fingerprint} if found.get(key) != fingerprint.get(key)]
        raise ConfigError(f"{name} belongs to another search: other {', '.join(differing)}; "
                          "name another file with --storage, or remove it")
    for trial in study.get_trials(deepcopy=False, states=[optuna.trial.TrialState.RUNNING]):
        study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
    return study


@contextlib.contextmanager
def _held(path: pathlib.Path) -> Iterator[None]:
    """Held until the process ends, however it does."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = open(path, "ab")
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(f"another process is using {path}") from None
        yield


def _mend(path: pathlib.Path) -> None:
    """A process that is killed while it writes leaves half a line, behind which nothing could be appended.

    Raises ConfigError, and leaves the file as it is, if it is no journal.
    """
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    half = content[whole:]
    if not all(map(_is_record, content[:whole].splitlines())) or half[:len(_RECORD)] != _RECORD[:len(half)]:
        raise _no_journal(path)
    if half:
        os.truncate(path, whole)


def _no_journal(path: pathlib.Path) -> ConfigError:
    return ConfigError(f"{path} is not the journal of a search; name another file with --storage")


def _is_record(line: bytes) -> bool:
    try:
        return "op_code" in json.loads(line)
    except (ValueError, TypeError):
        return False
