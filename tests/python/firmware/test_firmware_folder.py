"""Folders are written whole or not at all, and keep what is not embed's."""

import os
import pathlib

import pytest

from tflm_tinyprop.firmware.folder import MARKER, write_folder

FIRST = {"CMakeLists.txt": "first\n", "app/main.cc": "int main() {}\n", "app/user.cc": "// yours\n"}
SECOND = {"CMakeLists.txt": "second\n", "app/other.cc": "\n", "app/user.cc": "// changed template\n"}


def content(folder):
    return {p.relative_to(folder).as_posix(): p.read_text() for p in folder.rglob("*") if p.is_file() and p.name != MARKER}


def siblings(folder):
    return sorted(p.name for p in folder.parent.iterdir())


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "parent" / "firmware"
    write_folder(path, FIRST)
    return path


def test_a_new_folder_has_exactly_the_files(folder):
    assert content(folder) == FIRST and (folder / MARKER).is_file()
    assert siblings(folder) == ["firmware"]
    mask = os.umask(0)
    os.umask(mask)
    assert folder.stat().st_mode & 0o777 == 0o777 & ~mask
    assert (folder / "app/main.cc").stat().st_mode & 0o777 == 0o666 & ~mask


def test_an_empty_folder_is_filled(tmp_path):
    (tmp_path / "firmware" / "empty").mkdir(parents=True)
    write_folder(tmp_path / "firmware", FIRST)
    assert content(tmp_path / "firmware") == FIRST


def test_an_existing_folder_needs_overwrite(folder):
    with pytest.raises(FileExistsError, match="--overwrite"):
        write_folder(folder, SECOND)
    assert content(folder) == FIRST
    write_folder(folder, SECOND, overwrite=True)
    assert content(folder) == SECOND
    assert siblings(folder) == ["firmware"]


def test_a_folder_of_somebody_else_is_never_replaced(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="not written by"):
        write_folder(tmp_path / "mine", FIRST, overwrite=True)
    assert content(tmp_path / "mine") == {"notes.txt": "mine"}
    with pytest.raises(FileExistsError, match="is a file"):
        write_folder(tmp_path / "mine" / "notes.txt", FIRST, overwrite=True)


def test_files_of_the_user_stay(folder):
    (folder / "build" / "deep").mkdir(parents=True)
    (folder / "build/deep/cache").write_text("kept")
    (folder / "app/sensor.cc").write_text("kept, too")
    (folder / "link").symlink_to("app/sensor.cc")
    (folder / "folder link").symlink_to("build")
    write_folder(folder, SECOND, overwrite=True)
    assert content(folder) == {**SECOND, "build/deep/cache": "kept", "app/sensor.cc": "kept, too", "link": "kept, too"}
    assert (folder / "link").is_symlink() and (folder / "folder link").is_symlink()
    assert (folder / "folder link/deep/cache").read_text() == "kept"


def test_editable_files_stay_once_they_were_changed(folder):
    write_folder(folder, SECOND, overwrite=True, editable=["app/user.cc"])
    assert content(folder)["app/user.cc"] == "// changed template\n"
    (folder / "app/user.cc").write_text("// my samples\n")
    for files in (FIRST, SECOND):
        write_folder(folder, files, overwrite=True, editable=["app/user.cc"])
        assert content(folder) == {**files, "app/user.cc": "// my samples\n"}


def test_a_change_that_would_be_lost_is_refused(folder):
    (folder / "app/main.cc").write_text("// changed\n")
    before = content(folder)
    with pytest.raises(FileExistsError, match=r"app/main\.cc changed .*app/user\.cc may be edited"):
        write_folder(folder, SECOND, overwrite=True, editable=["app/user.cc"])
    assert content(folder) == before


def test_a_file_that_would_be_hidden_is_refused(folder):
    (folder / "app/other.cc").write_text("mine")
    before = content(folder)
    with pytest.raises(FileExistsError, match=r"app/other\.cc is not from embed"):
        write_folder(folder, SECOND, overwrite=True)
    assert content(folder) == before


@pytest.mark.parametrize("marker", ["", "{}", '{"version": 2, "files": {}}', '{"version": 1, "files": 3}'])
def test_a_damaged_marker_protects_the_folder(folder, marker):
    (folder / MARKER).write_text(marker)
    with pytest.raises(FileExistsError, match="is damaged or of another version"):
        write_folder(folder, SECOND, overwrite=True)
    assert content(folder) == FIRST


@pytest.mark.parametrize("failing", range(5))
def test_a_failure_leaves_everything_as_it_was(folder, monkeypatch, failing):
    """Renames: old folder away, three kept files over, new folder in place."""
    (folder / "app/user.cc").write_text("// my samples\n")
    (folder / "a.txt").write_text("a")
    (folder / "b.txt").write_text("b")
    before, marker = content(folder), (folder / MARKER).read_text()
    replace, calls = os.replace, []

    def failing_replace(source, target):
        calls.append(source)
        if len(calls) == failing + 1:
            raise OSError("disk full")
        replace(source, target)

    monkeypatch.setattr(os, "replace", failing_replace)
    with pytest.raises(OSError, match="disk full"):
        write_folder(folder, SECOND, overwrite=True, editable=["app/user.cc"])
    assert len(calls) > failing
    monkeypatch.undo()
    assert content(folder) == before and (folder / MARKER).read_text() == marker
    assert siblings(folder) == ["firmware"]


def test_a_failure_while_writing_leaves_nothing(tmp_path):
    with pytest.raises(OSError):
        write_folder(tmp_path / "firmware", {"a": "", "a/b": ""})
    assert list(tmp_path.iterdir()) == []


def test_a_link_to_a_folder_stays_a_link(folder, tmp_path):
    (tmp_path / "link").symlink_to(folder)
    write_folder(tmp_path / "link", SECOND, overwrite=True)
    assert (tmp_path / "link").is_symlink() and content(folder) == SECOND


def test_the_root_is_refused_without_looking_through_it(monkeypatch, tmp_path):
    monkeypatch.setattr(pathlib.Path, "rglob", lambda *_: pytest.fail("looked through"))
    with pytest.raises(FileExistsError, match="/ cannot be replaced; name a folder in it"):
        write_folder("/", FIRST, overwrite=True)


def test_a_large_folder_of_somebody_else_is_not_looked_through(monkeypatch, tmp_path):
    for name in ("a", "b", "c"):
        (tmp_path / name).write_text("")
    seen = []
    entries = pathlib.Path.rglob
    monkeypatch.setattr(pathlib.Path, "rglob", lambda path, pattern: (seen.append(e) or e for e in entries(path, pattern)))
    with pytest.raises(FileExistsError, match="was not written by"):
        write_folder(tmp_path, FIRST, overwrite=True)
    assert len(seen) == 1
