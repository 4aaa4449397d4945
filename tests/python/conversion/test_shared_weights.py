"""Weights that several ops read: their gradients are summed in effect, so that one step is Keras' SGD step."""

import dataclasses
import functools

import numpy as np
import pytest
from keras_step import assert_step_is_keras_step

import tflm_tinyprop as tp
from tflm_tinyprop.describe import layer_infos
from tflm_tinyprop.format import options, tables
from tflm_tinyprop.format.graph import Graph, Op, Tensor, builtin_options, read_graph, write_graph
from tflm_tinyprop.format.metadata import BIAS, KERNEL
from tflm_tinyprop.models.tiny_models import dense_classifier
from tflm_tinyprop.reference import DenseLayer, ReferenceNetwork

FLOAT = np.dtype(np.float32)


@pytest.fixture(autouse=True)
def seeded():
    import keras

    keras.utils.set_random_seed(5)


def dense_called(calls: int):
    import keras

    layers = keras.layers
    x = keras.Input((5,))
    shared = layers.Dense(6, activation="relu", bias_initializer="normal", name="shared")
    y = layers.Dense(6, name="first")(x)
    for _ in range(calls):
        y = shared(y)
    return keras.Model(x, layers.Dense(3, name="head")(y))


def conv_called_twice():
    """With other maps each time."""
    import keras

    layers = keras.layers
    x = keras.Input((13, 13, 3))
    shared = layers.Conv2D(3, 3, activation="relu", bias_initializer="normal", name="shared")
    depthwise = layers.DepthwiseConv2D(2, bias_initializer="normal", name="depthwise")
    y = shared(depthwise(layers.MaxPooling2D()(shared(x))))
    return keras.Model(x, layers.Dense(2, name="head")(layers.Flatten()(depthwise(layers.ZeroPadding2D(1)(y)))))


def siamese():
    """Two towers with one set of weights, of which the first layers hand nothing down."""
    import keras

    layers = keras.layers
    x = keras.Input((8,))
    tower = [layers.Dense(5, activation="relu", name="low"), layers.Dense(4, bias_initializer="normal", name="high")]
    ends = []
    for part in (x[:, :4], x[:, 4:]):
        for layer in tower:
            part = layer(part)
        ends.append(part)
    return keras.Model(x, layers.Dense(2, name="head")(layers.Multiply()(ends)))


def recurrent(name: str):
    """Four steps of a sequence, unrolled: two kernels, four calls each, the first with the state 0."""
    import keras

    layers = keras.layers
    x = keras.Input((4, 3))
    y = getattr(layers, name)(5, unroll=True, bias_initializer="normal")(layers.Dense(3, name="below")(x))
    return keras.Model(x, layers.Dense(2, name="head")(y))


BUILDERS = {"dense twice": lambda: dense_called(2), "dense four times": lambda: dense_called(4),
            "convolutions": conv_called_twice, "siamese": siamese,
            **{name: functools.partial(recurrent, name) for name in ("SimpleRNN", "LSTM", "GRU")}}


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("build", BUILDERS.values(), ids=BUILDERS)
def test_a_step_is_keras_step(build, batch):
    keras_model = build()
    model = assert_step_is_keras_step(keras_model, batch=batch)
    assert model.trainable_parameters == keras_model.count_params()


def test_an_unrolled_recurrent_network_takes_the_step_of_keras():
    """From a .tflite: four calls of each kernel, of which the recurrent ones hand down through the whole sequence."""
    import keras
    import tensorflow as tf

    layers = keras.layers
    x = keras.Input(batch_shape=(1, 4, 3))
    y = layers.SimpleRNN(5, unroll=True, bias_initializer="normal")(x)
    keras_model = keras.Model(x, layers.Dense(2, bias_initializer="normal")(y))
    data = tf.lite.TFLiteConverter.from_keras_model(keras_model).convert()
    model = tp.convert(data, loss="mse", config=tp.TinyPropConfig.full())
    calls = [layer.name for layer in model.training.layers]
    assert len(calls) == 8 and model.trainable_parameters == keras_model.count_params()

    generator = np.random.default_rng(1)
    sample, target = (generator.normal(size=(1, *shape)).astype(np.float32) for shape in ((4, 3), (2,)))
    with tf.GradientTape() as tape:
        loss = keras.losses.MeanSquaredError()(target, keras_model(sample))
    gradients = tape.gradient(loss, keras_model.trainable_variables)
    trainer = tp.Trainer(model)
    before = trainer.get_weights()
    trainer.train_on_batch(sample, target, learning_rate=4.0)
    changes = [(old - new) / 4 for old, new in zip(before, trainer.get_weights(), strict=True)]
    assert len(changes) == len(gradients) == 5
    for variable, gradient in zip(keras_model.trainable_variables, gradients, strict=True):
        # Which is which: shapes, and of the two biases the sizes, are all different.
        actual = next(change for change in changes if change.shape == variable.shape[::-1])
        np.testing.assert_allclose(actual.T, gradient, rtol=0, atol=2e-6, err_msg=variable.path)


