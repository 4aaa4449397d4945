"""Every op checks its tensors before the first invoke: a damaged file stops the interpreter with a message.

TFLM itself checks nothing, and an op that reads a tensor of another size reads somebody else's memory.
"""

import dataclasses
import re

import numpy as np
import pytest

import tflm_tinyprop as tp
from tflm_tinyprop.errors import HostError
from tflm_tinyprop.format import options
from tflm_tinyprop.format.graph import Tensor, read_graph, write_graph
from tflm_tinyprop.host.session import Session
from tflm_tinyprop.models.tiny_models import dense_classifier

FLOAT, INT = np.dtype(np.float32), np.dtype(np.int32)
FIRST, LAST = 0, -1  # gradient ops of a kind come from the output down


def _convolutional():
    """Batch 2: conv 6x6, max pooling, depthwise 3x3 and conv 3x3, average pooling, dense."""
    import keras

    keras.utils.set_random_seed(0)
    layers = keras.layers
    return tp.convert(keras.Sequential([
        keras.Input((6, 6, 2)), layers.Conv2D(4, 3, padding="same", name="first"), layers.MaxPooling2D(2),
        layers.DepthwiseConv2D(3, padding="same"), layers.Activation("tanh"),
        layers.Conv2D(5, 3, padding="same", name="second"), layers.AveragePooling2D(2, padding="same"),
        layers.Flatten(), layers.Dense(3, name="last"),
    ]), batch_size=2)


@pytest.fixture(scope="module")
def models(model):
    return {
        "dense": model,
        "pair": tp.convert(dense_classifier([8, 4], batch_size=2), batch_size=2),
        "regression": tp.convert(dense_classifier([8, 4, 3]), loss="mse"),  # on a softmax
        "one-hot": tp.convert(dense_classifier([8, 4]), loss="categorical_crossentropy"),
        "convolutional": _convolutional(),
    }


def session_of(model, kind: str, which: int, damage) -> Session:
    """A session with the model, after damage(graph, op) on one op of this kind."""
    graph = read_graph(model.data)
    damage(graph, [op for op in graph.ops if op.kind == kind][which])
    return Session(write_graph(graph), model.sufficient_arena_bytes + 4096)


def reads(position: int, shape, dtype=FLOAT):
    """The op's input becomes a variable of this shape; None leaves it out."""
    def damage(graph, op):
        tensor = -1 if shape is None else graph.add_tensor(Tensor("other", shape, dtype, is_variable=True))
        op.inputs[position] = tensor

    return damage


def writes(position: int, shape, dtype=FLOAT):
    """The op's output goes to a new tensor of this shape; what reads the old one finds a variable."""
    def damage(graph, op):
        graph.tensors[op.outputs[position]].is_variable = True
        op.outputs[position] = graph.add_tensor(Tensor("other", shape, dtype))

    return damage


def says(**fields):
    """The op's options say something else."""
    def damage(graph, op):
        op.custom_options = dataclasses.replace(options.unpack(op.kind, op.custom_options), **fields).pack()

    return damage


def _one_input_more(graph, op):
    op.inputs.append(op.inputs[0])


def _one_output_more(graph, op):
    op.outputs.append(graph.add_tensor(Tensor("more", (1,), FLOAT)))


def _no_output(graph, op):
    graph.tensors[op.outputs.pop()].is_variable = True


DENSE = options.op_kind("FullyConnectedGrad")  # the last one of "dense": 16 units, 8 inputs, layer 1 of 3, ReLU
DENSE_CASES = [
    ("dense", DENSE, LAST, damage, message) for damage, message in (
        (says(layer=4), "has a layer number beyond the state"),
        (reads(5, (2,), INT), "needs a delta that the batch divides"),
        (reads(7, (4, 1, 3)), "statistics has a wrong size"),
        (reads(7, (4, 2, 4)), "statistics has a wrong size"),
        (reads(8, (3,)), "statistics has a wrong size"),
        (reads(4, (15,)), "bias has a wrong size"),
        (reads(4, (17,)), "bias has a wrong size"),
        (reads(4, None), "needs a variable bias"),
        (reads(1, None), "needs variable weights and its input"),
        (reads(2, None), "needs its output for the gradient of the fused activation"),
        (reads(2, (1, 15)), "output has a wrong size"),
        (reads(3, (16, 8, 1)), "needs weights of shape [units, inputs]"),
        (reads(3, None), "weights is missing"),
        (reads(1, (1, 9)), "input has a wrong size"),
        (reads(6, (7,)), "control has a wrong size"),
        (reads(6, (9,)), "control has a wrong size"),
        (reads(6, (0,)), "control is empty or too large"),
        (reads(5, (1,)), "gate must be int32"),
        (reads(0, (1, 16), INT), "delta must be float32"),
        (_one_input_more, "has a wrong number of inputs"),
        (_one_output_more, "input delta has a wrong size"),
    )
] + [
    ("dense", DENSE, FIRST, writes(0, (1, 13)), "input delta has a wrong size"),
    ("dense", DENSE, FIRST, _one_output_more, "has a wrong number of outputs"),
]

