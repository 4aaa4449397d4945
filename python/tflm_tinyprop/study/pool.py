"""Runs a study's missing runs in child processes, some at a time. What is finished is never done again."""

from __future__ import annotations

import dataclasses
import multiprocessing
import multiprocessing.connection
import os
from collections.abc import Iterable

from tflm_tinyprop.study.datasets import Places
from tflm_tinyprop.study.progress import StudyProgress
from tflm_tinyprop.study.settings import RunSettings
from tflm_tinyprop.study.store import FAILED, Store

# Each child is forked from a server that has TensorFlow imported: that takes seconds, and a run often not more.
_PRELOAD = ["tflm_tinyprop.study.worker"]


@dataclasses.dataclass(frozen=True)
class _Task:
    kind: str  # "start" or "run", see worker.py
    settings: RunSettings


def unique(settings: Iterable[RunSettings]) -> list[RunSettings]:
    """One of each id, in order."""
    return list({s.id: s for s in settings}.values())


def missing(settings: Iterable[RunSettings], store: Store) -> list[RunSettings]:
    """Runs without a finished result; failed ones are tried again."""
    return [s for s in unique(settings) if not store.is_finished(s)]


def run_missing(settings: Iterable[RunSettings], store: Store, places: Places, jobs: int,
                progress: StudyProgress) -> list[RunSettings]:
    """Executes every run without a finished result, `jobs` at a time. Returns those that failed.

    A run that fails, even with a crash of its process, leaves its error in the store, and the others go on. Ctrl-C
    ends the children and is raised; their runs leave nothing.
    """
    wanted = missing(settings, store)
    for run in wanted:  # or an earlier failure would count as this attempt's
        store.remove(run)
    # Start models first, or children would wait for each other's.
    starts = {s.start_id: s for s in wanted if not (store.start_models / f"{s.start_id}.keras").exists()}
    failed: list[RunSettings] = []

    def run_ended(task: _Task, exitcode: int) -> None:
        result = store.read(task.settings)
        if result is None:
            store.write_failure(task.settings, _end_of(exitcode))
            result = store.read(task.settings)
        if result["status"] == FAILED:
            failed.append(task.settings)
        progress.run_ended(task.settings, result)

    with progress:
        progress.starts(len(starts))
        _run_tasks([_Task("start", s) for s in starts.values()], store, places, jobs,
                   lambda task, exitcode: progress.start_ended(task.settings, exitcode == 0))
        progress.runs(len(wanted))
        _run_tasks([_Task("run", s) for s in wanted], store, places, jobs, run_ended)
    return failed


def _end_of(exitcode: int) -> str:
    return f"its process was ended by signal {-exitcode}" if exitcode < 0 else f"its process ended with code {exitcode}"


def _run_tasks(tasks: list[_Task], store: Store, places: Places, jobs: int, ended) -> None:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOAD)
    threads = max(1, (os.cpu_count() or 1) // jobs)
    waiting, running = list(reversed(tasks)), {}
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                task = waiting.pop()
                process = context.Process(target=_child, args=(task, store, places, threads))
                process.start()
                running[process.sentinel] = task, process
            for sentinel in multiprocessing.connection.wait(running):
                task, process = running.pop(sentinel)
                process.join()
                ended(task, process.exitcode)
    finally:
        for _, process in running.values():
            process.kill()
        for _, process in running.values():
            process.join()


def _child(task: _Task, store: Store, places: Places, threads: int) -> None:
    from tflm_tinyprop.study import worker

    name = task.settings.id if task.kind == "run" else f"start-{task.settings.start_id}"
    work = worker.make_run if task.kind == "run" else worker.make_start
    worker.child(work, task.settings, store, places, store.folder / "logs" / f"{name}.log", threads)