def shared_stack(units: list[int], shared: list[int], seed: int = 3) -> Graph:
    """Dense layers of which those at the positions `shared` are calls of one layer."""
    graph = read_graph(dense_classifier(units, seed=seed))
    first = graph.ops[shared[0]]
    for position in shared[1:]:
        graph.ops[position].inputs[1:] = first.inputs[1:]
    return graph


@pytest.mark.parametrize("batch", [1, 4])
@pytest.mark.parametrize("shared", [[0, 1, 2], [1, 2], [1, 3]])
def test_sparse_steps_follow_the_reference(shared, batch):
    print("seed 4")
    generator = np.random.default_rng(4)
    config = tp.TinyPropConfig.v2(s_min=0.2, s_max=0.9, zeta=0.7, decay=0.99)
    graph = shared_stack([8] * 5 + [4], shared)
    for tensor in (*graph.inputs, *(t for op in graph.ops for t in op.outputs)):
        graph.tensors[tensor].shape = (batch, *graph.tensors[tensor].shape[1:])
    layers: dict[int, DenseLayer] = {}
    dense = [op for op in graph.ops if op.kind == "FULLY_CONNECTED"]
    for op in dense:
        kernel, bias = (graph.tensors[t].array() for t in op.inputs[1:])
        layers.setdefault(op.inputs[1], DenseLayer(kernel, bias, "relu" if op is not dense[-1] else "none"))
    reference = ReferenceNetwork([layers[op.inputs[1]] for op in dense], "sparse_categorical_crossentropy")
    trainer = tp.Trainer(tp.convert(write_graph(graph), config=config, batch_size=batch))
    for step in range(60):
        x, y = generator.normal(size=(batch, 8)).astype(np.float32), generator.integers(4, size=batch)
        recorder = tp.StepRecorder()
        trainer.fit(x, y, learning_rate=0.05, shuffle=False, callbacks=[recorder], verbose=False)
        expected = reference.train_step(x, y, config, 0.05)
        np.testing.assert_array_equal(recorder.status[0], expected.status, err_msg=f"step {step}")
        np.testing.assert_array_equal(recorder.gradients_kept[0], expected.k, err_msg=f"step {step}")
    wanted = [values for layer in layers.values() for values in (layer.weights, layer.bias)]
    for actual, values in zip(trainer.get_weights(), wanted, strict=True):
        np.testing.assert_allclose(actual, values, atol=2e-5)


def test_updates_that_wait_drop_a_sample_whose_gate_closes_meanwhile():
    """first -> shared -> between -> shared -> head: `between` finds that its own update would overflow."""
    graph = shared_stack([4] * 5 + [2], [1, 3])
    for op, scale in zip(graph.ops[:3], (1.0, 1e30, 1e-36), strict=True):
        graph.tensors[op.inputs[1]].set_array(np.full((4, 4), scale / 4, np.float32))
    graph.tensors[graph.ops[4].inputs[1]].set_array(np.float32([[1e-24] * 4, [0] * 4]))
    for op in graph.ops[:5]:
        graph.tensors[op.inputs[2]].set_array(np.zeros(graph.tensors[op.inputs[2]].shape, np.float32))
    model = tp.convert(write_graph(graph), config=tp.TinyPropConfig.full())
    names = [layer.name for layer in model.training.layers]
    trainer, recorder = tp.Trainer(model), tp.StepRecorder()
    before = trainer.get_weights()
    trainer.fit(np.ones((1, 4), np.float32), np.array([1]), learning_rate=1e4, callbacks=[recorder], verbose=False)
    assert recorder.status[0, 0] == tp.SampleStatus.NON_FINITE
    changed = {f"{names[v.layer - 1]}, {v.role}" for v, old, new in zip(
        model.training.variables, before, trainer.get_weights()) if not np.array_equal(old, new)}
    assert changed == {f"{names[-1]}, {KERNEL}", f"{names[-1]}, {BIAS}"}
    # The second call has kept its gradients and handed down, at a cost of one of the two parts.
    kept, macs = recorder.gradients_kept[0, :, 0], model.graph.tensors[model.graph.outputs[model.training.statistics_output]]
    assert kept.tolist() == [0, 0, 0, 4, 2] and macs.shape[0] == 1 + len(names)


def test_every_call_has_a_record_and_the_parameters_count_once():
    model = tp.convert(dense_called(3), loss="mse", config=tp.TinyPropConfig.full())
    training = model.training
    assert [layer.name for layer in training.layers] == ["first", "shared", "shared_2", "shared_3", "head"]
    assert [layer.update_macs for layer in training.layers] == [5, 6, 6, 6, 6]
    assert [layer.hand_down_macs for layer in training.layers] == [0, 6, 6, 6, 6]
    assert training.backward_macs == 6 * 5 + 3 * 2 * 6 * 6 + 2 * 3 * 6
    infos = layer_infos(model)
    assert [info.parameters for info in infos] == [36, 42, 0, 0, 21]
    assert sum(info.backward_macs for info in infos) == training.backward_macs
    # What a call reads is what the one before it wrote, and counts there.
    assert [info.kept_bytes for info in infos] == [4 * 5, 4 * (6 + 6), 4 * 6, 4 * 6, 0]
    recorder, generator = tp.StepRecorder(), np.random.default_rng(0)
    x, y = generator.normal(size=(1, 5)).astype(np.float32), generator.normal(size=(1, 3)).astype(np.float32)
    tp.Trainer(model).fit(x, y, callbacks=[recorder], verbose=False)
    assert recorder.macs[0] == training.backward_macs


