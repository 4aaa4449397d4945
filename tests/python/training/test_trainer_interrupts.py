"""Trainer: Ctrl-C, and invokes that fail."""

import os
import signal

import numpy as np
import pytest
from support import bits

import tflm_tinyprop as tp
from tflm_tinyprop.models.tiny_models import dense_classifier


def test_ctrl_c_leaves_a_usable_trainer(model, samples):
    class Interrupt(tp.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 24:
                os.kill(os.getpid(), signal.SIGINT)

    trainer, other = tp.Trainer(model), tp.Trainer(model)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
    try:
        with pytest.raises(KeyboardInterrupt):
            trainer.fit(*samples, learning_rate=0.1, shuffle=False, callbacks=[Interrupt()], verbose=False)
    finally:
        signal.signal(signal.SIGINT, before)
    assert trainer.step == 25
    other.fit(samples[0][:25], samples[1][:25], learning_rate=0.1, shuffle=False, verbose=False)
    assert bits(trainer.get_weights()) == bits(other.get_weights())
    trainer.fit(*samples, verbose=False)


def interrupt_after(monkeypatch, session, call: int, exception=KeyboardInterrupt) -> list[str]:
    """Makes a session's call number `call` raise when it is done, as Ctrl-C does: native code is not interrupted.

    Returns the list of calls made so far.
    """
    calls = []

    def wrapped(name, original):
        def run(*arguments):
            result = original(*arguments)
            calls.append(name)
            if len(calls) == call:
                raise exception
            return result

        return run

    for name in ("set_input", "invoke", "output"):
        monkeypatch.setattr(session, name, wrapped(name, getattr(session, name)))
    return calls


@pytest.mark.parametrize(("batch_size", "samples"), [(1, 3), (4, 8), (4, 10)], ids=["single", "full", "padded"])
def test_ctrl_c_at_any_moment(monkeypatch, batch_size, samples):
    """The weights, and the step count, are those of the last finished step, and training can go on."""
    model = tp.convert(dense_classifier([8, 6, 4], seed=1, batch_size=batch_size), batch_size=batch_size)
    generator = np.random.default_rng(4)
    x, y = generator.normal(size=(samples, 8)).astype(np.float32), generator.integers(4, size=samples)
    fit = {"learning_rate": 0.1, "shuffle": False, "verbose": False}
    reference = tp.Trainer(model)
    after = [bits(reference._values())]
    for start in range(0, samples, batch_size):
        reference.fit(x[start : start + batch_size], y[start : start + batch_size], **fit)
        after.append(bits(reference._values()))
    assert len(set(map(tuple, after))) == len(after)  # every step changes something

    call, finished = 0, 0
    while True:
        call += 1
        trainer = tp.Trainer(model)
        with monkeypatch.context() as patches:
            calls = interrupt_after(patches, trainer._session, call)
            try:
                trainer.fit(x, y, **fit)
            except KeyboardInterrupt:
                pass
        finished = calls.count("invoke")
        assert trainer.step == finished
        assert bits(trainer._values()) == after[finished]
        if len(calls) < call:
            break  # this one came to its end
        if finished * batch_size < samples:
            trainer.fit(x[finished * batch_size :], y[finished * batch_size :], **fit)
        assert bits(trainer._values()) == after[-1]
    assert finished == len(after) - 1 and call > 6 * finished


def test_an_invoke_that_fails_is_no_step(model, samples, monkeypatch):
    trainer = tp.Trainer(model)
    interrupt_after(monkeypatch, trainer._session, 4, RuntimeError)  # two inputs and the control come before
    with pytest.raises(RuntimeError):
        trainer.fit(*samples, verbose=False)
    assert trainer.step == 0
