"""The wheel and the plugin: what is supported works the same, what is not is refused with a sentence."""

import ctypes
import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import stateful_models

import tflm_tinyprop as tp
from tflm_tinyprop.errors import HostError
from tflm_tinyprop.format.graph import read_graph, write_graph
from tflm_tinyprop.host import session

WHEELS = ("0.dev20250603235359", "0.dev20260203175027", "0.dev20260928214037", "0.dev20261023182759")


def test_the_supported_range():
    for version in session.TESTED_WHEELS:
        session.check_wheel_version(version)


@pytest.mark.parametrize("version", ["0.dev20241101000000", "0.dev20261101000000", "1.0", "0.dev2026", ""])
def test_an_unknown_wheel_is_refused_by_name(version):
    with pytest.raises(HostError) as caught:
        session.check_wheel_version(version)
    for part in (f"tflite-micro {version}", session.TESTED_WHEELS[0], session.TESTED_WHEELS[-1], "pip install"):
        assert part in str(caught.value)


def test_an_unknown_wheel_is_not_touched(model, monkeypatch):
    session.load_plugin.cache_clear()
    monkeypatch.setattr(session, "wheel_version", lambda: "0.dev20300101000000")
    with pytest.raises(HostError, match="0.dev20300101000000 is not supported"):
        tp.Trainer(model)


def test_a_resolver_of_another_layout_is_refused_by_the_plugin(capfd):
    plugin = session.load_plugin()
    plugin.TinyPropRegisterOps.restype = ctypes.c_bool
    memory = ctypes.create_string_buffer(16_000)
    assert not plugin.TinyPropRegisterOps(memory)
    assert memory.raw == bytes(16_000)
    assert not plugin.TinyPropRegisterOps(None)
    assert "unknown op resolver" in capfd.readouterr().err


def test_a_missing_plugin_says_what_to_do(monkeypatch):
    monkeypatch.setenv(session.PLUGIN_ENV, "/nonexistent.so")
    with pytest.raises(HostError, match="/nonexistent.so"):
        session.plugin_path()


def test_options_the_ops_cannot_read_stop_the_interpreter_with_a_message(model):
    """Files reach firmware without passing through Python's checks."""
    for index, damage, expected in (
        (0, lambda o: o[:3], "TinyPropInitialize: custom options are damaged"),
        (-1, lambda o: b"\x02" + o[1:], "of a newer version; update"),
        (-1, lambda o: o[:4] + b"\x09" + o[5:], "unknown value"),
        (-1, lambda o: o[:6] + b"\x63\x00" + o[8:], "layer number"),
    ):
        graph = read_graph(model.data)
        graph.ops[index].custom_options = damage(graph.ops[index].custom_options)
        with pytest.raises(HostError, match=expected):
            session.Session(write_graph(graph), model.sufficient_arena_bytes)


def test_tensors_of_a_wrong_shape_stop_the_interpreter_with_a_message(model):
    graph = read_graph(model.data)
    control = graph.tensors[graph.inputs[2]]
    control.shape = (7,)
    with pytest.raises(HostError, match="TinyPropDecision: control has a wrong size"):
        session.Session(write_graph(graph), model.sufficient_arena_bytes)


@pytest.mark.parametrize(("position", "message"), [
    (0, "delta is a constant"), (3, "needs variable weights"), (4, "needs a variable bias"),
    (8, "state is a constant"),
])
def test_an_op_refuses_to_write_into_a_constant(model, position, message):
    """A constant lies in flash: writing there would stop a microcontroller, and change the model here."""
    graph = read_graph(model.data)
    op = graph.ops[-1]
    tensor = graph.tensors[op.inputs[position]]
    op.inputs[position] = graph.add_constant("constant", np.zeros(tensor.shape, np.float32))
    with pytest.raises(HostError, match=f"TinyPropFullyConnectedGrad: .*{message}"):
        session.Session(write_graph(graph), model.sufficient_arena_bytes)


STATEFUL = {"lstm": (stateful_models.lstm, stateful_models.lstm_outputs), "svdf": (stateful_models.svdf, stateful_models.svdf_outputs),
            "delayed": (stateful_models.delayed, stateful_models.delayed_outputs)}

