"""Which loss is meant, what it is taken on, and what is refused."""

import keras
import numpy as np
import pytest

import tflm_tinyprop as tp
from tflm_tinyprop.errors import ConfigError, ModelError
from tflm_tinyprop.format import options
from tflm_tinyprop.format.graph import Op as GraphOp
from tflm_tinyprop.format.graph import Tensor, builtin_options, read_graph, write_graph
from tflm_tinyprop.models.tiny_models import dense_classifier

SOFTMAX_LOSSES = ("sparse_categorical_crossentropy", "categorical_crossentropy")


def ending(kind: str | None, outputs: int = 3, reshaped: bool = False, batch_size: int = 1) -> bytes:
    """A dense model [4, 6, outputs] that ends in SOFTMAX, LOGISTIC or nothing, maybe reshaped."""
    graph = read_graph(dense_classifier([4, 6, outputs], softmax=kind == "SOFTMAX", batch_size=batch_size))
    shape = (batch_size, outputs)
    if kind == "LOGISTIC":
        end = graph.add_tensor(Tensor("model/sigmoid", shape, np.dtype(np.float32)))
        graph.ops.append(GraphOp("LOGISTIC", [graph.outputs[0]], [end]))
        graph.outputs = [end]
    if reshaped:
        shape = (batch_size, 1, outputs)
        end = graph.add_tensor(Tensor("model/reshaped", shape, np.dtype(np.float32)))
        target = graph.add_constant("shape", np.array(shape, np.int32))
        graph.ops.append(GraphOp("RESHAPE", [graph.outputs[0], target], [end], raw=builtin_options("ReshapeOptions", newShape=list(shape))))
        graph.outputs = [end]
    return write_graph(graph)


def loss_op(model):
    return next(op for op in model.graph.ops[1:] if op.is_custom)


@pytest.mark.parametrize(("loss", "name", "op", "parameters"), [
    ("mse", "mean_squared_error", "MeanSquaredError", {}),
    ("mae", "mean_absolute_error", "MeanAbsoluteError", {}),
    ("MeanAbsoluteError", "mean_absolute_error", "MeanAbsoluteError", {}),
    ("huber", "huber", "Huber", {}),
    ("bce", "binary_crossentropy", "BinaryCrossEntropy", {}),
    (tp.Loss("huber", delta=0.25), "huber", "Huber", {"delta": 0.25}),
    (keras.losses.Huber(delta=2.5), "huber", "Huber", {"delta": 2.5}),
    (keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=0.1), "binary_crossentropy", "BinaryCrossEntropy",
     {"label_smoothing": 0.1}),
    (keras.losses.MeanAbsoluteError(), "mean_absolute_error", "MeanAbsoluteError", {}),
    (keras.losses.SparseCategoricalCrossentropy(from_logits=True), "sparse_categorical_crossentropy", "SoftmaxCrossEntropy", {}),
    (keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.2), "categorical_crossentropy",
     "SoftmaxCrossEntropy", {"label_smoothing": 0.2}),
    (tp.Loss("sparse_categorical_crossentropy", label_smoothing=0.3), "sparse_categorical_crossentropy", "SoftmaxCrossEntropy",
     {"label_smoothing": 0.3}),
    (keras.losses.huber, "huber", "Huber", {}),
])
def test_names_and_keras_losses(loss, name, op, parameters):
    model = tp.convert(ending(None), loss=loss)
    assert model.loss == name and loss_op(model).kind == f"TinyProp{op}"
    found = options.unpack(loss_op(model).kind, loss_op(model).custom_options)
    for field, default in (("label_smoothing", 0.0), ("delta", 1.0)):
        expected = parameters.get(field, default)
        assert getattr(found, field) == np.float32(expected)
        assert getattr(model.training, field) == expected
    again = tp.TrainableModel(model.data)
    assert again.training == model.training


@pytest.mark.parametrize(("loss", "error", "message"), [
    ("hinge", ModelError, "loss 'hinge' is not supported; use one of .*binary_crossentropy"),
    (keras.losses.Hinge(), ModelError, "not supported"),
    (None, ModelError, "not supported"),
    (keras.losses.MeanSquaredError(reduction="sum"), ModelError, "MeanSquaredError with reduction='sum'"),
    (keras.losses.SparseCategoricalCrossentropy(ignore_class=0), ModelError, "ignore_class=0"),
])
def test_losses_that_there_are_not(loss, error, message):
    with pytest.raises(error, match=message):
        tp.convert(ending(None), loss=loss)


@pytest.mark.parametrize(("arguments", "message"), [
    ({"name": "huber", "delta": 0.0}, "delta must be positive"),
    ({"name": "huber", "delta": float("nan")}, "delta must be positive"),
    ({"name": "huber", "delta": 1e-60}, "finite in float32"),
    ({"name": "huber", "delta": True}, "delta must be"),
    ({"name": "bce", "label_smoothing": 1.5}, "label_smoothing must be in"),
    ({"name": "bce", "label_smoothing": float("nan")}, "label_smoothing must be in"),
    ({"name": "mse", "label_smoothing": 0.1}, "takes no label_smoothing; these do: sparse_categorical_crossentropy"),
    ({"name": "bce", "delta": 2.0}, "takes no delta; these do: huber"),
])
def test_parameters_that_make_no_sense(arguments, message):
    with pytest.raises(ConfigError, match=message):
        tp.Loss(**arguments)