LOSS, DECISION, MSE = options.SOFTMAX_CROSS_ENTROPY, options.DECISION, options.MEAN_SQUARED_ERROR
HEAD_CASES = [
    ("dense", LOSS, FIRST, reads(1, (2,), INT), "label has a wrong size"),
    ("dense", LOSS, FIRST, reads(1, (4,), INT), "label has a wrong size"),
    ("dense", LOSS, FIRST, reads(1, (1,)), "label must be int32"),
    ("dense", LOSS, FIRST, reads(0, (1, 2, 2)), "needs logits of shape [batch, classes]"),
    ("dense", LOSS, FIRST, writes(0, (2,)), "loss has a wrong size"),
    ("dense", LOSS, FIRST, writes(1, (1, 5)), "delta has a wrong size"),
    ("one-hot", LOSS, FIRST, reads(1, (1,)), "label has a wrong size"),
    ("one-hot", LOSS, FIRST, reads(1, (1, 4), INT), "label must be float32"),
    ("regression", MSE, FIRST, says(label_kind=0), "needs labels of the output's shape"),
    ("regression", MSE, FIRST, reads(1, (1, 4)), "label has a wrong size"),
    ("regression", MSE, FIRST, writes(0, (2,)), "loss has a wrong size"),
    ("regression", MSE, FIRST, writes(1, (1, 4)), "delta has a wrong size"),
    ("regression", options.SOFTMAX_GRAD, FIRST, reads(1, (1, 4)), "output has a wrong size"),
    ("regression", options.SOFTMAX_GRAD, FIRST, reads(2, (2,), INT), "needs a delta that the batch divides"),
    ("pair", DECISION, FIRST, reads(0, (1,), INT), "finite has a wrong size"),
    ("pair", DECISION, FIRST, reads(1, (3,)), "loss has a wrong size"),
    ("pair", DECISION, FIRST, reads(2, (1, 7)), "needs a delta that the batch divides"),
    ("pair", DECISION, FIRST, reads(3, (9,)), "control has a wrong size"),
    ("pair", DECISION, FIRST, reads(4, (2, 1, 4)), "statistics has a wrong size"),
    ("pair", DECISION, FIRST, reads(5, (3,)), "statistics has a wrong size"),
]

CONV, DEPTHWISE = options.op_kind("Conv2DGrad"), options.op_kind("DepthwiseConv2DGrad")
CONV_CASES = [
    ("convolutional", CONV, FIRST, damage, message) for damage, message in (
        (says(pad_top=3), "keep the filter on the input"),
        (says(pad_left=3), "keep the filter on the input"),
        (says(stride_height=2), "keep the filter on the input"),
        (says(stride_width=2), "keep the filter on the input"),
        (reads(3, (4, 3, 3, 4)), "as many output channels as delta"),
        (reads(3, (5, 3, 3, 3)), "needs weights that fit the input's channels"),
        (reads(3, (5, 3, 12)), "needs maps and weights of rank 4"),
        (reads(1, (1, 6, 3, 4)), "needs an input and a delta of the same batch"),
        (reads(0, (2, 9, 5)), "needs maps and weights of rank 4"),
        (writes(0, (2, 3, 4, 3)), "needs an input delta of the input's shape"),
    )
] + [
    ("convolutional", DEPTHWISE, FIRST, reads(3, (2, 3, 3, 4)), "needs depthwise weights of shape [1, ...]"),
    ("convolutional", DEPTHWISE, FIRST, reads(3, (1, 3, 3, 8)), "as many output channels as delta"),
    ("convolutional", DEPTHWISE, FIRST, reads(1, (2, 3, 3, 3)), "needs weights that fit the input's channels"),
]

MAX, AVERAGE, ACTIVATION = options.MAX_POOL_2D_GRAD, options.AVERAGE_POOL_2D_GRAD, options.ACTIVATION_GRAD
POOL_CASES = [
    ("convolutional", MAX, FIRST, damage, message) for damage, message in (
        (says(dilation_height=2), "has a dilation, which pooling has not"),
        (says(dilation_width=2), "has a dilation, which pooling has not"),
        (says(pad_top=2), "has a window that lies outside the map"),
        (says(stride_width=3), "has a window that lies outside the map"),
        (reads(1, (3, 6, 4, 4)), "needs maps of one batch and one number of channels"),
        (reads(1, (2, 6, 6, 5)), "needs maps of one batch and one number of channels"),
        (reads(1, (2, 36, 4)), "needs maps of shape [batch, height, width, channels]"),
        (reads(2, (2, 3, 3, 3)), "output has a wrong size"),
        (reads(3, (3,), INT), "needs a delta that the batch divides"),
        (writes(0, (2, 6, 6, 5)), "input delta has a wrong size"),
        (_no_output, "has a wrong number of outputs"),
    )
] + [
    ("convolutional", AVERAGE, FIRST, _no_output, "has a wrong number of outputs"),
    ("convolutional", ACTIVATION, FIRST, reads(1, (2, 3, 3, 5)), "reference has a wrong size"),
    ("convolutional", ACTIVATION, FIRST, reads(2, (7,), INT), "needs a delta that the batch divides"),
]


@pytest.mark.parametrize(("name", "kind", "which", "damage", "message"),
                         [*DENSE_CASES, *HEAD_CASES, *CONV_CASES, *POOL_CASES])
def test_what_does_not_fit_is_refused(models, name, kind, which, damage, message):
    with pytest.raises(HostError, match=f"{kind}: .*{re.escape(message)}"):
        session_of(models[name], kind, which, damage)


@pytest.mark.parametrize(("name", "kind", "which", "damage"), [
    ("dense", DENSE, LAST, says(layer=3)),
    ("convolutional", CONV, FIRST, says(pad_top=2, pad_left=2)),
    ("convolutional", MAX, FIRST, says(pad_top=1, pad_left=1)),
    ("convolutional", AVERAGE, FIRST, lambda graph, op: None),
])
def test_what_just_fits_is_accepted(models, name, kind, which, damage):
    session_of(models[name], kind, which, damage)
