"""Benchmarks with their bars: `python benchmarks/bench.py --out out/bench`, or `make bench`.

Executed instructions of the C++ core, counted by valgrind's callgrind (the same on every run, unlike
times), heap allocations of a training step, and the overhead of the Python trainer. Prints a table and
writes bench.json. With --check it exits with 1 if a bar is missed.
"""

import argparse
import importlib.util
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # the trainer benchmark imports TensorFlow

from rich.console import Console
from rich.table import Table

ROOT = pathlib.Path(__file__).resolve().parent.parent
COMPILER = os.environ.get("CXX", "g++")
WRAPPED = ("malloc", "calloc", "realloc")

# Shapes of the layers by their row in the statistics, from the input upward.
MLP_LAYERS = {"1": "784 -> 128", "2": "128 -> 64", "3": "64 -> 10"}
SELECTIONS = {
    "64 19": "128 -> 64",
    "128 38": "784 -> 128, hands nothing down",
    "1024 102": "1024 -> 1024",
    "1024 512": "1024 -> 1024",
}
CONVOLUTIONS = {
    "conv_3x3": "3x3 convolution, 16x16x16 -> 16",
    "pointwise": "1x1 convolution, 8x8x64 -> 64",
    "depthwise_3x3": "3x3 depthwise convolution, 16x16x32",
}
CONVOLUTION_BAR = 0.16  # cost of keeping 10 %, as a share of keeping all
MAC_BARS = {"conv_3x3": 3.0, "pointwise": 2.0}  # instructions per multiply-accumulate, keeping all
MLP_BAR = 0.14  # cost of keeping 10 %, as a share of keeping all
SELECTION_BAR = 0.05  # cost of the selection, as a share of the layer's dense backward pass


def build(folder: pathlib.Path, name: str, sources, options=()) -> pathlib.Path:
    """Compiles a benchmark and the core the way a plain x86-64 build would (SSE2, no -march)."""
    program = folder / name
    sources = [ROOT / f"benchmarks/{name}.cc", *sorted((ROOT / "cc/core").glob("*.cc")), *sources]
    command = [COMPILER, "-std=c++17", "-O2", f"-I{ROOT}", *map(str, sources), *options]
    subprocess.run([*command, "-o", str(program)], check=True)
    return program


def build_core(folder: pathlib.Path) -> pathlib.Path:
    return build(folder, "core_bench", (), [f"-Wl,--wrap={name}" for name in WRAPPED])


def build_ops(folder: pathlib.Path) -> pathlib.Path:
    sources = [path for part in ("cc/tflm", "cc/host") for path in sorted((ROOT / part).glob("*.cc"))]
    sources += sorted((ROOT / "tests/cc/tflm").glob("*_case.cc"))
    return build(folder, "op_bench", sources, ["-DTINYPROP_HOST_PLUGIN"])


def count(program: pathlib.Path, folder: pathlib.Path) -> tuple[dict[str, int], dict[str, int], int]:
    """({region: instructions}, {region: multiply-accumulates}, heap allocations of the training steps)."""
    command = ["valgrind", "--tool=callgrind", "--instr-atstart=no", "--quiet"]
    command += [f"--callgrind-out-file={folder}/callgrind", str(program)]
    run = subprocess.run(command, capture_output=True, text=True)
    if run.returncode != 0:
        sys.exit(f"{' '.join(command)} failed with {run.returncode}:\n{run.stdout}{run.stderr}")

    counts = {}
    for dump in folder.glob("callgrind.*"):
        text = dump.read_text()
        name = re.search(r"^desc: Trigger: Client Request: (.*)$", text, re.MULTILINE)
        total = re.search(r"^totals: (\d+)$", text, re.MULTILINE)
        if name and total:
            counts[name.group(1)] = int(total.group(1))
    overhead = counts.pop("empty")
    allocations = int(re.search(r"^allocations (\d+)$", run.stdout, re.MULTILINE).group(1))
    macs = {name: int(value) for name, value in re.findall(r"^macs (.+) (\d+)$", run.stdout, re.MULTILINE)}
    return {name: value - overhead for name, value in counts.items()}, macs, allocations


def measurement(name: str, value, unit: str, share=None, bar=None) -> dict:
    """One row. `bar` is the most that `share` (or `value`, if there is no share) may be."""
    measured = value if share is None else share
    passed = None if bar is None else bool(measured <= bar)
    return {"name": name, "value": value, "unit": unit, "share": share, "bar": bar, "passed": passed}


def mlp_rows(counts: dict[str, int], region: str, title: str, bar: float | None) -> list[dict]:
    def total(percent):
        return sum(counts[f"{region} {percent} {row}"] for row in MLP_LAYERS)

    rows = []
    for percent in (100, 30, 10):
        share = total(percent) / total(100)
        rows.append(
            measurement(
                f"{title}, {percent} % kept", total(percent), "instructions", share,
                bar if percent == 10 else None,
            )  # fmt: skip
        )
        for row, shape in MLP_LAYERS.items():
            value = counts[f"{region} {percent} {row}"]
            share = value / counts[f"{region} 100 {row}"]
            rows.append(measurement(f"    {shape}", value, "instructions", share))
    return rows


