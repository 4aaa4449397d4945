"""The arena is measured in a process of its own, which runs this package and nothing else."""

import pytest

from tflm_tinyprop.host import arena


@pytest.mark.parametrize("name", ["tflm_tinyprop", "json", "numpy", "subprocess", "sitecustomize"])
def test_files_of_the_working_folder_are_not_run(model, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'was-run')!r}, 'w')\nraise SystemExit(3)\n")
    assert 0 < arena.smallest_bytes(model.data, model.sufficient_arena_bytes) <= model.sufficient_arena_bytes
    assert not (tmp_path / "was-run").exists()
