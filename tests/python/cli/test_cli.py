"""The command line, run as users run it (in this process, through typer's runner)."""

import json

import numpy as np
import pytest
from stateful_models import lstm
from typer.testing import CliRunner

import tflm_tinyprop as tp
from tflm_tinyprop.cli.app import app
from tflm_tinyprop.models.tiny_models import dense_classifier


@pytest.fixture
def run():
    def call(*arguments, code=0):
        result = CliRunner().invoke(app, [str(a) for a in arguments])
        assert result.exit_code == code, result.output + str(result.exception)
        return result.output

    return call


@pytest.fixture
def files(tmp_path, samples):
    (tmp_path / "plain.tflite").write_bytes(dense_classifier([8, 16, 12, 4], seed=1))
    x, y = samples
    np.savez(tmp_path / "data.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    return tmp_path


def test_losses_and_outputs(run, files):
    import keras

    x = keras.Input((8,))
    hidden = keras.layers.Dense(6, activation="relu", name="trunk")(x)
    keras.Model(x, [keras.layers.Dense(3, activation="softmax", name="kind")(hidden),
                    keras.layers.Dense(2, activation="sigmoid", name="flags")(hidden)]).save(files / "two.keras")
    output = run("convert", files / "two.keras", files / "two.tflite", "--loss", "binary_crossentropy", "--label-smoothing", 0.1,
                 "--output", "flags")
    assert "loss binary_crossentropy, label smoothing 0.1, output 1 'flags'" in output
    shown = json.loads(run("inspect", files / "two.tflite", "--format", "json"))
    assert shown["loss"] == "binary_crossentropy" and shown["loss_parameters"] == {"label_smoothing": 0.1} and shown["output"] == 1
    generator = np.random.default_rng(0)
    labels = generator.integers(2, size=(30, 2))
    np.savez(files / "flags.npz", x_train=generator.normal(size=(30, 8)), y_train=labels)
    trained = run("train", files / "two.tflite", "--data", files / "flags.npz", "--epochs", 1)
    assert "accuracy" in trained
    assert "2 outputs (0 'kind', 1 'flags')" in run("convert", files / "two.keras", files / "x.tflite", code=1)
    assert "takes no label_smoothing" in run("convert", files / "plain.tflite", files / "x.tflite", "--loss", "mse",
                                             "--label-smoothing", 0.1, code=1)
    fits = json.loads(run("fit-memory", files / "two.keras", "--ram", "64k", "--loss", "binary_crossentropy", "--output", 1,
                          "--format", "json"))
    assert fits["largest"] == 2


def test_convert_train_evaluate_inspect(run, files):
    trainable, tuned = files / "m.tflite", files / "tuned.tflite"
    output = run("convert", files / "plain.tflite", trainable, "--trainable-layers", "dense_2,dense_3",
                 "--method", "v1", "--set", "s_min=0.25")
    assert "dense_2" in output and f"wrote {trainable}" in output
    assert tp.load(trainable).config == tp.TinyPropConfig.v1(s_min=0.25)

    output = run("train", trainable, "--data", files / "data.npz", "--epochs", 3, "--learning-rate", 0.1,
                 "--output", tuned, "--weights", files / "w.bin")
    assert output.count("epoch ") == 3 and "val_accuracy" in output
    before = run("evaluate", trainable, "--data", files / "data.npz")
    after = run("evaluate", trainable, "--data", files / "data.npz", "--weights", files / "w.bin")
    assert before != after
    assert tp.convert(tuned).classes == 4

    shown = run("inspect", trainable)
    for expected in ("TinyPropDecision", "shares_decision|updates_weights|updates_bias", "dense_3", "s_min 0.25",
                     "arena for training", "tinyprop_control"):
        assert expected in shown
    content = json.loads(run("inspect", trainable, "--format", "json"))
    assert content["configuration"]["s_min"] == 0.25
    assert content["arena_bytes"]["training"] > content["arena_bytes"]["inference"] > 0


def test_a_stateful_model(run, tmp_path):
    (tmp_path / "lstm.tflite").write_bytes(lstm())
    output = run("convert", tmp_path / "lstm.tflite", tmp_path / "m.tflite", "--trainable-layers", "last",
                 "--loss", "mean_squared_error", "--stateful")
    assert "kept (stateful)" in output
    assert tp.load(tmp_path / "m.tflite").stateful


def test_training_continues_from_saved_weights(run, files):
    trainable = files / "m.tflite"
    run("convert", files / "plain.tflite", trainable)
    arguments = ("train", trainable, "--data", files / "data.npz", "--schedule", "constant", "--epochs", 1)
    run(*arguments, "--weights", files / "1.bin")
    run(*arguments, "--weights", files / "2.bin", "--initial-weights", files / "1.bin")
    trainer = tp.Trainer(tp.load(trainable))
    trainer.load_weights(files / "2.bin")
    assert trainer.step == 80


def test_nothing_is_overwritten_without_being_asked(run, files):
    trainable = files / "m.tflite"
    run("convert", files / "plain.tflite", trainable)
    content = trainable.read_bytes()
    assert "exists" in run("convert", files / "plain.tflite", trainable, "--trainable-layers", "1", code=1)
    assert trainable.read_bytes() == content
    run("convert", files / "plain.tflite", trainable, "--trainable-layers", "1", "--overwrite")
    assert trainable.read_bytes() != content


@pytest.mark.parametrize(("arguments", "expected"), [
    (("inspect", "plain.tflite"), "not a trainable model"),
    (("inspect", "missing.tflite"), "cannot read"),
    (("convert", "plain.tflite", "m.tflite", "--trainable-layers", "other"), "'other'"),
    (("convert", "plain.tflite", "m.tflite", "--set", "speed=1"), "there are s_min"),
    (("convert", "plain.tflite", "m.tflite", "--set", "s_min=fast"), "not a number"),
    (("convert", "data.npz", "m.tflite"), "not a .tflite"),
    (("convert", "missing.keras", "m.tflite"), "no such file"),
    (("evaluate", "plain.tflite", "--data", "data.npz"), "not a trainable model"),
])
def test_errors_are_one_line(run, files, monkeypatch, arguments, expected):
    monkeypatch.chdir(files)
    output = run(*arguments, code=1)
    assert output.startswith("error: ") and expected in output and output.count("\n") == 1
    assert not (files / "m.tflite").exists()


def test_data_without_the_right_arrays(run, files):
    run("convert", files / "plain.tflite", files / "m.tflite")
    np.savez(files / "other.npz", images=np.zeros(3))
    assert "holds images" in run("evaluate", files / "m.tflite", "--data", files / "other.npz", code=1)


def test_a_keras_file(run, tmp_path, keras_classifier):
    keras_classifier.save(tmp_path / "m.keras")
    (tmp_path / "labels.txt").write_text("a\nb\nc\n")
    output = run("convert", tmp_path / "m.keras", tmp_path / "m.tflite", "--batch-size", 4,
                 "--labels", tmp_path / "labels.txt")
    assert "second" in output
    assert tp.load(tmp_path / "m.tflite").batch_size == 4


def test_doctor(run):
    output = run("doctor")
    assert "FAIL" not in output and output.count("ok  ") == 11


def test_doctor_names_what_is_wrong(run, monkeypatch):
    from tflm_tinyprop.host import session

    monkeypatch.setattr(session, "wheel_version", lambda: "0.dev20300101000000")
    output = run("doctor", code=1)
    assert "FAIL  tflite-micro wheel: tflite-micro 0.dev20300101000000 is not supported" in output
