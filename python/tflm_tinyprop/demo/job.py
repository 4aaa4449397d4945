"""Runs every method on every seed and writes models, pictures and reports."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import time

import numpy as np

from tflm_tinyprop import files
from tflm_tinyprop.config import TinyPropConfig
from tflm_tinyprop.demo import report
from tflm_tinyprop.demo import task as digits
from tflm_tinyprop.demo.results import Run, Trace, summarise
from tflm_tinyprop.trainable_model import TrainableModel, convert
from tflm_tinyprop.training.callbacks import Callback, StepRecorder
from tflm_tinyprop.training.schedules import WarmupCosine
from tflm_tinyprop.training.trainer import Trainer

EPOCHS = 40
WARMUP_EPOCHS = 1
PEAK_LEARNING_RATE = 0.02

METHODS: dict[str, TinyPropConfig | None] = {
    "none": None,
    "full": TinyPropConfig.full(),
    "top_k": TinyPropConfig.top_k(0.1),
    "v1": TinyPropConfig.v1(),
    "v2": TinyPropConfig.v2(),
}


def run_demo(out: pathlib.Path, *, seeds: tuple[int, ...] = (0, 1, 2), epochs: int = EPOCHS) -> dict:
    """Writes trainable.tflite, tuned.tflite, curves.png, layers.png, report.md and report.json into `out`.

    The models and layers.png are those of the first seed and TinyProp v2. Returns what report.json holds.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    started = time.monotonic()
    runs: list[Run] = []
    first: dict = {}
    for seed in seeds:
        print(f"seed {seed}: training the Keras model and converting it", flush=True)
        task = digits.load_task(seed)
        model = convert(digits.pretrained_model(task, seed), labels=[str(c) for c in range(digits.CLASSES)])
        for method, config in METHODS.items():
            run, trainer, recorder = _run(model, task, method, config, seed, epochs)
            runs.append(run)
            print(f"  {method:6} accuracy {run.accuracy_before:.3f} -> {run.accuracy_after:.3f}  "
                  f"backward effort {run.backward_effort:.3f}  skipped {run.skip_rate:.3f}", flush=True)
            if seed == seeds[0] and method == "v2":
                first = {"model": model, "trainer": trainer, "recorder": recorder, "task": task}

    summary = summarise(runs, seeds, arena_bytes=first["model"].arena_bytes, model_bytes=len(first["model"].data))
    out.mkdir(parents=True, exist_ok=True)
    _write_models(out, first["model"], first["trainer"])
    report.write(out, summary, runs, first["recorder"], [l.name for l in first["model"].training.layers])
    report.print_table(summary)
    print(f"wrote {out}/ in {time.monotonic() - started:.0f} s: {', '.join(sorted(p.name for p in out.iterdir()))}")
    return summary


def schedule(steps_per_epoch: int, epochs: int) -> WarmupCosine:
    """The paper's schedule."""
    warmup = min(WARMUP_EPOCHS, epochs - 1) * steps_per_epoch
    return WarmupCosine(PEAK_LEARNING_RATE, warmup, epochs * steps_per_epoch)


def _run(model: TrainableModel, task, method: str, config: TinyPropConfig | None, seed: int, epochs: int):
    trainer = Trainer(model, config=config)
    before = trainer.evaluate(*task.test)
    recorder, trace = StepRecorder(), _TraceRecorder(before)
    if config is not None:
        trainer.fit(
            *task.tuning, epochs=epochs, learning_rate=schedule(len(task.tuning.y), epochs), seed=seed,
            validation_data=tuple(task.test), callbacks=[recorder, trace],
        )
    after = trainer.evaluate(*task.test)
    run = Run(
        method=method, seed=seed, accuracy_before=before["accuracy"], accuracy_after=after["accuracy"],
        backward_effort=trace.mean("backward_effort"), step_effort=trace.mean("step_effort"),
        skip_rate=trace.mean("skip_rate"), trace=trace.trace(model.training.backward_macs * len(task.tuning.y)),
    )
    return run, trainer, recorder


@dataclasses.dataclass
class _TraceRecorder(Callback):
    """Accuracy and loss on the test part after every epoch, and what the epoch cost."""

    before: dict

    def __post_init__(self):
        self._logs: list[dict] = []

    def on_epoch_end(self, epoch, logs=None):
        self._logs.append(dict(logs))

    def mean(self, name: str) -> float:
        return float(np.mean([logs[name] for logs in self._logs])) if self._logs else 0.0

    def trace(self, macs_per_full_epoch: int) -> Trace:
        efforts = np.array([0.0] + [logs["backward_effort"] for logs in self._logs])
        return Trace(
            macs=np.cumsum(efforts) * macs_per_full_epoch,
            accuracy=np.array([self.before["accuracy"]] + [logs["val_accuracy"] for logs in self._logs]),
            loss=np.array([self.before["loss"]] + [logs["val_loss"] for logs in self._logs]),
        )


def _write_models(out: pathlib.Path, model: TrainableModel, trainer: Trainer) -> None:
    files.write_whole(out / "trainable.tflite", model.data, overwrite=True)
    trainer.to_tflite(out / "tuned.tflite", overwrite=True)
