"""tinyprop tune, and convert with what it wrote."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

import tflm_tinyprop as tp
from tflm_tinyprop.cli.app import app
from tflm_tinyprop.config_file import read_config, write_config
from tflm_tinyprop.models.tiny_models import dense_classifier


@pytest.fixture
def run(tmp_path, samples, monkeypatch):
    """Runs the command line in a folder with a model and data."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.tflite").write_bytes(dense_classifier([8, 16, 12, 4], seed=1))
    x, y = samples
    np.savez("d.npz", x_train=x, y_train=y, x_test=np.full_like(x, np.nan), y_test=y)

    def call(*arguments, code=0):
        result = CliRunner().invoke(app, [str(a) for a in arguments])
        assert result.exit_code == code, result.output + str(result.exception)
        return result.output

    return call


TUNE = ("tune", "m.tflite", "--data", "d.npz", "--trials", 3, "--epochs", 2, "--learning-rate", 0.1)


def test_tune_then_convert(run, tmp_path):
    output = run(*TUNE, "--budget", 0.9, "--output", "c.json")
    lines = output.strip().split("\n")
    assert lines[-1].startswith("chosen: ") and "full training: accuracy" in lines[-1]
    assert any(line.startswith("Pareto front") for line in lines) and "wrote c.json" in output
    config = read_config(tmp_path / "c.json")
    shown = run("convert", "m.tflite", "out.tflite", "--config", "c.json")
    assert "wrote out.tflite" in shown
    # The control tensor holds float32.
    assert tp.load("out.tflite").config.control(0) == pytest.approx(config.control(0))
    run("convert", "m.tflite", "set.tflite", "--config", "c.json", "--set", "zeta=0.25")
    assert tp.load("set.tflite").config.zeta == 0.25


def test_the_same_command_goes_on(run, tmp_path):
    first = run(*TUNE, "--budget", 0.9)
    assert (tmp_path / "tinyprop_config.journal").exists()
    assert "exists; pass" in run(*TUNE, "--budget", 0.9, code=1)
    again = run(*TUNE, "--budget", 0.9, "--overwrite")
    assert "3 of them are there already" in again and again.split("\n")[-2] == first.split("\n")[-2]
    assert "other budget" in run(*TUNE, "--budget", 0.8, "--overwrite", code=1)


def test_without_a_trial_within_the_budget_nothing_is_written(run, tmp_path):
    output = run(*TUNE, "--budget", 1e-6, "--output", "c.json", code=1)
    assert "no trial has a backward effort within the budget of 1e-06; the cheapest has" in output
    assert not (tmp_path / "c.json").exists()


@pytest.mark.parametrize(("arguments", "expected"), [
    (("tune", "m.tflite", "--data", "d.npz", "--budget", 1.5), "tune.budget: expected a number of at most 1, got 1.5"),
    (("tune", "m.tflite", "--data", "none.npz"), "cannot read none.npz"),
    (("tune", "none.keras", "--data", "d.npz"), "cannot read the Keras model none.keras: no such file"),
    (("tune", "d.npz", "--data", "d.npz"), "not a .tflite"),
    (("tune", "m.tflite", "--data", "d.npz", "--storage", "d.npz"), "is not the journal of a search"),
    (("tune", "m.tflite", "--data", "d.npz", "--storage", "/proc/none/x"), "cannot write /proc/none/x"),
    (("convert", "m.tflite", "o.tflite", "--config", "none.json"), "cannot read none.json"),
    (("convert", "m.tflite", "o.tflite", "--config", "d.npz"), "is not valid JSON"),
    (("convert", "m.tflite", "o.tflite", "--config", "c.json", "--method", "v1"), "pass one of them"),
])
def test_errors_are_one_line(run, tmp_path, arguments, expected):
    write_config(tmp_path / "c.json", tp.TinyPropConfig.v2())
    content = (tmp_path / "d.npz").read_bytes()
    output = run(*arguments, code=1)
    assert output.startswith("error: ") and expected in output and output.count("\n") == 1
    assert not (tmp_path / "tinyprop_config.json").exists()
    assert (tmp_path / "d.npz").read_bytes() == content


@pytest.mark.parametrize(("content", "expected"), [
    ({"speed": 1}, "no setting 'speed'; there are s_min, s_max"),
    ({"s_min": 2}, "0 <= s_min <= s_max <= 1"), ({"zeta": "fast"}, "zeta must be a number"),
    ([1], "expected an object"),
])
def test_a_wrong_configuration(tmp_path, content, expected):
    path = tmp_path / "c.json"
    path.write_text(json.dumps(content))
    with pytest.raises(tp.ConfigError) as error:
        read_config(path)
    assert expected in str(error.value) and str(path) in str(error.value)


def test_a_configuration_comes_back(tmp_path):
    config = tp.TinyPropConfig(s_min=0.1, s_max=0.3, zeta=0.7, d_min=-1, d_max=3, beta=2, threshold=0.25, decay=0.9)
    assert read_config(write_config(tmp_path / "c.json", config)) == config
    (tmp_path / "part.json").write_text('{"s_max": 0.75}')
    assert read_config(tmp_path / "part.json") == tp.TinyPropConfig(s_max=0.75)
