"""Do the tests notice faults? Applies small faults ("mutants") to the sources one at a time, and runs matching tests.

    .venv/bin/python tools/mutants.py [--only PATTERN...] [--jobs N] [--scratch FOLDER] [--list]

The mutants are listed in tests/mutants/*.toml. Everything happens in copies of the working tree under build/mutants,
so that an interrupted run leaves nothing behind. Exit status 1 if fewer than 95 % of the mutants are killed that are
not equivalent to the original, 2 if an entry or a test of the list is at fault itself.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import contextlib
import fnmatch
import json
import os
import pathlib
import queue
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree

from mutant_list import ROOT, ListError, Mutant, check, load_mutants, has_test

SCRATCH = ROOT / "build/mutants"
BAR = 95.0
# An editable install maps the package's modules to the working tree, ahead of any path: the copy has to come first.
SITE_FILES = {
    "sitecustomize.py": """import sys
sys.meta_path[:] = [f for f in sys.meta_path if not type(f).__module__.startswith("_editable_skbc_")]
""",
    "mutants_guard.py": """import os, sys
import pytest
def pytest_sessionstart(session):
    imported = sys.modules["tflm_tinyprop"].__file__
    if not imported.startswith(os.environ["TINYPROP_MUTANTS_TREE"] + os.sep):
        pytest.exit(f"not the mutated copy: {imported}", returncode=99)
""",
}
WRONG_COPY = 99


class Processes:
    """Child processes, each in a group of its own, which end with this one whatever happens."""

    def __init__(self):
        self._live: set[subprocess.Popen] = set()
        self.stopped = threading.Event()

    def run(self, command: list, log: pathlib.Path, *, timeout: float | None = None, **options) -> int | None:
        """The exit status; None if the time is up."""
        if self.stopped.is_set():
            raise KeyboardInterrupt
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            process = subprocess.Popen(
                [str(part) for part in command], stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                start_new_session=True, **options)
            self._live.add(process)
            try:
                return process.wait(timeout)
            except subprocess.TimeoutExpired:
                return None
            finally:
                self._kill(process)
                self._live.discard(process)

    def stop(self) -> None:
        self.stopped.set()
        for process in list(self._live):
            self._kill(process)

    @staticmethod
    def _kill(process: subprocess.Popen) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


PROCESSES = Processes()


class Tree:
    """A copy of the working tree with build folders of its own."""

    def __init__(self, folder: pathlib.Path):
        self.folder = folder
        self.log = folder / "build/log.txt"

    def synchronise(self) -> None:
        """Copies what differs, so that builds go on from those of the last run."""
        listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT,
                                check=True, stdout=subprocess.PIPE, text=True).stdout
        names = {name for name in listed.split("\0") if name and (ROOT / name).is_file()}
        for path in self.folder.rglob("*"):
            name = path.relative_to(self.folder)
            if name.parts[0] != "build" and path.is_file() and name.as_posix() not in names:
                path.unlink()
        for name in names:
            source, target = ROOT / name, self.folder / name
            if not target.exists() or target.read_bytes() != source.read_bytes():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, target)
        for name, text in SITE_FILES.items():
            path = self.folder / "build/site" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self.log.unlink(missing_ok=True)

    def build_folder(self, sanitize: bool) -> pathlib.Path:
        return self.folder / ("build/sanitize" if sanitize else "build/cc")

    def build(self, targets, sanitize: bool = False) -> bool:
        """Whether the targets could be built."""
        build = self.build_folder(sanitize)
        if not (build / "CMakeCache.txt").exists():
            # Optimised a little: tests are short, so compiling takes most of the time.
            if PROCESSES.run(["cmake", "-S", self.folder, "-B", build, "-DTINYPROP_BUILD_TESTS=ON",
                              f"-DTINYPROP_SANITIZE={'ON' if sanitize else 'OFF'}", "-DCMAKE_BUILD_TYPE=Mutants",
                              "-DCMAKE_CXX_FLAGS=-O1"], self.log):
                return False
        return PROCESSES.run(["cmake", "--build", build, "--target", *targets], self.log) == 0

    def environment(self) -> dict[str, str]:
        build = self.build_folder(False)
        return {
            **os.environ, "PYTHONPATH": os.pathsep.join(map(str, (self.folder / "build/site", self.folder / "python"))),
            "PYTHONDONTWRITEBYTECODE": "1", "TINYPROP_MUTANTS_TREE": str(self.folder), "TF_CPP_MIN_LOG_LEVEL": "3",
            "TINYPROP_TEST_SEED": "1", "TINYPROP_PLUGIN": str(build / "libtinyprop_plugin.so"),
            "TINYPROP_TEST_ABI": str(build / "libtinyprop_test_abi.so"),
            "TINYPROP_TFLM_WHEELS": str(ROOT / "build/wheels"), "TINYPROP_FIRMWARE": str(ROOT / "build/firmware"),
        }

    def run_cc(self, name: str, sanitize: bool, timeout: float | None = None) -> int | None:
        program = self.build_folder(sanitize) / "tests/cc" / name
        return PROCESSES.run([program, "--abort-after=1"], self.log, timeout=timeout, cwd=self.folder,
                             env=self.environment())

    def run_py(self, nodes, timeout: float | None = None, *options: str) -> int | None:
        status = PROCESSES.run(
            [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-p", "mutants_guard", "--rootdir",
             self.folder, *options, *(self.folder / "tests/python" / node for node in nodes)],
            self.log, timeout=timeout, cwd=self.folder, env=self.environment())
        if status == WRONG_COPY:
            raise ListError(f"the tests imported another copy of tflm_tinyprop than {self.folder}; see {self.log}")
        return status


class Killers:
    """Which Python test noticed a mutant last time. It runs first, which saves most of the time."""

    def __init__(self, path: pathlib.Path):
        self._path = path
        self._tests: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}

    def first(self, mutant: Mutant) -> tuple[str, ...]:
        """The mutant's tests, that one before the others."""
        test = self._tests.get(mutant.id, "")
        is_one = test and has_test(test, ROOT) and any(test.startswith(node) for node in mutant.py)
        return (test, *mutant.py) if is_one else mutant.py

    def note(self, mutant: Mutant, log: pathlib.Path) -> None:
        failed = re.findall(r"^FAILED tests/python/(\S+::\w+)", log.read_text("utf-8", "replace"), re.MULTILINE)
        if failed:
            self._tests[mutant.id] = failed[-1]
            self._path.write_text(json.dumps(self._tests, indent=1, sort_keys=True))