_TRAIN = """
import json, sys
import numpy as np
import tflm_tinyprop as tp
from tflm_tinyprop.host import session
results = {"version": session.wheel_version()}
for name in ("dense", "convolutional"):
    data = np.load(f"{sys.argv[1]}/{name}.npz")
    trainer = tp.Trainer(tp.load(f"{sys.argv[1]}/{name}.tflite"))
    history = trainer.fit(data["x"], data["y"], epochs=3, learning_rate=0.05, seed=0, verbose=False)
    results[name] = {"skip_rate": history.history["skip_rate"], "weights": [w.tolist() for w in trainer.get_weights()]}
for name in ("lstm", "svdf", "delayed"):
    x = np.load(f"{sys.argv[1]}/{name}.npz")["x"]
    for mode in ("reset", "kept"):
        trainer = tp.Trainer(tp.load(f"{sys.argv[1]}/{name}-{mode}.tflite"))
        parts = [trainer.predict(x), trainer.predict_stream(x[:2]), trainer.predict_stream(x[2:])]
        trainer.reset_state()
        results[f"{name}-{mode}"] = [part.tolist() for part in (*parts, trainer.predict_stream(x))]
print(json.dumps(results))
"""


@pytest.fixture(scope="module")
def wheel_results(tmp_path_factory):
    """The same trainings in every wheel, each in its own process."""
    folder = os.environ.get("TINYPROP_TFLM_WHEELS")
    assert folder, "TINYPROP_TFLM_WHEELS is not set to the folder of unpacked wheels; run `make test`"
    path = tmp_path_factory.mktemp("wheels")
    _write_trainings(path)
    results = {"folder": path}
    for version in WHEELS:
        package = pathlib.Path(tp.__file__).resolve().parents[1]
        run = subprocess.run(
            [sys.executable, "-c", _TRAIN, path], capture_output=True, text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join((str(pathlib.Path(folder) / version), str(package)))},
        )
        assert run.returncode == 0, f"{version}: {run.stderr[-2000:]}"
        results[version] = json.loads(run.stdout.splitlines()[-1])
    return results


def _write_trainings(path: pathlib.Path) -> None:
    """dense: three layers. convolutional: Conv1D, pooling and a mean, as Keras has them."""
    import keras

    from tflm_tinyprop.models import zoo
    from tflm_tinyprop.models.tiny_models import dense_classifier

    generator = np.random.default_rng(0)
    tp.convert(dense_classifier([8, 16, 12, 4], seed=1)).save(path / "dense.tflite")
    x = generator.normal(size=(150, 8)).astype(np.float32)
    np.savez(path / "dense.npz", x=x, y=x[:, :4].argmax(axis=1))
    keras.utils.set_random_seed(1)
    tp.convert(zoo.conv1d(classes=3, window=32, channels=3)).save(path / "convolutional.tflite")
    x = generator.normal(size=(100, 32, 3)).astype(np.float32)
    np.savez(path / "convolutional.npz", x=x, y=x.mean(axis=1).argmax(axis=1))
    for name, (make, _) in STATEFUL.items():
        for mode in ("reset", "kept"):
            model = tp.convert(make(), trainable_layers=["last"], loss="mean_squared_error", stateful=mode == "kept")
            model.save(path / f"{name}-{mode}.tflite")
        np.savez(path / f"{name}.npz", x=generator.normal(size=(5, *model.inputs[0].shape[1:])).astype(np.float32))


@pytest.mark.parametrize("name", STATEFUL)
@pytest.mark.parametrize("version", WHEELS)
def test_every_wheel_resets_and_keeps_state(wheel_results, version, name):
    make, outputs = STATEFUL[name]
    x = np.load(wheel_results["folder"] / f"{name}.npz")["x"]
    for mode in ("reset", "kept"):
        whole, first, second, again = wheel_results[version][f"{name}-{mode}"]
        expected = outputs(make(), x, is_stream=mode == "kept")[1]
        for actual in (whole, first + second, again):
            np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["dense", "convolutional"])
@pytest.mark.parametrize("version", WHEELS)
def test_every_wheel_trains_to_the_same_numbers(wheel_results, version, name):
    result, first = wheel_results[version][name], wheel_results[WHEELS[0]][name]
    assert wheel_results[version]["version"] == version
    assert result["skip_rate"] == first["skip_rate"] and 0 < first["skip_rate"][-1] < 1
    for a, b in zip(result["weights"], first["weights"], strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)
