"""Executed instructions on a Cortex-M4F, with their bars: `python benchmarks/bench_arm.py`, or `make bench-arm`.

Runs benchmarks/arm on QEMU's mps2-an386, whose timer counts instructions under `-icount shift=6`: the same on every
run. Instructions are not cycles: a vldmia of eight registers counts as one. Therefore also the figures of the
compiler's loops, in which every load is an instruction. Prints tables beside the peers' figures and writes
bench_arm.json. With --check it exits with 1 if a bar is missed.
"""

import argparse
import collections
import importlib.util
import json
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile

from bench import format_bar, measurement
from rich.console import Console
from rich.table import Table

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build/bench-arm"
BOARD = "mps2-an386"
TOOLS = ("cmake", "arm-none-eabi-g++", "qemu-system-arm")

BACKWARD_BARS = {"100": 450_000, "30": 170_000, "10": 70_000}
SELECTION_BARS = {"64_19": None, "128_38": 3_500, "1024_102": None, "1024_512": 25_000}
SKIPPED_BAR = 2_000
CODE_BAR = 6_000  # bytes, Cortex-M4F at -Os
MEMORY_BAR = 6_000  # bytes beyond the parameters

# Peers on the same workload (MLP 784-128-64-10, float32, SGD, batch 1), measured in the same way for this project:
# qemu-system-arm -M mps2-an386, gcc 12.2 -O2. In M instructions a step: total, forward, backward (clearing of the
# gradients included), update. AIfES is version 2.2; "TinyProp's C code" is that of the paper's authors; the fused loop
# applies the gradient in the backward loop.
PEERS = {
    "AIfES": (12.51, 0.66, 2.41 + 3.32, 6.12),
    "TinyProp's C code, dense": (11.14, 0.66, 2.41 + 1.94, 6.13),
    "TinyProp's C code, 30 %": (9.89, None, 2.41 + 0.69, None),
    "TinyProp's C code, 10 %": (9.44, None, 2.41 + 0.25, None),
    "plain fused loop, dense": ("0.76-1.02", 0.44, "0.31-0.58", "in backward"),
    "plain fused loop, 30 %": (0.63, 0.44, 0.19, "in backward"),
    "plain fused loop, 10 %": (0.51, 0.44, 0.07, "in backward"),
}
# Instructions of the heap that TinyProp's C code selects with.
PEER_SELECTIONS = {"64_19": 4_040, "128_38": 9_470, "1024_102": 62_225, "1024_512": 127_915}
# Memory as a multiple of the parameters, and bytes of training code at -Os on a Cortex-M4.
PEER_SIZES = {"AIfES": (3.85, 5_600), "TinyProp's C code": (2.93, 5_400), "plain fused loop": (1.00, 1_500)}

MEMORY_PARTS = ("activations, deltas, control, statistics and other tensors", "trainer", "stack")


