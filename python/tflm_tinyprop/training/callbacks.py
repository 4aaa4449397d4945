"""Callbacks of Trainer.fit, with the methods Keras' callbacks have.

Keras' own callbacks can be used as long as they need nothing of an optimizer or a compiled model:
EarlyStopping (restore_best_weights too), CSVLogger, LambdaCallback, TerminateOnNaN, ModelCheckpoint with
save_weights_only.
"""

from __future__ import annotations

import numpy as np

from tflm_tinyprop.training.steps import StepResults


class Callback:
    """Base class: every method may be overridden, none has to be."""

    def set_model(self, model) -> None:
        """model: the Trainer."""
        self.model = model

    def set_params(self, params: dict) -> None:
        self.params = params

    def on_train_begin(self, logs=None): ...
    def on_train_end(self, logs=None): ...
    def on_epoch_begin(self, epoch, logs=None): ...
    def on_epoch_end(self, epoch, logs=None): ...
    def on_train_batch_begin(self, batch, logs=None): ...
    def on_train_batch_end(self, batch, logs=None): ...
    def on_test_begin(self, logs=None): ...
    def on_test_end(self, logs=None): ...

    def on_steps(self, results: StepResults) -> None:
        """After every few steps, with all their results: cheaper than a call per batch."""


class History(Callback):
    """What fit() returns. history: metric name -> one value per epoch; epoch: the epochs' numbers."""

    def __init__(self):
        self.history: dict[str, list[float]] = {}
        self.epoch: list[int] = []
        self.params: dict = {}

    def on_epoch_end(self, epoch, logs=None):
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)


class StepRecorder(Callback):
    """Keeps every step's loss, status, error propagation rates S_l and gradients kept k_l.

    Attributes after training, as arrays over steps: loss and status [S, B], rate and gradients_kept
    [S, L, B], macs [S] (backward and update).
    """

    def __init__(self):
        self._parts: list[StepResults] = []

    def on_steps(self, results: StepResults) -> None:
        self._parts.append(results)

    def _joined(self, pick) -> np.ndarray:
        return np.concatenate([pick(part) for part in self._parts])

    @property
    def loss(self) -> np.ndarray:
        return self._joined(lambda r: r.loss)

    @property
    def status(self) -> np.ndarray:
        return self._joined(lambda r: r.status)

    @property
    def rate(self) -> np.ndarray:
        return self._joined(lambda r: r.rate)

    @property
    def gradients_kept(self) -> np.ndarray:
        return self._joined(lambda r: r.gradients_kept)

    @property
    def macs(self) -> np.ndarray:
        return self._joined(lambda r: r.macs.sum(axis=(1, 2)))


_BATCH_HOOKS = ("on_train_batch_begin", "on_train_batch_end")


class CallbackList:
    """Calls every callback; those without a method are left out."""

    def __init__(self, callbacks, trainer, params: dict):
        self._callbacks = list(callbacks)
        for callback in self._callbacks:
            callback.set_model(trainer)
            callback.set_params(params)
        self.needs_batches = any(_overrides(c, hook) for c in self._callbacks for hook in _BATCH_HOOKS)

    def call(self, hook: str, *arguments) -> None:
        for callback in self._callbacks:
            method = getattr(callback, hook, None)
            if method is not None:
                method(*arguments)


def _overrides(callback, hook: str) -> bool:
    """True if the object itself, or a class below a base class named Callback (ours or Keras'), defines the method."""
    if hook in getattr(callback, "__dict__", ()):  # as in Keras' LambdaCallback
        return True
    for cls in type(callback).__mro__:
        if hook in vars(cls):
            return cls.__name__ != "Callback"
    return False
