"""Where a run is trained: in the TFLM interpreter, or in the simulation in Keras. The only file that knows either."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

from tflm_tinyprop.config import TinyPropConfig
from tflm_tinyprop.format.sample_status import SampleStatus
from tflm_tinyprop.study.data import Samples
from tflm_tinyprop.study.methods import INTERPRETER, Training
from tflm_tinyprop.training.callbacks import Callback

# Metrics of an epoch that every backend gives.
METRICS = ("loss", "accuracy", "backward_effort", "step_effort", "skip_rate", "non_finite")


@dataclasses.dataclass(frozen=True)
class EpochResult:
    """metrics: of METRICS those that the task has. gradient_shares: layer -> mean k / n over trained samples."""

    metrics: Mapping[str, float]
    gradient_shares: Mapping[str, float]


@dataclasses.dataclass(frozen=True)
class Costs:
    """Multiply-accumulates of one sample: forward, and full backpropagation of the layers an experiment trains."""

    forward: int
    backward: int


def choose_backend(wanted: str, training: Training) -> str:
    """"auto" takes the interpreter, whose ops are the product, for every method that exists there."""
    return training.backends[0] if wanted == "auto" else wanted


def make_backend(name: str, keras_model, training: Training, *, trainable_layers, loss: str, batch_size: int,
                 rates: np.ndarray, seed: int):
    """A backend with fit_epoch(samples) and predict(x). rates: of all steps; seed: of what a method draws."""
    layers = trainable_layers
    if training.last_layers is not None:
        layers = training.last_layers
    make = _Interpreter if name == INTERPRETER else _Simulation
    return make(keras_model, training, _listed(layers), _listed(trainable_layers), loss, batch_size, rates, seed)


def _listed(layers):
    return list(layers) if isinstance(layers, tuple) else layers


def _relative(metrics: dict, own_backward: int, costs: Costs) -> dict:
    """Efforts relative to full backpropagation of all layers that the experiment trains.

    Trainer and simulation relate them to the layers that the method trains, which may be fewer.
    """
    backward = metrics["backward_effort"] * own_backward
    return metrics | {
        "backward_effort": backward / costs.backward,
        "step_effort": (costs.forward + backward) / (costs.forward + costs.backward),
    }


class _Interpreter:
    """The real ops in TFLM."""

    def __init__(self, keras_model, training: Training, layers, all_layers, loss, batch_size, rates, seed):
        from tflm_tinyprop.trainable_model import convert
        from tflm_tinyprop.training.trainer import Trainer

        config = training.config or TinyPropConfig.full()
        model = convert(keras_model, trainable_layers=layers, loss=loss, config=config, batch_size=batch_size)
        self._own = model.training.backward_macs
        full = self._own if layers == all_layers else convert(
            keras_model, trainable_layers=all_layers, loss=loss, batch_size=batch_size).training.backward_macs
        self._costs = Costs(model.training.forward_macs, full)
        self._trainer = Trainer(model)
        self._rates = rates

    def fit_epoch(self, samples: Samples) -> EpochResult:
        shares = _GradientShares(self._trainer.model.training.layers)
        logs = self._trainer.fit(
            samples.x, samples.y, shuffle=False, verbose=False, callbacks=[shares],
            learning_rate=lambda step: self._rates[step],
        ).history
        metrics = {name: float(logs[name][-1]) for name in METRICS if name in logs}
        return EpochResult(_relative(metrics, self._own, self._costs), shares.means())

    def predict(self, x: np.ndarray) -> np.ndarray:
        return self._trainer.predict(x)


class _GradientShares(Callback):
    """Mean share of gradients kept per layer, over the samples that were trained."""

    def __init__(self, layers):
        self._layers = layers
        self._kept = np.zeros(len(layers))
        self._trained = 0

    def on_steps(self, results) -> None:
        trained = results.status == SampleStatus.TRAINED
        self._kept += (results.gradients_kept * trained[:, None]).sum(axis=(0, 2), dtype=np.float64)
        self._trained += int(trained.sum())

    def means(self) -> dict[str, float]:
        if not self._trained:
            return {}
        return {layer.name: float(kept / self._trained / layer.gradients)
                for layer, kept in zip(self._layers, self._kept, strict=True)}


class _Simulation:
    """The same algorithm in Keras, and methods that the ops do not have."""

    def __init__(self, keras_model, training: Training, layers, all_layers, loss, batch_size, rates, seed):
        from tflm_tinyprop.simulate import TinyPropSimulation

        def simulation(trainable_layers, config, options):
            return TinyPropSimulation(
                keras_model, config, trainable_layers=trainable_layers, loss=loss, seed=seed, **options)

        self._simulation = simulation(layers, training.config or TinyPropConfig.full(), training.options)
        network = self._simulation.network
        full = network if layers == all_layers else simulation(all_layers, TinyPropConfig.full(), {}).network
        self._costs = Costs(network.forward_macs, full.backward_macs)
        self._batch_size = batch_size
        self._rates = rates
        self._steps = 0

    def fit_epoch(self, samples: Samples) -> EpochResult:
        from tflm_tinyprop.simulate import totals

        first = self._steps
        self._steps += -(-len(samples) // self._batch_size)
        rates = self._rates[first : self._steps]
        record = self._simulation.train_steps(samples.x, samples.y, rates, self._batch_size)
        network = self._simulation.network
        metrics = totals.summarize(record, network, self._simulation.costs, self._simulation.classifies)
        shares = totals.gradient_shares(record, network)
        return EpochResult(_relative(metrics, network.backward_macs, self._costs), shares)

    def predict(self, x: np.ndarray) -> np.ndarray:
        return self._simulation.predict(x, batch_size=256, verbose=0)
