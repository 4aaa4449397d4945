"""Real TinyML models: they convert, keep their outputs, and take the same step as Keras."""

import numpy as np
import pytest

import tflm_tinyprop as tp
from tflm_tinyprop.conversion.differentiate import inference_graph
from tflm_tinyprop.conversion.pipeline import read_source
from tflm_tinyprop.errors import ModelError
from tflm_tinyprop.format import metadata, tables
from tflm_tinyprop.format.graph import write_graph
from tflm_tinyprop.host import session
from tflm_tinyprop.models import zoo
from tflm_tinyprop.trainable_model import make_trainable

MODELS = {
    "ds_cnn": (zoo.ds_cnn, "sparse_categorical_crossentropy"),
    "resnet8": (zoo.resnet8, "sparse_categorical_crossentropy"),
    "mobilenet_v1": (zoo.mobilenet_v1, "sparse_categorical_crossentropy"),
    "autoencoder": (zoo.autoencoder, "mean_squared_error"),
    "mobilenet_v2_32": (lambda: zoo.mobilenet_v2(32), "sparse_categorical_crossentropy"),
    "mobilenet_v2_96": (lambda: zoo.mobilenet_v2(96), "sparse_categorical_crossentropy"),
    "conv1d": (zoo.conv1d, "sparse_categorical_crossentropy"),
}


@pytest.fixture(scope="module", params=MODELS)
def case(request):
    """(name, source of the conversion, loss, trainable model with all layers)."""
    import keras

    build, loss = MODELS[request.param]
    keras.utils.set_random_seed(7)
    model = build()
    calibrate(model)
    source = read_source(model)
    return request.param, source, loss, make_trainable(source, loss=loss, config=tp.TinyPropConfig.full())


def calibrate(model) -> None:
    """Gives batch normalisations the statistics of random data, so that no signal dies on its way."""
    import keras

    generator = np.random.default_rng(7)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            gamma, beta, *statistics = layer.get_weights()
            layer.set_weights([generator.uniform(0.8, 1.2, gamma.shape), generator.normal(0, 0.3, beta.shape),
                               *statistics])
            layer.momentum = 0.0
    model(generator.normal(size=(16, *model.input_shape[1:])).astype(np.float32), training=True)


def sample(model, loss, generator):
    x = generator.normal(size=(1, *model.inputs[0].shape[1:])).astype(np.float32)
    if loss == "mean_squared_error":
        return x, generator.normal(size=(1, *model.label.shape[1:])).astype(np.float32)
    return x, generator.integers(model.classes, size=1)


def test_the_outputs_are_those_of_keras(case):
    _, source, loss, model = case
    x, _ = sample(model, loss, np.random.default_rng(0))
    expected = source.keras_model.predict(x, verbose=0)
    np.testing.assert_allclose(tp.Trainer(model).predict(x), expected, rtol=1e-3, atol=1e-4)


def test_the_inference_part_is_bit_identical(case):
    _, source, loss, model = case
    x, _ = sample(model, loss, np.random.default_rng(1))
    running = session.Session(write_graph(source.graph), model.sufficient_arena_bytes)
    running.set_input(x, 0)
    running.invoke()
    assert tp.Trainer(model).predict(x).tobytes() == running.output(0).tobytes()


def test_a_full_step_is_one_sgd_step_on_the_folded_weights(case):
    """TensorFlow runs the converted inference graph, op by op, with its constants as variables."""
    _, _, loss, model = case
    x, y = sample_off_the_kinks(model, loss, np.random.default_rng(2))
    expected = gradients(model, x, y, loss)
    trainer = tp.Trainer(model)
    before = trainer.get_weights()
    rate = 30.0  # large, because what is read is the difference of float32 weights
    trainer.train_on_batch(x, y, learning_rate=rate)
    moved = 0
    for record, old, new in zip(model.training.variables, before, trainer.get_weights()):
        wanted = expected[record.initial]
        rounding = 2.0**-23 * np.abs(old).max() / rate
        difference = np.abs((old - new) / rate - wanted).max()
        assert difference <= 1e-3 * np.abs(wanted).max() + rounding, model.graph.tensors[record.variable].name
        moved += bool(np.abs(wanted).max() > 0)
    assert moved > 0.4 * (len(model.training.variables) - 1)


def test_the_last_two_layers_train_alone(case):
    _, source, loss, _ = case
    model = make_trainable(source, loss=loss, trainable_layers=2)
    assert sum(layer.is_trained for layer in model.training.layers) == 2
    x, y = sample(model, loss, np.random.default_rng(3))
    trainer = tp.Trainer(model)
    before = trainer.evaluate(x, y)["loss"]
    trainer.fit(x, y, epochs=8, learning_rate=0.003, verbose=False)
    assert trainer.evaluate(x, y)["loss"] < before


def test_the_summary_names_every_layer_as_keras_does(case):
    from tflm_tinyprop.describe import layer_infos

    _, source, loss, _ = case
    infos = layer_infos(make_trainable(source, loss=loss, trainable_layers=1))
    known = {layer.name for layer in source.keras_model.layers if any(np.ndim(w) > 1 for w in layer.weights)}
    assert {info.name for info in infos} == known
    assert [info.trainable for info in infos].count(True) == 1 and infos[-1].backward_macs > 0 == infos[0].backward_macs


