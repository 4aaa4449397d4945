"""Writes a folder whole or not at all, and never loses a file that it did not write."""

from __future__ import annotations

import hashlib
import json
import os
import pathlib
import shutil
import tempfile
from collections.abc import Collection, Iterator, Mapping

MARKER = ".tinyprop-embed.json"
_MARKER_VERSION = 1


def write_folder(path: str | os.PathLike, files: Mapping[str, str], *, overwrite: bool = False,
                 editable: Collection[str] = ()) -> None:
    """Writes {relative path: text} into a new folder.

    An existing folder has to be empty, or written by this function (it leaves a marker file) and overwrite=True.
    Then the files of last time are replaced, files of anybody else stay where they are, and of the `editable` ones
    those that were changed stay as they are. Raises FileExistsError, and changes nothing, if a file that is not
    editable was changed or if one would be hidden.
    """
    path = pathlib.Path(os.path.realpath(path))
    content = {name: text.encode() for name, text in files.items()}
    kept = _check_existing(path, content, overwrite, frozenset(editable))
    path.parent.mkdir(parents=True, exist_ok=True)
    # mkdtemp makes folders private; this one should have the permissions any new folder gets.
    holder = pathlib.Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
    try:
        new = holder / "new"
        _write_files(new, content)
        _install(new, path, holder / "old", kept)
    except BaseException:
        if not (holder / "old").exists():
            shutil.rmtree(holder, ignore_errors=True)
        raise
    shutil.rmtree(holder)


def _check_existing(path: pathlib.Path, content: Mapping[str, bytes], overwrite: bool,
                    editable: frozenset[str]) -> list[str]:
    """Files of the existing folder that have to survive."""
    if not path.exists():
        return []
    if not path.is_dir():
        raise FileExistsError(f"{path} is a file; name a folder")
    if path.parent == path:
        raise FileExistsError(f"{path} cannot be replaced; name a folder in it")
    # A folder of somebody else may be a whole disk, and is not looked through.
    if not (path / MARKER).is_file():
        if any(_entries(path)):
            raise FileExistsError(
                f"{path} exists and was not written by `tinyprop embed` (it has no {MARKER}); name another folder"
            )
        return []
    present = _files_in(path)
    if not overwrite:
        raise FileExistsError(f"{path} exists; pass overwrite=True (--overwrite) to replace what embed wrote there")
    written = _read_marker(path / MARKER)
    changed = [name for name in present if name in written and _digest((path / name).read_bytes()) != written[name]]
    lost = [name for name in changed if name not in editable]
    if lost:
        raise FileExistsError(
            f"{path}: {', '.join(lost)} changed since embed wrote it, and would be replaced; move your changes elsewhere "
            f"({', '.join(sorted(editable))} may be edited)"
        )
    foreign = [name for name in present if name not in written and name != MARKER]
    hidden = [name for name in foreign if name in content]
    if hidden:
        raise FileExistsError(f"{path}: {', '.join(hidden)} is not from embed and would be replaced; move it away")
    return [*foreign, *changed]


def _files_in(path: pathlib.Path) -> list[str]:
    """Files and links below a folder, as relative paths; empty folders count as nothing."""
    return sorted(entry.relative_to(path).as_posix() for entry in _entries(path))


def _entries(path: pathlib.Path) -> Iterator[pathlib.Path]:
    return (entry for entry in path.rglob("*") if entry.is_symlink() or not entry.is_dir())


def _read_marker(path: pathlib.Path) -> dict[str, str]:
    try:
        marker = json.loads(path.read_text("utf-8"))
        if marker["version"] == _MARKER_VERSION:
            return dict(marker["files"])
    except (ValueError, KeyError, TypeError):
        pass
    raise FileExistsError(f"{path} is damaged or of another version of tflm_tinyprop; name another folder")


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _write_files(root: pathlib.Path, content: Mapping[str, bytes]) -> None:
    marker = {"version": _MARKER_VERSION, "files": {name: _digest(data) for name, data in sorted(content.items())}}
    for name, data in [*content.items(), (MARKER, f"{json.dumps(marker, indent=1)}\n".encode())]:
        target = root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)


def _install(new: pathlib.Path, path: pathlib.Path, old: pathlib.Path, kept: list[str]) -> None:
    """Puts the new folder in place of the old one, which lends its kept files; undone if any of it fails."""
    if path.exists():
        os.replace(path, old)
    moved = []
    try:
        for name in kept:
            target = new / name
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(old / name, target)
            moved.append(name)
        os.replace(new, path)
    except BaseException:
        for name in moved:
            os.replace(new / name, old / name)
        if old.exists():
            os.replace(old, path)
        raise
