"""Generated sources compile for a microcontroller, and the self-test notices what it is there for.

TFLM's headers are stand-ins (tests/firmware/tflm_headers), or the real ones with TFLM_INCLUDE (folders, separated by
semicolons). No source is compiled twice: the targets' copies are compared in test_firmware_targets.py.
"""

import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
from stateful_models import delayed

import tflm_tinyprop as tp
from tflm_tinyprop.format.metadata import ENTRY
from tflm_tinyprop.models.tiny_models import dense_classifier

CROSS = "arm-none-eabi-"
CPU = ["-mcpu=cortex-m4", "-mthumb"]
WARNINGS = ["-Wall", "-Wextra", "-Werror"]
FIRMWARE = ["-std=c++17", "-fno-exceptions", "-fno-rtti", "-DTF_LITE_STATIC_MEMORY"]
NEW_NAMESPACE = "-DTFLM_STAND_IN_NEW_NAMESPACE"


def run(*command):
    result = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    assert result.returncode == 0, f"{' '.join(map(str, command))}\n{result.stdout}{result.stderr}"
    return result.stdout


@pytest.fixture(scope="session")
def tflm_include(stand_ins):
    real = os.environ.get("TFLM_INCLUDE")
    return real.split(";") if real else [stand_ins[0]]


@pytest.fixture(scope="session")
def generic(folders, tflm_include, tmp_path_factory):
    """(copy of the generic folder, build folder) after a cross build without a TFLM library."""
    folder = tmp_path_factory.mktemp("build") / "generic"
    shutil.copytree(folders["generic"], folder)
    build = folder / "build"
    run("cmake", "-S", folder, "-B", build, "-G", "Unix Makefiles",
        "-DCMAKE_SYSTEM_NAME=Generic", "-DCMAKE_TRY_COMPILE_TARGET_TYPE=STATIC_LIBRARY",
        f"-DCMAKE_C_COMPILER={CROSS}gcc", f"-DCMAKE_CXX_COMPILER={CROSS}g++",
        f"-DCMAKE_CXX_FLAGS={' '.join(WARNINGS)}",
        f"-DTFLM_INCLUDE={';'.join(map(str, tflm_include))}", f"-DBOARD_COMPILE_OPTIONS={';'.join(CPU)}")
    run("cmake", "--build", build, "--parallel", 2)
    return folder, build


def test_the_generic_folder_compiles(generic):
    folder, build = generic
    objects = {p.name.removesuffix(".obj") for p in build.rglob("*.obj")}
    assert {p.name for p in folder.rglob("*.cc")} == objects


def test_nothing_runs_before_main_and_nothing_comes_from_the_heap(generic):
    for path in generic[1].rglob("*.obj"):
        assert ".init_array" not in run(f"{CROSS}objdump", "-h", path), path.name
        undefined = run(f"{CROSS}nm", "--undefined-only", "--demangle", path)
        for name in ("malloc", "operator new", "operator delete(void*", "__cxa_atexit", "__cxa_guard", "__cxa_throw"):
            assert name not in undefined, f"{path.name}: {name}"


def test_only_the_models_ops_are_referred_to(generic):
    app = next(p for p in generic[1].rglob("tinyprop_app.cc.obj"))
    undefined = run(f"{CROSS}nm", "--undefined-only", "--demangle", app)
    assert "tinyprop::RegisterFullyConnectedGrad()" in undefined
    for other in ("RegisterConv2DGrad", "RegisterMeanSquaredError", "RegisterSoftmaxGrad"):
        assert other not in undefined


def test_without_headers_the_build_says_what_is_missing(folders, tmp_path):
    result = subprocess.run(["cmake", "-S", folders["generic"], "-B", tmp_path / "b"], capture_output=True, text=True)
    assert result.returncode != 0 and "No folder in TFLM_INCLUDE holds" in result.stderr


def compile_only(source, tmp_path, *options):
    run(f"{CROSS}g++", *CPU, *FIRMWARE, *WARNINGS, *options, "-c", source, "-o", tmp_path / f"{source.name}.o")


def test_the_main_files_of_the_others_compile(folders, layout, stand_ins, tflm_include, tmp_path):
    jobs = {
        "esp-idf": ("main.cc", []),
        "zephyr": ("main.cc", []),
        "platformio": ("main.cc", ["-DARDUINO=10819"]),
        # As Arduino's tools do it: a C++ file that begins with Arduino.h.
        "arduino": ("train.ino", ["-x", "c++", "-include", "Arduino.h"]),
    }
    includes = [option for path in (*tflm_include, *stand_ins) for option in ("-isystem", path)]
    for target, (name, options) in jobs.items():
        root, app = (folders[target] / part for part in layout[target])
        compile_only(app / name, tmp_path, *includes, f"-I{root}", f"-I{app}", *options)
    root, app = (folders["platformio"] / part for part in layout["platformio"])
    compile_only(app / "main.cc", tmp_path, *includes, f"-I{root}", f"-I{app}")