LIBRARIES = ("tinyprop_plugin", "tinyprop_test_abi")


class Baseline:
    """The unmutated run of all tests that are named, and how long each took."""

    def __init__(self, tree: Tree, mutants: list[Mutant]):
        self._seconds: dict[str, float] = {}
        for sanitize in (False, True):
            names = sorted({name for m in mutants if m.sanitize == sanitize for name in m.cc})
            libraries = () if sanitize else LIBRARIES
            if (names or libraries) and not tree.build([*names, *libraries], sanitize):
                raise ListError(f"the sources do not compile: {tree.log}")
            for name in names:
                start = time.monotonic()
                if tree.run_cc(name, sanitize):
                    raise ListError(f"{name} fails without a mutant: {tree.log}")
                self._seconds[name] = max(self._seconds.get(name, 0), time.monotonic() - start)
        self._run_py(tree, sorted({node for m in mutants for node in m.py}))

    def _run_py(self, tree: Tree, nodes: list[str]) -> None:
        report = tree.folder / "build/baseline.xml"
        if nodes and tree.run_py(nodes, None, f"--junit-xml={report}"):
            raise ListError(f"tests fail without a mutant: {tree.log}")
        for case in xml.etree.ElementTree.parse(report).iter("testcase") if nodes else ():
            name = f"{case.get('classname').removeprefix('tests.python.').replace('.', '/')}.py::{case.get('name')}"
            self._seconds[name] = float(case.get("time"))

    def limit(self, tests) -> float:
        """Seconds after which these tests hang: many times what they took, since other work may slow them down."""
        taken = sum(seconds for name, seconds in self._seconds.items() if any(name.startswith(test) for test in tests))
        return 60 + 10 * taken