def test_hand_downs_come_before_updates_and_zeta_counts_layers():
    model = tp.convert(dense_called(3), loss="mse")
    ops = [(decoded.layer, decoded.flags, decoded.layers_above) for decoded in (
        options.unpack(op.kind, op.custom_options) for op in model.graph.ops if op.kind == options.op_kind("FullyConnectedGrad"))]
    both = tables.UPDATES_WEIGHTS | tables.UPDATES_BIAS
    only = both | tables.ONLY_UPDATES
    assert ops == [(5, both | tables.SHARES_DECISION, 0), (4, 0, 1), (3, 0, 1), (2, both, 1), (4, only, 1), (3, only, 1),
                   (1, both, 2)]


def test_shared_weights_go_back_to_keras_and_to_an_ordinary_tflite():
    keras_model = dense_called(2)
    trainer = tp.Trainer(tp.convert(keras_model, loss="mse"))
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(20, 5)).astype(np.float32), generator.normal(size=(20, 3)).astype(np.float32)
    trainer.fit(x, y, epochs=3, learning_rate=0.05, verbose=False)
    predictions = trainer.predict(x)
    assert np.abs(predictions - keras_model.predict(x, verbose=0)).max() > 0.01
    np.testing.assert_allclose(trainer.to_keras().predict(x, verbose=0), predictions, rtol=1e-4, atol=1e-5)
    graph = read_graph(trainer.to_tflite())
    calls = [op.inputs[1:] for op in graph.ops if op.kind == "FULLY_CONNECTED"]
    assert calls[1] == calls[2] and calls[0] != calls[1]


def test_a_number_counts_layers_and_a_name_means_all_calls():
    keras_model = dense_called(3)
    for wanted in (2, ["shared", "head"]):
        model = tp.convert(keras_model, trainable_layers=wanted, loss="mse")
        assert [layer.name for layer in model.training.layers if layer.is_trained] == ["shared", "shared_2", "shared_3", "head"]
    frozen = tp.convert(keras_model, trainable_layers=["first", "head"], loss="mse").training.layers
    assert [layer.is_trained for layer in frozen] == [True, False, False, False, True]
    with pytest.raises(tp.ModelError, match="trainable_layers=4, but the model has 3 layers: first, shared, head"):
        tp.convert(keras_model, trainable_layers=4, loss="mse")


def test_other_readers_of_a_trained_constant_are_refused():
    graph = shared_stack([4, 4, 4, 4], [0, 1])
    kernel = graph.ops[0].inputs[1]
    scaled = graph.add_tensor(Tensor("scaled", (4, 4), FLOAT))
    summed = graph.add_tensor(Tensor("summed", (1, 4), FLOAT))
    axes = graph.add_constant("axes", np.array([0], np.int32))
    last = graph.ops[-2]
    graph.ops[-2:-2] = [
        Op("MUL", [kernel, kernel], [scaled], raw=builtin_options("MulOptions")),
        Op("MEAN", [scaled, axes], [summed], raw=builtin_options("ReducerOptions", keepDims=True)),
    ]
    product = graph.add_tensor(Tensor("product", (1, 4), FLOAT))
    graph.ops.insert(len(graph.ops) - 2, Op("MUL", [last.inputs[0], summed], [product], raw=builtin_options("MulOptions")))
    last.inputs[0] = product
    message = (r"'dense_1' \(FULLY_CONNECTED\) shares its kernel 'model/dense_1/kernel' with 'scaled' \(MUL\), which is not another "
               r"call of it.*Layers that can be trained: dense_3 \(pass trainable_layers=1 or names\)")
    with pytest.raises(tp.ModelError, match=message):
        tp.convert(write_graph(graph))
    assert [layer.name for layer in tp.convert(write_graph(graph), trainable_layers=1).training.layers] == ["dense_3"]


def test_an_update_without_its_hand_down_is_refused_on_loading():
    """An op that only updates follows, once, the op of its layer number that has made the delta sparse."""
    graph = tp.convert(dense_called(2), loss="mse").graph
    own = [op for op in graph.ops if op.kind == options.op_kind("FullyConnectedGrad")]
    decoded = [options.unpack(op.kind, op.custom_options) for op in own]
    (update,) = (op for op, o in zip(own, decoded, strict=True) if o.flags & tables.ONLY_UPDATES)
    twice = graph.copy()
    twice.ops.append(update)
    alone = graph.copy()
    first = next(op for op in alone.ops if op.custom_options == own[0].custom_options)
    first.custom_options = dataclasses.replace(decoded[0], flags=decoded[0].flags | tables.ONLY_UPDATES).pack()
    for changed in (twice, alone):
        with pytest.raises(tp.ModelError, match="updates of the gradient ops"):
            tp.TrainableModel(write_graph(changed))