def test_both_namespaces_of_tflm(folders, stand_ins, tmp_path):
    """Types in tflite::micro, as from October 2026. (The other builds have them where they were before.)"""
    folder = folders["generic"]
    sources = [*sorted((folder / "app").glob("*.cc")), *sorted((folder / "library/cc/tflm").glob("*.cc"))]
    sources = [s for s in sources if s.name not in ("tinyprop_model.cc", "tinyprop_text.cc")]
    assert len(sources) > 15

    def compile_source(source):
        compile_only(source, tmp_path, NEW_NAMESPACE, "-isystem", stand_ins[0], f"-I{folder / 'library'}",
                     f"-I{folder / 'app'}", "-fsyntax-only")

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(compile_source, sources))


@pytest.mark.parametrize("namespace", [[], [NEW_NAMESPACE]])
def test_a_model_with_resource_variables(namespace, tmp_path, stand_ins, folders):
    model = tp.convert(delayed(), trainable_layers=["last"], loss="mean_squared_error", stateful=True)
    firmware = tp.embed(model, tmp_path / "firmware")
    assert {"AddIf", "AddVarHandle", "AddReadVariable", "AddAssignVariable"} < set(firmware.ops)
    assert "AddCallOnce" not in firmware.ops
    folder = tmp_path / "firmware"
    compile_only(folder / "app/tinyprop_app.cc", tmp_path, *namespace, "-isystem", stand_ins[0], f"-I{folder / 'library'}",
                 f"-I{folder / 'app'}")
    used = run(f"{CROSS}nm", "--undefined-only", "--demangle", tmp_path / "tinyprop_app.cc.o")
    assert "MicroResourceVariables::Create(" in used
    assert "MicroResourceVariables" not in (folders["generic"] / "app/tinyprop_app.cc").read_text()


def test_with_a_weight_store(folders, tflm_include, tmp_path):
    app = tmp_path / "app"
    shutil.copytree(folders["generic"] / "app", app)
    text = (app / "tinyprop_user.h").read_text()
    assert "kKeepWeights = false;" in text
    (app / "tinyprop_user.h").write_text(text.replace("kKeepWeights = false;", "kKeepWeights = true;"))
    includes = [option for path in tflm_include for option in ("-isystem", path)]
    compile_only(app / "tinyprop_app.cc", tmp_path, *includes, f"-I{folders['generic'] / 'library'}", f"-I{app}")
    used = run(f"{CROSS}nm", "--undefined-only", "--demangle", tmp_path / "tinyprop_app.cc.o")
    for name in ("WeightStore::Init", "Trainer::Save", "Trainer::Load", "tinyprop_app::WeightStorage()"):
        assert name in used


@pytest.fixture(scope="session")
def driver(folders, stand_ins, tmp_path_factory):
    """The generated self-test on the host, with a graph that plays faults (self_test_driver.cc)."""
    folder, out = folders["generic"], tmp_path_factory.mktemp("driver") / "driver"
    runtime = [source for part in ("runtime", "core") for source in sorted((folder / "library/cc" / part).glob("*.cc"))]
    run("g++", *FIRMWARE, *WARNINGS, "-O1", "-ffunction-sections", "-Wl,--gc-sections", "-isystem", stand_ins[0], f"-I{folder / 'library'}", f"-I{folder / 'app'}",
        stand_ins[1].parent / "self_test_driver.cc", folder / "app/tinyprop_self_test.cc",
        folder / "app/tinyprop_text.cc", *runtime, "-o", out)
    return out


