"""embed() and `tinyprop embed` as users call them."""

import re

import numpy as np
import pytest
from stateful_models import lstm
from typer.testing import CliRunner

import tflm_tinyprop as tp
from tflm_tinyprop.cli.app import app
from tflm_tinyprop.errors import ModelError
from tflm_tinyprop.firmware import TARGETS
from tflm_tinyprop.models.tiny_models import dense_classifier


@pytest.fixture
def run():
    def call(*arguments, code=0):
        result = CliRunner().invoke(app, [str(a) for a in arguments])
        assert result.exit_code == code, result.output + str(result.exception)
        return result.output

    return call


@pytest.fixture
def trainable(firmware_model, tmp_path):
    return firmware_model.save(tmp_path / "m.tflite")


@pytest.mark.parametrize("target", TARGETS)
def test_every_target(run, trainable, tmp_path, target):
    output = run("embed", trainable, "--target", target, "--out", tmp_path / "out")
    written = {p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*") if p.is_file()}
    assert f"for {target}, {len(written) - 1} files" in output and "6 ops" in output  # all but the marker
    editable = re.search(r"go into (.*)$", output, re.MULTILINE)[1].split(", ")
    assert len(editable) >= 2 and set(editable) <= written


def test_a_path_or_a_model(firmware_model, trainable, tmp_path):
    first = tp.embed(firmware_model, tmp_path / "a")
    second = tp.embed(trainable, tmp_path / "b")
    assert first.files == second.files and first.target == "generic" and first.folder == tmp_path / "a"
    assert first.arena_bytes >= firmware_model.arena_bytes
    assert first.ops[:2] == ("AddFullyConnected", "AddSoftmax")


def test_the_users_sample_and_an_overwrite(run, trainable, tmp_path, samples):
    x, y = samples
    np.savez(tmp_path / "data.npz", x=x, y=y)
    out = tmp_path / "out"
    run("embed", trainable, "--out", out)
    data = out / "app/tinyprop_self_test_data.h"
    assert "SixtyFourth kSampleInput0" in data.read_text()
    assert "--overwrite" in run("embed", trainable, "--out", out, "--data", tmp_path / "data.npz", code=1)
    (out / "app/tinyprop_user.cc").write_text("// my samples\n")
    run("embed", trainable, "--out", out, "--data", tmp_path / "data.npz", "--overwrite")
    values = re.search(r"float kSampleInput0\[\] = \{(.*?)\};", data.read_text(), re.DOTALL)[1]
    assert np.array_equal(np.array([v.strip()[:-1] for v in values.split(",")[:-1]], np.float32), x[0])
    assert (out / "app/tinyprop_user.cc").read_text() == "// my samples\n"
    (out / "app/tinyprop_app.cc").write_text("// my main\n")
    assert "app/tinyprop_app.cc changed" in run("embed", trainable, "--out", out, "--overwrite", code=1)


def test_errors_are_one_line_and_write_nothing(run, trainable, tmp_path):
    (tmp_path / "plain.tflite").write_bytes(dense_classifier([8, 6, 4]))
    np.savez(tmp_path / "other.npz", x=np.zeros((2, 3), np.float32), y=np.zeros(2, np.int32))
    for arguments, expected in (
        ((tmp_path / "plain.tflite",), "not a trainable model"),
        ((tmp_path / "missing.tflite",), "cannot read"),
        ((trainable, "--data", tmp_path / "other.npz"), "has shape (2, 3)"),
    ):
        output = run("embed", *arguments, "--out", tmp_path / "out", code=1)
        assert output.startswith("error: ") and expected in output and output.count("\n") == 1
        assert not (tmp_path / "out").exists()


def test_wrong_arguments_of_the_function(firmware_model, tmp_path):
    with pytest.raises(tp.ConfigError, match="target must be one of generic, esp-idf.*'mbed'"):
        tp.embed(firmware_model, tmp_path / "out", target="mbed")
    with pytest.raises(tp.ModelError, match="takes a TrainableModel"):
        tp.embed(firmware_model.data, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_firmware_is_fed_with_one_stream(tmp_path):
    """A model that keeps state has a stream in every place of its batch."""
    for batch_size in (1, 2):
        model = tp.convert(lstm(batch=batch_size), trainable_layers=["last"], loss="mean_squared_error", batch_size=batch_size,
                           stateful=True)
        if batch_size == 1:
            tp.embed(model, tmp_path / "one")
        else:
            with pytest.raises(ModelError, match="state in each of the 2 places .*batch_size=1, or with stateful=False"):
                tp.embed(model, tmp_path / "two")
    assert [path.name for path in tmp_path.iterdir()] == ["one"]