def load(path: str):
    """A script of another folder as a module."""
    spec = importlib.util.spec_from_file_location(pathlib.Path(path).stem, ROOT / path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def build() -> None:
    toolchain = ROOT / "tests/firmware/toolchain.cmake"
    commands = (
        ["cmake", "-S", ROOT / "benchmarks/arm", "-B", BUILD, f"-DCMAKE_TOOLCHAIN_FILE={toolchain}",
         f"-DBOARD={BOARD}"],
        ["cmake", "--build", BUILD, "--parallel", "2"],
    )
    for command in commands:
        done = subprocess.run([*map(str, command)], capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"{' '.join(map(str, command))} failed:\n{done.stdout}{done.stderr}")


def run(program: str) -> dict[str, dict[str, list[int]]]:
    """{"count" | "open" | "bytes": {name: [a value per sample]}}."""
    code, output = load("tests/firmware/qemu.py").run(BOARD, BUILD / program)
    if code != 0:
        sys.exit(f"{BUILD / program} on {BOARD} ended with {code}:\n{output}")
    values = collections.defaultdict(lambda: collections.defaultdict(list))
    for line in output.splitlines():
        kind, name, value = line.split()
        values[kind][name].append(int(value))
    return values


def mean(values: list[int]) -> int:
    return round(statistics.fmean(values))


def code_bytes() -> int:
    """Plugin code and constants for dense training, as `make sizes` counts them."""
    sizes = load("tools/sizes.py")
    flags = sizes.PROCESSORS[sizes.BAR["processor"]]
    with tempfile.TemporaryDirectory() as folder:
        objects = sizes.compile_all(pathlib.Path(folder), flags + sizes.STRIPPED)
        return sum(sizes.root_size(objects, flags, sizes.DENSE).values())


def memory_parts(sizes: dict[str, list[int]]) -> dict[str, int]:
    """What a training step needs beyond the parameters without TFLM (CoreMlp calls the core).

    Input sample and label are among the tensors, no tensor shares memory with another, and the stack is that of
    Trainer::Step.
    """
    needed = (sizes["mlp"][0] - sizes["parameters"][0], sizes["trainer"][0], max(sizes["stack"]))
    return dict(zip(MEMORY_PARTS, needed, strict=True))


def backward_rows(counts: dict, kind: str, title: str, has_bars: bool) -> list[dict]:
    return [
        measurement(f"{title}, {percent} % kept", mean(counts[f"{kind}_{percent}"]), "instructions",
                    bar=bar if has_bars else None)
        for percent, bar in BACKWARD_BARS.items()
    ]


def step_rows(counts: dict) -> list[dict]:
    forward, loss = mean(counts["forward"]), mean(counts["loss"])
    skipped = mean(counts["step_skipped"]) - forward
    rows = [
        measurement("forward pass (the benchmark's own loops)", forward, "instructions"),
        measurement("softmax and cross entropy", loss, "instructions"),
    ]
    for percent in BACKWARD_BARS:
        rows.append(measurement(f"Trainer::Step, {percent} % kept", mean(counts[f"step_{percent}"]), "instructions"))
    return [
        *rows,
        measurement("skipped sample, Trainer::Step without the forward pass", skipped, "instructions", bar=SKIPPED_BAR),
        measurement("    without softmax and cross entropy", skipped - loss, "instructions"),
    ]


def selection_rows(counts: dict) -> list[dict]:
    rows = []
    for case, bar in SELECTION_BARS.items():
        n, k = case.split("_")
        values = counts[f"select_{case}"]
        rows.append(measurement(f"selection, n={n}, k={k}", mean(values), "instructions", bar=bar))
        rows.append(measurement(f"    the most of {len(values)} draws", max(values), "instructions"))
    return rows


def size_rows(sizes: dict[str, list[int]], code: int) -> list[dict]:
    parts = memory_parts(sizes)
    parameters = sizes["parameters"][0]
    rows = [
        measurement("plugin code for dense training, -Os, checks stripped", code, "bytes", bar=CODE_BAR),
        measurement("memory beyond the parameters, without TFLM", sum(parts.values()), "bytes", bar=MEMORY_BAR),
    ]
    rows += [measurement(f"    {name}", value, "bytes") for name, value in parts.items()]
    return [*rows, measurement("    multiple of the parameters", 1 + sum(parts.values()) / parameters, "times")]


def sections_of(library: dict, portable: dict, code: int) -> list[list[dict]]:
    counts = library["count"]
    return [
        backward_rows(counts, "typical", "backward + update", has_bars=True),
        backward_rows(counts, "open", "the same, all ReLUs open", has_bars=True),
        backward_rows(portable["count"], "open", "the same, the compiler's loops", has_bars=False),
        step_rows(counts),
        selection_rows(counts),
        size_rows(library["bytes"], code),
    ]


def table_of(sections: list[list[dict]], open_share: float) -> Table:
    table = Table(title="tflm_tinyprop on a Cortex-M4F", caption=(
        f"MLP 784-128-64-10, batch 1; gcc -O2, {BOARD}; means of 16 random samples; {open_share:.0%} of the hidden "
        "ReLUs are open unless said otherwise. Instructions, not cycles"))
    table.add_column("measurement")
    for heading in ("value", "bar", ""):
        table.add_column(heading, justify="right", no_wrap=True)
    for rows in sections:
        for row in rows:
            value = f"{row['value']:,.3f}" if isinstance(row["value"], float) else f"{row['value']:,}"
            unit = "" if row["unit"] == "instructions" else f" {row['unit']}"
            table.add_row(row["name"], value + unit, *format_bar(row))
        table.add_section()
    return table


def peer_table(counts: dict) -> Table:
    table = Table(title="A training step beside the peers', M instructions")
    table.add_column("")
    for heading in ("step", "forward", "backward", "update"):
        table.add_column(heading, justify="right", no_wrap=True)
    forward = mean(counts["forward"])
    for percent in BACKWARD_BARS:
        backward = mean(counts[f"open_{percent}"])
        figures = [f"{value / 1e6:.2f}" for value in (forward + mean(counts["loss"]) + backward, forward, backward)]
        table.add_row(f"tflm_tinyprop, {percent} %, all ReLUs open", *figures, "in backward")
    table.add_section()
    for name, figures in PEERS.items():
        table.add_row(name, *("" if f is None else f if isinstance(f, str) else f"{f:.2f}" for f in figures))
    return table


def peer_size_table(counts: dict, sizes: dict, code: int) -> Table:
    table = Table(title="Selection (instructions), memory and code beside the peers'")
    table.add_column("")
    for heading in ("tflm_tinyprop", *PEER_SIZES):
        table.add_column(heading, justify="right", no_wrap=True)
    for case, heap in PEER_SELECTIONS.items():
        n, k = case.split("_")
        table.add_row(f"selection, n={n}, k={k}", f"{mean(counts[f'select_{case}']):,}", "", f"{heap:,}", "")
    multiple = 1 + sum(memory_parts(sizes).values()) / sizes["parameters"][0]
    table.add_row("memory / parameters", f"{multiple:.2f}", *(f"{memory:.2f}" for memory, _ in PEER_SIZES.values()))
    table.add_row("training code, bytes", f"{code:,}", *(f"{size:,}" for _, size in PEER_SIZES.values()))
    return table


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("out/bench"))
    parser.add_argument("--check", action="store_true", help="exit with 1 if a bar is missed")
    arguments = parser.parse_args()
    for tool in TOOLS:
        if shutil.which(tool) is None:
            sys.exit(f"The benchmark needs {tool}: apt-get install cmake gcc-arm-none-eabi "
                     "libstdc++-arm-none-eabi-newlib qemu-system-arm, or run `make bench-arm`.")
    build()
    library, portable, code = run("step_bench"), run("step_bench_portable"), code_bytes()
    sections = sections_of(library, portable, code)
    rows = [row for section in sections for row in section]
    out = arguments.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    (out / "bench_arm.json").write_text(json.dumps(rows, indent=2) + "\n")

    console = Console(width=None if sys.stdout.isatty() else 120)
    open_relus = library["open"]["typical_100"][0] / (16 * (128 + 64))
    console.print(table_of(sections, open_relus))
    console.print(peer_table(library["count"]))
    console.print(peer_size_table(library["count"], library["bytes"], code))
    missed = [row["name"].strip() for row in rows if row["passed"] is False]
    if missed:
        console.print(f"Missed: {'; '.join(missed)}")
    console.print(f"Written to {out / 'bench_arm.json'}")
    return 1 if missed and arguments.check else 0


if __name__ == "__main__":
    sys.exit(main())
