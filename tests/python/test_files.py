"""Files are written whole, with the permissions that any new file has, and never over a folder."""

import os

import pytest

from tflm_tinyprop import files


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_permissions_follow_the_umask_which_nobody_touches(tmp_path, mask, monkeypatch):
    """It belongs to the process: while it is another one, other threads' files have other permissions."""
    before = os.umask(mask)
    try:
        with monkeypatch.context() as patch:
            patch.setattr(os, "umask", lambda _: pytest.fail("os.umask was called"))
            path = files.write_whole(tmp_path / "new", b"content")
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o666 & ~mask
    assert path.read_bytes() == b"content"


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_is_no_file(tmp_path, overwrite):
    for call in (lambda: files.write_whole(tmp_path, b"", overwrite=overwrite),
                 lambda: files.check_writable(tmp_path, overwrite=overwrite)):
        with pytest.raises(FileExistsError, match="is a folder; name a file"):
            call()