def batch_rows(counts: dict[str, int]) -> list[dict]:
    rows = []
    for percent in (100, 30, 10):
        value = counts[f"batch {percent}"]
        name = f"dense layer 128 -> 64, batch 8, {percent} % kept"
        rows.append(measurement(name, value, "instructions", value / counts["batch 100"]))
    return rows


def convolution_rows(counts: dict[str, int], macs: dict[str, int]) -> list[dict]:
    rows = []
    for region, title in CONVOLUTIONS.items():
        for percent in (100, 30, 10):
            value = counts[f"{region} {percent}"]
            share = value / counts[f"{region} 100"]
            name = f"{title}, {percent} % kept"
            rows.append(measurement(name, value, "instructions", share, CONVOLUTION_BAR if percent == 10 else None))
        for percent in (100, 30, 10):
            per_mac = counts[f"{region} {percent}"] / macs[f"{region} {percent}"]
            bar = MAC_BARS.get(region) if percent == 100 else None
            rows.append(measurement(f"    per multiply-accumulate, {percent} %", per_mac, "instructions", bar=bar))
    return rows


def selection_rows(counts: dict[str, int]) -> list[dict]:
    rows = []
    for case, layer in SELECTIONS.items():
        n, k = case.split()
        value, dense = counts[f"select {case}"], counts[f"dense {case}"]
        name = f"selection, n={n}, k={k} (dense backward {layer}: {dense:,})"
        rows.append(measurement(name, value, "instructions", value / dense, SELECTION_BAR))
    return rows


def op_rows(counts: dict[str, int]) -> list[dict]:
    """One Invoke of every op at the size of its case, and with its gate closed."""
    rows = []
    for region in sorted(name for name in counts if name.startswith("op ")):
        op = region.removeprefix("op ")
        rows.append(measurement(f"TinyProp{op}", counts[region], "instructions"))
        if f"skipped {op}" in counts:
            value = counts[f"skipped {op}"]
            rows.append(measurement("    gate closed", value, "instructions", value / counts[region]))
    return rows


def trainer_rows() -> list[dict]:
    if importlib.util.find_spec("trainer_overhead") is None:
        return []
    import trainer_overhead

    result = trainer_overhead.measure()
    return [measurement(result["name"], result["value_us"], "us", bar=result["bar_us"])]


def format_bar(row: dict) -> tuple[str, str]:
    if row["bar"] is None:
        return "", ""
    bar = f"{row['bar']:.1%}" if row["share"] is not None else f"{row['bar']:,g} {row['unit']}"
    return f"<= {bar}", "[green]pass[/]" if row["passed"] else "[bold red]MISSED[/]"


def table_of(sections: list[list[dict]]) -> Table:
    table = Table(title="tflm_tinyprop benchmarks", caption="MLP 784-128-64-10 and convolutions, batch 1 unless said; g++ -O2, SSE2")
    table.add_column("measurement")
    for heading in ("value", "share", "bar", ""):
        table.add_column(heading, justify="right", no_wrap=True)
    for rows in sections:
        for row in rows:
            value = f"{row['value']:,.2f}" if isinstance(row["value"], float) else f"{row['value']:,}"
            unit = "" if row["unit"] == "instructions" else f" {row['unit']}"
            share = "" if row["share"] is None else f"{row['share']:.1%}"
            table.add_row(row["name"], value + unit, share, *format_bar(row))
        table.add_section()
    return table


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("out/bench"))
    parser.add_argument("--check", action="store_true", help="exit with 1 if a bar is missed")
    arguments = parser.parse_args()
    out = arguments.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    for tool in (COMPILER, "valgrind"):
        if shutil.which(tool) is None:
            sys.exit(f"The benchmark needs {tool}: apt-get install g++ valgrind, or run `make bench`.")

    with tempfile.TemporaryDirectory() as work:
        folder = pathlib.Path(work)
        counts, macs, allocations = count(build_core(folder), folder)
        for dump in folder.glob("callgrind*"):
            dump.unlink()
        ops, _, _ = count(build_ops(folder), folder)
    sections = [
        mlp_rows(counts, "mlp", "backward + update", MLP_BAR),
        mlp_rows(counts, "masked", "the same, half of the ReLUs closed", None),
        batch_rows(counts),
        convolution_rows(counts, macs),
        selection_rows(counts),
        [measurement("heap allocations of four training steps", allocations, "", bar=0)],
        op_rows(ops),
        trainer_rows(),
    ]
    rows = [row for section in sections for row in section]
    (out / "bench.json").write_text(json.dumps(rows, indent=2) + "\n")

    console = Console(width=None if sys.stdout.isatty() else 120)
    console.print(table_of([section for section in sections if section]))
    missed = [row["name"].strip() for row in rows if row["passed"] is False]
    if missed:
        console.print(f"Missed: {'; '.join(missed)}")
    console.print(f"Written to {out / 'bench.json'}")
    return 1 if missed and arguments.check else 0


if __name__ == "__main__":
    sys.exit(main())