FAULTS = {
    "none": "self-test: passed",
    "loss": "self-test: loss is ",
    "nan loss": "self-test: loss is nan, expected ",
    "weight": "self-test: weight after the step is ",
    "no update": "self-test: weight after the step is ",
    "skipped": "self-test: the sample was skipped",
    "non-finite": "self-test: training step: ",
    "invoke": "self-test: training step: ",
    "reset": "self-test: weight after the reset is ",
    "other model": "self-test: weight before the step is ",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_self_test_notices(driver, firmware_model, tmp_path, fault):
    entry = tmp_path / "entry"
    entry.write_bytes(firmware_model.graph.metadata[ENTRY])
    sizes = [firmware_model.inputs[0].size, firmware_model.classes]
    result = subprocess.run([driver, fault, entry, *map(str, sizes)], capture_output=True, text=True)
    assert FAULTS[fault] in result.stdout
    assert result.returncode == (0 if fault == "none" else 1), result.stdout
    assert ("passed" in result.stdout) == (fault == "none")


STEPS = 5195  # of the first lengths at which the last steps had a rate of 0


@pytest.fixture(scope="session")
def app(folders, stand_ins, tmp_path_factory):
    """Function: the generated training loop of STEPS steps with a peak rate, as a program (app_driver.cc)."""
    folder, out = folders["generic"], tmp_path_factory.mktemp("app")
    options = [*FIRMWARE, *WARNINGS, "-O1", "-isystem", stand_ins[0], f"-I{folder / 'library'}"]
    sources = [source for part in ("runtime", "core") for source in sorted((folder / "library/cc" / part).glob("*.cc"))]
    library = [out / f"{source.parent.name}_{source.name}.o" for source in sources]
    for source, target in zip(sources, library, strict=True):
        run("g++", *options, "-c", source, "-o", target)

    def make(peak: str):
        own = tmp_path_factory.mktemp("own")
        for source in (folder / "app").iterdir():
            if source.name not in ("tinyprop_user.cc", "tinyprop_self_test.cc", "tinyprop_model.cc"):
                shutil.copy(source, own)
        user = (own / "tinyprop_user.h").read_text()
        for old, new in (("kKeepWeights = false", "kKeepWeights = true"), ("kTrainingSteps = 200", f"kTrainingSteps = {STEPS}"),
                         ("kPeakLearningRate = 0.02f", f"kPeakLearningRate = {peak}"), ("kSaveEvery = 100", "kSaveEvery = 1000")):
            assert old in user
            user = user.replace(old, new)
        (own / "tinyprop_user.h").write_text(user)
        # The interpreter is played: it needs no ops.
        (own / "tinyprop_ops.h").write_text(
            '#include "tensorflow/lite/micro/micro_op_resolver.h"\nnamespace tinyprop_app {\n'
            "struct OpResolver : tinyprop::api::MicroOpResolver {};\ninline bool AddOps(OpResolver*) { return true; }\n}\n")
        run("g++", *options, "-Wno-unused-parameter", f"-I{own}", stand_ins[1].parent / "app_driver.cc", own / "tinyprop_app.cc",
            own / "tinyprop_text.cc", *library, "-o", own / "app")
        return own / "app"

    return make


@pytest.mark.parametrize(("peak", "trained"), [("0.02f", STEPS), ("0.0f", 0)])
def test_the_training_loop_ends_with_a_save(app, firmware_model, tmp_path, peak, trained):
    """Also at a rate of 0, with which no step counts as training."""
    entry = tmp_path / "entry"
    entry.write_bytes(firmware_model.graph.metadata[ENTRY])
    sizes = [firmware_model.inputs[0].size, firmware_model.classes, STEPS + 10]
    result = subprocess.run([app(peak), entry, *map(str, sizes)], capture_output=True, text=True)
    lines = result.stdout.splitlines()
    assert result.returncode == 0, result.stdout
    assert lines[-2:] == [f"weights of step {trained} saved", "training finished"]
    assert sum(line.startswith("weights of step ") for line in lines) == STEPS // 1000 + 1


def test_two_models_link_into_one_program(folders, tmp_path):
    """As in shared/cases 18: a program that holds several trainable models."""
    other = tp.convert(dense_classifier([4, 3], seed=9))
    tp.embed(other, tmp_path / "other")
    parts = []
    for number, folder in enumerate((folders["generic"], tmp_path / "other")):
        size = tmp_path / f"size_{number}.cc"
        size.write_text('#include "tinyprop_model.h"\n'
                        f"unsigned First{number}() {{ return tinyprop_app::kModel[tinyprop_app::kModelBytes - 1]; }}\n")
        parts += [size, folder / "app/tinyprop_model.cc"]
        for source in parts[-2:]:
            run("g++", "-std=c++17", f"-I{folder / 'app'}", "-c", source, "-o", tmp_path / f"{source.stem}_{number}.o")
    (tmp_path / "main.cc").write_text("unsigned First0();\nunsigned First1();\nint main() { return First0() + First1() > 510; }\n")
    run("g++", tmp_path / "main.cc", *tmp_path.glob("*.o"), "-o", tmp_path / "program")
    run(tmp_path / "program")