def try_mutant(tree: Tree, mutant: Mutant, baseline: Baseline, killers: Killers) -> str:
    """What killed the mutant; empty if nothing did."""
    tree.log.unlink(missing_ok=True)
    path = tree.folder / mutant.path
    original = path.read_text("utf-8")
    path.write_text(mutant.apply(original), "utf-8")
    try:
        if path.suffix in (".cc", ".h"):
            for sanitize in {mutant.sanitize, False} if mutant.py else {mutant.sanitize}:
                targets = list(mutant.cc) if sanitize == mutant.sanitize else []
                targets += LIBRARIES if mutant.py and not sanitize else ()
                if targets and not tree.build(targets, sanitize):
                    raise ListError(f"{mutant.id} does not compile: {tree.log}")
        for name in mutant.cc:
            status = tree.run_cc(name, mutant.sanitize, baseline.limit([name]))
            if status != 0:
                return f"{name}{' (time is up)' if status is None else ''}"
        status = tree.run_py(killers.first(mutant), baseline.limit(mutant.py)) if mutant.py else 0
        if status:
            killers.note(mutant, tree.log)
        return "" if status == 0 else f"pytest{' (time is up)' if status is None else ''}"
    finally:
        path.write_text(original, "utf-8")


def run_all(mutants: list[Mutant], jobs: int, scratch: pathlib.Path) -> dict[str, str]:
    """{id: what killed it, empty for survivors} of those that are not equivalent."""
    trees: queue.SimpleQueue[Tree] = queue.SimpleQueue()
    for job in range(jobs):
        tree = Tree(scratch / str(job))
        tree.synchronise()
        trees.put(tree)
    tree = trees.get()
    print(f"{len(mutants)} mutants; their tests without a mutant first", flush=True)
    baseline = Baseline(tree, mutants)
    trees.put(tree)
    for _ in range(jobs - 1):  # the others only need their libraries
        tree = trees.get()
        if not tree.build(LIBRARIES):
            raise ListError(f"the sources do not compile: {tree.log}")
        trees.put(tree)

    killers = Killers(scratch / "killers.json")

    def run_one(mutant: Mutant) -> str:
        tree = trees.get()
        try:
            return try_mutant(tree, mutant, baseline, killers)
        finally:
            trees.put(tree)

    results = {}
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        try:
            futures = {pool.submit(run_one, mutant): mutant for mutant in mutants}
            for future in concurrent.futures.as_completed(futures):
                mutant, killer = futures[future], future.result()
                results[mutant.id] = killer
                print(f"[{len(results)}/{len(mutants)}] {mutant.id}: {f'killed by {killer}' if killer else 'SURVIVED'}",
                      flush=True)
        except BaseException:
            PROCESSES.stop()
            pool.shutdown(cancel_futures=True)
            raise
    return results


def report(mutants: list[Mutant], results: dict[str, str]) -> bool:
    """Prints the survivors and the summary; whether the bar is reached."""
    survivors = [mutant for mutant in mutants if results.get(mutant.id) == ""]
    for mutant in survivors:
        print(f"\nsurvived: {mutant.id} ({mutant.path}; {' '.join((*mutant.cc, *mutant.py))})\n"
              f"  - {mutant.find}\n  + {mutant.replace}")
    killed, equivalent = len(results) - len(survivors), sum(bool(mutant.equivalent) for mutant in mutants)
    percent = 100 * killed / max(1, len(results))
    print(f"\n{len(mutants)} mutants, {killed} killed, {equivalent} equivalent, {len(survivors)} survived: "
          f"{percent:.1f} %")
    return percent >= BAR


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", metavar="PATTERN", nargs="+", default=["*"], help="ids or paths, as in a shell")
    parser.add_argument("--jobs", type=int, default=1, help="mutants at a time, each in a copy of the tree")
    parser.add_argument("--scratch", type=pathlib.Path, default=SCRATCH, help="where the copies are; one run at a time")
    parser.add_argument("--list", action="store_true", help="print the mutants and run nothing")
    arguments = parser.parse_args()
    try:
        mutants = [mutant for mutant in load_mutants()
                   if any(fnmatch.fnmatch(text, only) for text in (mutant.id, mutant.path) for only in arguments.only)]
        for mutant in mutants:
            check(mutant)
        if arguments.list:
            for mutant in mutants:
                reason = f"  equivalent: {mutant.equivalent}" if mutant.equivalent else ""
                print(f"{mutant.id:32} {mutant.path}{reason}")
            return 0
        os.nice(10)
        for end in (signal.SIGINT, signal.SIGTERM):  # a job in the background inherits that the first is ignored
            signal.signal(end, signal.default_int_handler)
        tried = [mutant for mutant in mutants if not mutant.equivalent]
        results = run_all(tried, arguments.jobs, arguments.scratch.resolve())
    except ListError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    return 0 if report(mutants, results) else 1


if __name__ == "__main__":
    sys.exit(main())
