"""Runs all fuzz targets and the damaged files one after the other, and says how much of it there was.

    .venv/bin/python tests/fuzz/run.py [--minutes M | --executions N --mutants N] [--only TARGET...] [--merge]

minutes: in all, a share for each. executions, mutants: so many of each target and of damaged files, however long it takes.
merge: puts some of what has covered more into tests/fuzz/corpus, where runs begin.
Exit status 1 if there is a finding; what made it is in build/fuzz/findings. It becomes a file of the corpus once it is fixed.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import re
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BUILD = ROOT / "build/fuzz"
FINDINGS = BUILD / "findings"
FILES = "files"
LONGEST_INPUT = 4096  # bytes
MOST_FILES, LONGEST_KEPT = 30, 1024  # of what is added to a target's corpus in the repository
# Of the time: cheap targets get through a million inputs in seconds, damaged files need a process each.
SHARES = {"ops": 3, "kernels": 2, "metadata": 1, "options": 1, "resolver": 1, "selection": 1, "weight_store": 2, FILES: 3}


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=None)
    parser.add_argument("--executions", type=int, default=None)
    parser.add_argument("--mutants", type=int, default=20_000)
    parser.add_argument("--only", nargs="*", default=None)
    parser.add_argument("--merge", action="store_true")
    arguments = parser.parse_args()
    found = sorted(path.stem.removesuffix("_fuzz") for path in (HERE / "cc").glob("*_fuzz.cc"))
    targets = [t for t in (*found, FILES) if arguments.only is None or t in arguments.only]
    if arguments.merge:
        for target in targets:
            if target != FILES:
                merge(target)
        return 0
    FINDINGS.mkdir(parents=True, exist_ok=True)
    parts = sum(SHARES.get(t, 1) for t in targets)
    total, failed, rows = 0, [], []
    for target in targets:
        minutes = None if arguments.executions else (arguments.minutes or 10) * SHARES.get(target, 1) / parts
        start = time.monotonic()
        count, ok = (files(minutes, arguments.mutants) if target == FILES else libfuzzer(target, minutes, arguments.executions))
        seconds = time.monotonic() - start
        rows.append(f"{target:<14}{count:>12,} executions {seconds:>8.0f} s {count / max(seconds, 1):>10,.0f} a second"
                    f"   {'no finding' if ok else 'FINDING'}")
        print(rows[-1], flush=True)
        total += count if target != FILES else 0
        failed += [] if ok else [target]
    mutants = "" if FILES not in targets else f", {count:,} damaged files"
    print(f"{total:,} executions of {len(targets) - (FILES in targets)} targets{mutants}: "
          f"{'no finding' if not failed else 'findings in ' + ', '.join(failed)}")
    return 1 if failed else 0


def libfuzzer(target: str, minutes: float | None, executions: int | None) -> tuple[int, bool]:
    """(executions, no finding)"""
    grown = BUILD / "corpus" / target
    grown.mkdir(parents=True, exist_ok=True)
    limit = f"-max_total_time={max(1, round(60 * minutes))}" if minutes else f"-runs={executions}"
    process = subprocess.run(
        [binary(target), limit, f"-max_len={LONGEST_INPUT}", "-timeout=20", "-rss_limit_mb=2048", "-print_final_stats=1",
         f"-artifact_prefix={FINDINGS}/{target}-", grown, HERE / "corpus" / target],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace")
    counted = re.search(r"number_of_executed_units:\s*(\d+)", process.stderr)
    if process.returncode != 0:
        print(process.stderr[-4000:], file=sys.stderr)
    return int(counted.group(1)) if counted else 0, process.returncode == 0


def files(minutes: float | None, mutants: int) -> tuple[int, bool]:
    limit = ["--minutes", str(minutes), "--mutants", str(10**9)] if minutes else ["--mutants", str(mutants)]
    process = subprocess.run(
        [sys.executable, "-m", "files", *limit, "--findings", FINDINGS], stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": f"{HERE}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"})
    print(process.stdout, end="", flush=True)
    counted = re.search(r"files: (\d+) mutants", process.stdout)
    return int(counted.group(1)) if counted else 0, process.returncode == 0


def merge(target: str) -> None:
    """Adds to the corpus from the files that it takes to cover all that the working one covers."""
    kept, merged = HERE / "corpus" / target, BUILD / "merged" / target
    merged.mkdir(parents=True, exist_ok=True)
    for path in merged.iterdir():
        path.unlink()
    subprocess.run([binary(target), "-merge=1", f"-max_len={LONGEST_INPUT}", merged, kept, BUILD / "corpus" / target],
                   check=True, stderr=subprocess.DEVNULL)
    by_size = sorted((p for p in merged.iterdir() if p.stat().st_size <= LONGEST_KEPT), key=lambda p: (p.stat().st_size, p.name))
    chosen = by_size[:: max(1, -(-len(by_size) // MOST_FILES))]  # short ones and long ones
    for path in chosen:
        (kept / path.name).write_bytes(path.read_bytes())
    print(f"{target}: {len(chosen)} files, {sum(p.stat().st_size for p in chosen):,} bytes")


def binary(target: str) -> pathlib.Path:
    return BUILD / "tests/fuzz" / f"{target}_fuzz"


if __name__ == "__main__":
    sys.exit(main())