@pytest.mark.parametrize("kind", ["SOFTMAX", "LOGISTIC", None])
@pytest.mark.parametrize("loss", SOFTMAX_LOSSES)
def test_a_softmax_cross_entropy_on_one_output_is_refused_with_the_loss_to_use(loss, kind):
    with pytest.raises(ModelError, match="binary_crossentropy"):
        tp.convert(ending(kind, outputs=1), loss=loss)


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("reshaped", [False, True])
@pytest.mark.parametrize("loss", SOFTMAX_LOSSES)
def test_a_softmax_cross_entropy_on_a_sigmoid_is_refused_with_the_loss_to_use(loss, outputs, reshaped):
    with pytest.raises(ModelError, match="of a sigmoid.*use loss='binary_crossentropy'"):
        tp.convert(ending("LOGISTIC", outputs, reshaped), loss=loss)


def test_the_default_loss_on_a_keras_model_with_one_sigmoid_names_the_output():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, activation="sigmoid", name="is_fall")])
    with pytest.raises(ModelError, match="'is_fall' of a sigmoid.*binary_crossentropy"):
        tp.convert(model)


@pytest.mark.parametrize("reshaped", [False, True])
def test_binary_cross_entropy_on_a_softmax_is_refused(reshaped):
    with pytest.raises(ModelError, match="of a softmax.*classes of one decision.*sparse_categorical_crossentropy"):
        tp.convert(ending("SOFTMAX", 3, reshaped), loss="binary_crossentropy")
    with pytest.raises(ModelError, match="softmax over one element is always 1.*sigmoid"):
        tp.convert(ending("SOFTMAX", 1, reshaped), loss="binary_crossentropy")


def test_an_activation_behind_which_something_is_reshaped():
    with pytest.raises(ModelError, match="reshape in front of the sigmoid"):
        tp.convert(ending("LOGISTIC", 3, reshaped=True), loss="binary_crossentropy")
    with pytest.raises(ModelError, match="reshape in front of the softmax"):
        tp.convert(ending("SOFTMAX", 3, reshaped=True))
    # Logits may be reshaped.
    assert tp.convert(ending(None, 3, reshaped=True), loss="binary_crossentropy").label.shape == (1, 1, 3)


@pytest.mark.parametrize(("loss", "kind", "other"), [
    (keras.losses.BinaryCrossentropy, "LOGISTIC", "sigmoid"), (keras.losses.SparseCategoricalCrossentropy, "SOFTMAX", "softmax"),
])
def test_from_logits_false_needs_the_activation(loss, kind, other):
    assert tp.convert(ending(kind), loss=loss())
    assert tp.convert(ending(kind), loss=loss(from_logits=True))  # Keras takes the logits then, too
    assert tp.convert(ending(None), loss=loss(from_logits=True))
    with pytest.raises(ModelError, match=f"not a {other}'s.*from_logits=True"):
        tp.convert(ending(None), loss=loss())


@pytest.mark.parametrize(("kind", "threshold"), [("LOGISTIC", 0.5), (None, 0.0)])
def test_the_binary_cross_entropy_is_taken_on_the_logits(kind, threshold):
    model = tp.convert(ending(kind), loss="binary_crossentropy")
    logits = model.graph.tensors[loss_op(model).inputs[0]]
    assert logits.name == "model/dense_2/output"
    assert model.training.output_threshold == threshold
    assert model.classes is None and model.label.shape == (1, 3) and model.label.dtype == np.float32
    # No gradient op of the sigmoid: the loss has it.
    assert options.ACTIVATION_GRAD not in [op.kind for op in model.graph.ops]


@pytest.mark.parametrize(("loss", "bound"), [
    ("binary_crossentropy", 0.25), ("mse", 0), ("mae", 0), ("huber", 0), (SOFTMAX_LOSSES[0], 0), (SOFTMAX_LOSSES[1], 0),
])
def test_only_binary_outputs_bound_the_running_maximum(loss, bound):
    """One output of four that is entirely wrong: |p - t| / 4 = 1 / 4, whatever the batch."""
    model = tp.convert(ending(None, 4, batch_size=2), loss=loss, batch_size=2)
    decision = next(op for op in model.graph.ops if op.kind == options.DECISION)
    assert options.unpack(decision.kind, decision.custom_options).bound == bound


def test_older_losses_are_written_as_before():
    """Options of version 1: firmware that knows no others reads them."""
    for loss in ("sparse_categorical_crossentropy", "categorical_crossentropy", "mse"):
        model = tp.convert(ending(None), loss=loss)
        for op in model.graph.ops:
            if op.kind in (loss_op(model).kind, options.DECISION):
                assert op.custom_options[:2] == b"\1\0"