def test_weights_go_back_to_keras_or_the_error_says_why(case):
    name, _, loss, model = case
    trainer = tp.Trainer(model)
    folded = [l.name for l in model.training.layers if not l.flags & tables.KERAS_LAYER]
    if not folded:
        assert name == "conv1d"
        x, y = sample(model, loss, np.random.default_rng(4))
        trainer.train_on_batch(x, y, learning_rate=0.05)
        np.testing.assert_allclose(trainer.to_keras()(x), trainer.predict(x), rtol=1e-4, atol=1e-5)
        return
    with pytest.raises(ModelError, match="batch normalisation is folded.*to_tflite"):
        trainer.to_keras()
    assert tp.convert(trainer.to_tflite(), loss=loss).training.backward_macs == model.training.backward_macs


# TensorFlow's side ----------------------------------------------------------------------------------

def sample_off_the_kinks(model, loss, generator, draws: int = 60):
    """Of several samples the one whose activations stay farthest from where a ReLU has no derivative: there,
    rounding decides between two gradients, and among 100,000 activations one is always close."""
    graph = inference_graph(model.graph, model.training, {})

    def margin(drawn) -> float:
        distances: list[float] = []
        run(graph, drawn[0], {}, stop_before_softmax=True, kink_distances=distances)
        return min(distances, default=1.0)

    return max((sample(model, loss, generator) for _ in range(draws)), key=margin)


def gradients(model, x, y, loss: str) -> dict[int, np.ndarray]:
    """{constant tensor index: gradient of the loss}, by tf.GradientTape over the inference graph."""
    import keras
    import tensorflow as tf

    graph = inference_graph(model.graph, model.training, {})
    variables = {r.initial: tf.Variable(graph.tensors[r.initial].array())
                 for r in model.training.variables if r.role != metadata.STATE}
    with tf.GradientTape() as tape:
        values = run(graph, x, variables, stop_before_softmax=loss != "mean_squared_error")
        function = {"sparse_categorical_crossentropy": keras.losses.SparseCategoricalCrossentropy(from_logits=True),
                    "mean_squared_error": keras.losses.MeanSquaredError()}[loss]
        value = function(y, values)
    return {index: gradient.numpy() for index, gradient in tape.gradient(value, variables).items()}


_KINKS = {1: (0.0,), 3: (0.0, 6.0)}  # of the fused activations RELU and RELU6


def run(graph, x, variables, stop_before_softmax: bool, kink_distances: list | None = None):
    """The graph's output in TensorFlow. kink_distances: gets, for every op with a fused activation, how close
    a value comes to a kink, relative to the values' root mean square."""
    import tensorflow as tf

    values = {i: t.array() for i, t in enumerate(graph.tensors) if t.is_constant}
    values |= variables | {graph.inputs[0]: tf.constant(x)}
    for op in graph.ops:
        if op.kind == "SOFTMAX" and stop_before_softmax:
            return values[op.inputs[0]]
        arguments = [values[t] for t in op.inputs if t >= 0]
        z = _OPS[op.kind](op.options, graph.tensors[op.outputs[0]].shape, *arguments)
        activation = getattr(op.options, "fusedActivationFunction", 0) or 0
        if kink_distances is not None:
            scale = np.sqrt(np.mean(np.square(z))) + 1e-30
            kink_distances += [float(np.abs(z - kink).min() / scale) for kink in _KINKS.get(activation, ())]
        values[op.outputs[0]] = _ACTIVATIONS[activation](z)
    return values[graph.outputs[0]]


def _convolution(options, shape, x, w, b):
    import tensorflow as tf

    return tf.nn.conv2d(x, tf.transpose(w, (1, 2, 3, 0)), [options.strideH, options.strideW],
                        "VALID" if options.padding else "SAME") + b


def _depthwise(options, shape, x, w, b):
    import tensorflow as tf

    return tf.nn.depthwise_conv2d(x, tf.transpose(w, (1, 2, 3, 0)), [1, options.strideH, options.strideW, 1],
                                  "VALID" if options.padding else "SAME") + b


def _dense(options, shape, x, w, b=0.0):
    import tensorflow as tf

    return tf.reshape(tf.matmul(tf.reshape(x, [-1, w.shape[1]]), w, transpose_b=True) + b, shape)


def _pool(kind):
    def function(options, shape, x):
        import tensorflow as tf

        return getattr(tf.nn, kind)(x, [options.filterHeight, options.filterWidth], [options.strideH, options.strideW],
                                    "VALID" if options.padding else "SAME")

    return function


def _mean(options, shape, x, axes):
    import tensorflow as tf

    return tf.reduce_mean(x, axes.reshape(-1).tolist(), keepdims=bool(options.keepDims))


def _reshape(options, shape, x, *_):
    import tensorflow as tf

    return tf.reshape(x, shape)


def _pad(options, shape, x, paddings):
    import tensorflow as tf

    return tf.pad(x, paddings)


_OPS = {
    "CONV_2D": _convolution, "DEPTHWISE_CONV_2D": _depthwise, "FULLY_CONNECTED": _dense,
    "AVERAGE_POOL_2D": _pool("avg_pool2d"), "MAX_POOL_2D": _pool("max_pool2d"), "MEAN": _mean,
    "RESHAPE": _reshape, "EXPAND_DIMS": _reshape, "SQUEEZE": _reshape, "PAD": _pad,
    "ADD": lambda options, shape, a, b: a + b, "MUL": lambda options, shape, a, b: a * b,
}


def _activation(name):
    def function(x):
        import tensorflow as tf

        return getattr(tf.nn, name)(x)

    return function


_ACTIVATIONS = {0: lambda x: x, 1: _activation("relu"), 3: _activation("relu6")}
