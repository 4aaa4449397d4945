"""Core, runtime and weight store on emulated Cortex-M boards do what they do on the host."""

import dataclasses

import numpy as np
import pytest
from boards import BOARDS, PROCESSORS, output_of, run

from tflm_tinyprop import TinyPropConfig
from tflm_tinyprop.reference import DenseLayer, ReferenceNetwork

FEATURES, HIDDEN, CLASSES, STEPS = 64, 32, 10, 1000
TRAINED = 1  # SampleStatus


def floats(words) -> np.ndarray:
    """float32 of their bits in hexadecimal."""
    return np.array([int(word, 16) for word in words], dtype=np.uint32).view(np.float32)


@dataclasses.dataclass
class Training:
    """What thousand_steps printed."""

    status: np.ndarray  # [steps]
    k: np.ndarray  # [steps, layers]
    loss: np.ndarray  # [steps]
    weights: np.ndarray  # all kernels and biases
    maxima: np.ndarray  # running maxima
    stack: int

    @classmethod
    def parse(cls, output: str) -> "Training":
        lines = [line.split() for line in output.splitlines()]
        steps = [line[1:] for line in lines if line[0] == "step"]
        words = {kind: [line[1] for line in lines if line[0] == kind] for kind in ("weight", "maximum", "stack")}
        return cls(np.array([int(s[0]) for s in steps]), np.array([[int(k) for k in s[1:-1]] for s in steps]),
                   floats(s[-1] for s in steps), floats(words["weight"]), floats(words["maximum"]),
                   int(words["stack"][0]))


@pytest.fixture(scope="module")
def host() -> Training:
    return Training.parse(output_of("host", "thousand_steps"))


class Xorshift:
    """tests/firmware/random.h."""

    def __init__(self, seed: int):
        self.state = (seed * 2654435761 | 1) & 0xFFFFFFFF

    def next(self) -> int:
        self.state ^= self.state << 13 & 0xFFFFFFFF
        self.state ^= self.state >> 17
        self.state ^= self.state << 5 & 0xFFFFFFFF
        return self.state

    def uniform(self, *shape) -> np.ndarray:
        values = [((self.next() >> 16) - 32768) / 32768 for _ in range(int(np.prod(shape)))]
        return np.array(values).reshape(shape)


def reference_training() -> tuple[list[list[int]], np.ndarray]:
    """thousand_steps in float64: ([status, k, k] of every step, all kernels and biases)."""
    random = Xorshift(3)
    layers = []
    for inputs, units, activation in ((FEATURES, HIDDEN, "relu"), (HIDDEN, CLASSES, "none")):
        limit = 2.0 ** np.floor(np.log2(np.sqrt(6 / (inputs + units))))
        layers.append(DenseLayer(limit * random.uniform(units, inputs), np.zeros(units), activation))
    network = ReferenceNetwork(layers, "sparse_categorical_crossentropy")
    config = TinyPropConfig(s_min=0.5, s_max=1, zeta=0.8, d_min=0, d_max=2, threshold=0.5, decay=1)

    random = Xorshift(7)
    centers = random.uniform(CLASSES, FEATURES)
    decisions = []
    for step in range(STEPS):
        label = (random.next() >> 8) % CLASSES
        x = centers[label] + 2 * random.uniform(FEATURES)
        fraction = max(step + 1 - 50, 0) / (STEPS + 1 - 50)
        rate = 0.0625 * (step + 1) / 50 if step < 50 else 0.0625 * (1 + np.cos(np.pi * fraction)) / 2
        result = network.train_step(x[None], np.array([label]), config, rate)
        decisions.append([int(result.status[0]), *result.k[:, 0].tolist()])
    return decisions, np.concatenate([array.ravel() for layer in layers for array in (layer.weights, layer.bias)])


def test_the_training_has_every_kind_of_step(host):
    trained = host.status == TRAINED
    assert len(host.status) == STEPS
    assert 200 < trained.sum() < 800
    output = host.k[trained, 1]
    assert (output == CLASSES).sum() > 50 and (output < CLASSES).sum() > 50
    assert len(np.unique(host.k[trained, 0])) > 5
    assert (host.k[~trained] == 0).all()
    assert host.loss[-100:].mean() < 0.2 * host.loss[:50].mean()


def test_the_host_trains_as_the_reference_does(host):
    decisions, weights = reference_training()
    assert np.array_equal(np.column_stack([host.status, host.k]), decisions)
    assert np.abs(host.weights - weights).max() < 1e-4


@pytest.mark.parametrize("board", BOARDS)
def test_a_thousand_steps(board, host, figures):
    trained = Training.parse(output_of(board, "thousand_steps"))
    difference = float(np.abs(trained.weights - host.weights).max())
    figures[board] = {
        "processor": PROCESSORS[board],
        "same_decisions": bool(np.array_equal(trained.status, host.status)),
        "same_k": bool(np.array_equal(trained.k, host.k)),
        "largest_difference_of_a_weight": difference,
        "weights_bit_equal": bool(np.array_equal(trained.weights, host.weights)),
        "stack_of_step_bytes": trained.stack,
    }
    print(board, figures[board])
    assert figures[board]["same_decisions"] and figures[board]["same_k"]
    assert difference < 1e-5
    np.testing.assert_allclose(trained.maxima, host.maxima, rtol=1e-5)
    # The selection needs a histogram and its candidates, less than 1 kB; the rest is calls and registers.
    assert 500 < trained.stack < 2048


@pytest.mark.parametrize("board", BOARDS)
def test_kernels(board):
    """Everything to rounding, and the selection, which only compares, to the bit."""
    expected, actual = ([line.split() for line in output_of(on, "core_kernels").splitlines()] for on in ("host", board))
    names = [name for name, _ in expected]
    assert names == [name for name, _ in actual]
    assert len(set(names)) == 16
    np.testing.assert_allclose(floats(v for _, v in actual), floats(v for _, v in expected), rtol=1e-5, atol=1e-6)
    exact = {"KeepTopK", "Clear", "MaxPool2DGrad"}
    assert [line for line in actual if line[0] in exact] == [line for line in expected if line[0] in exact]


@pytest.mark.parametrize("program, checks", [("runtime_checks", 200), ("weight_store_checks", 5000)])
@pytest.mark.parametrize("board", ("host", *BOARDS))
def test_checks_on_the_board(board, program, checks):
    last = output_of(board, program).splitlines()[-1].split()
    assert last[0] == "checks" and int(last[1]) > checks


@pytest.mark.parametrize("board", BOARDS)
def test_a_fault_is_no_success(board):
    assert run(board, "fault") == (99, "fault\n")
