"""Each generated folder against the formats of its ecosystem."""

import configparser
import json
import re

import pytest
import yaml

import tflm_tinyprop as tp
from tflm_tinyprop.firmware import TARGETS
from tflm_tinyprop.firmware.sources import plugin_sources


def text_files(folder):
    return {p.relative_to(folder).as_posix(): p.read_text() for p in sorted(folder.rglob("*")) if p.is_file()}


def cmake_commands(text):
    """[(command, arguments)] of a CMakeLists.txt without nested parentheses, comments left out."""
    text = re.sub(r"#.*", "", text)
    return [(name, arguments.split()) for name, arguments in re.findall(r"(\w+)\(([^()]*)\)", text)]


def arguments_of(text, command):
    """Arguments of the one command of this name."""
    found = [arguments for name, arguments in cmake_commands(text) if name == command]
    assert len(found) == 1, command
    return found[0]


def sources_below(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*.cc"))


def without_endings(names):
    return {re.sub(r"\.(cc|cpp)$", "", name) for name in names}


# All targets ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", TARGETS)
def test_the_plugin_is_complete_and_unchanged(folders, layout, target):
    root = folders[target] / layout[target][0]
    for name, text in plugin_sources().items():
        path = root / (name.replace(".cc", ".cpp") if target == "arduino" else name)
        assert path.read_text() == text, name
    assert not list(folders[target].rglob("host_abi.h"))
    assert "Apache License" in next(folders[target].rglob("LICENSE")).read_text()


@pytest.mark.parametrize("target", TARGETS)
def test_the_application_is_the_same_everywhere(folders, layout, target):
    own = folders[target] / layout[target][1]
    for path in (folders["generic"] / "app").glob("tinyprop_*"):
        name = path.name.replace(".cc", ".cpp") if target == "arduino" else path.name
        assert (own / name).read_text() == path.read_text()


@pytest.mark.parametrize("target", TARGETS)
def test_every_include_resolves(folders, layout, target):
    root, app = (folders[target] / part for part in layout[target])
    sources = [p for p in folders[target].rglob("*") if p.suffix in (".h", ".cc", ".cpp", ".ino")]
    assert len(sources) > 80
    for path in sources:
        # The host plugin's branch of tflm_api.h is never compiled in firmware.
        text = re.sub(r"#if defined\(TINYPROP_HOST_PLUGIN\)\n#include.*\n#else", "", path.read_text())
        for name in re.findall(r'#include ["<]((?:cc|tflm_tinyprop|tinyprop_|tflm_library)[^">]*)[">]', text):
            places = [root / name, path.parent / name]
            assert any(place.is_file() for place in places), f"{path.name}: {name}"
    assert (app / "tinyprop_app.h").is_file()


@pytest.mark.parametrize("target", TARGETS)
def test_no_placeholder_is_left_and_the_readme_has_commands(folders, target):
    files = text_files(folders[target])
    for name, text in files.items():
        assert not re.search(r"\{[{%#] | [}%#]\}|@[a-z_]+@", text), name
        assert text.endswith("\n") and "\r" not in text, name
    commands = {"generic": "cmake -S", "esp-idf": "idf.py build", "arduino": "arduino-cli compile",
                "zephyr": "west build", "platformio": "pio run"}
    assert f"    {commands[target]}" in files["README.md"]
    arena = next(re.search(r"kArenaBytes = (\d+);", text)[1] for name, text in files.items() if "tinyprop_model.h" in name)
    assert f"with an arena of {int(arena):,} bytes" in files["README.md"].replace("\n", " ")


@pytest.mark.parametrize("target", TARGETS)
def test_the_same_model_gives_the_same_bytes(firmware_model, folders, target, tmp_path):
    tp.embed(firmware_model, tmp_path / "again", target=target)
    assert text_files(tmp_path / "again") == text_files(folders[target])


def test_the_model_is_in_the_source(firmware_model, folders):
    text = (folders["generic"] / "app/tinyprop_model.cc").read_text()
    body = re.search(r"alignas\(16\) const unsigned char kModel\[\] = \{(.*)\};", text, re.DOTALL)[1]
    assert bytes(int(value, 16) for value in body.replace("\n", "").split(",")[:-1]) == firmware_model.data
    header = (folders["generic"] / "app/tinyprop_model.h").read_text()
    assert f"kModelBytes = {len(firmware_model.data)};" in header
    arena = int(re.search(r"kArenaBytes = (\d+);", header)[1])
    assert firmware_model.arena_bytes <= arena < firmware_model.arena_bytes + 1024 and arena % 16 == 0


def test_the_resolver_has_room_for_exactly_its_ops(folders):
    text = (folders["generic"] / "app/tinyprop_ops.h").read_text()
    assert "MicroMutableOpResolver<6>" in text
    assert re.findall(r"resolver->(Add\w+)\(\)", text) == ["AddFullyConnected", "AddSoftmax"]
    assert re.findall(r"&tinyprop::(\w+)\(\)", text) == [
        "RegisterDecision", "RegisterFullyConnectedGrad", "RegisterInitialize", "RegisterSoftmaxCrossEntropy"]
    assert "RegisterTinyPropOps" not in text


# Generic ----------------------------------------------------------------------------------------------


def test_generic_lists_all_sources(folders):
    folder = folders["generic"]
    listed = re.findall(r"^  ((?:library|app)/\S+\.cc)$", (folder / "CMakeLists.txt").read_text(), re.MULTILINE)
    assert sorted(listed) == sources_below(folder)
    for variable in ("TFLM_INCLUDE", "TFLM_LIBRARY", "BOARD_SOURCES", "BOARD_LINK_OPTIONS", "BOARD_COMPILE_OPTIONS"):
        assert f'set({variable} "" CACHE' in (folder / "CMakeLists.txt").read_text()


# ESP-IDF ----------------------------------------------------------------------------------------------


def test_esp_idf_components(folders):
    folder = folders["esp-idf"]
    commands = [name for name, _ in cmake_commands((folder / "CMakeLists.txt").read_text())]
    assert commands == ["cmake_minimum_required", "include", "project"]
    for component in (folder / "main", folder / "components/tflm_tinyprop"):
        arguments = arguments_of((component / "CMakeLists.txt").read_text(), "idf_component_register")
        assert arguments[0] == "SRCS" and arguments[-2] != "SRCS"
        listed = [a for a in arguments if a.endswith(".cc")]
        assert sorted(listed) == sources_below(component)
        keywords = [a for a in arguments if a.isupper()]
        assert set(keywords) <= {"SRCS", "INCLUDE_DIRS", "REQUIRES"}
        assert arguments[arguments.index("INCLUDE_DIRS") + 1] == '"."'
    main = arguments_of((folder / "main/CMakeLists.txt").read_text(), "idf_component_register")
    assert main[main.index("REQUIRES") + 1 :] == ["tflm_tinyprop"]
    assert 'extern "C" void app_main(void)' in (folder / "main/main.cc").read_text()


def test_esp_idf_manifests(folders):
    main = yaml.safe_load((folders["esp-idf"] / "main/idf_component.yml").read_text())
    component = yaml.safe_load((folders["esp-idf"] / "components/tflm_tinyprop/idf_component.yml").read_text())
    assert set(main) == {"dependencies"} and set(main["dependencies"]) == {"idf", "espressif/esp-tflite-micro"}
    tflm = component["dependencies"]["espressif/esp-tflite-micro"]
    assert tflm["public"] is True and tflm["version"] == main["dependencies"]["espressif/esp-tflite-micro"]["version"]
    assert component["version"] == tp.__version__
    settings = [line for line in (folders["esp-idf"] / "sdkconfig.defaults").read_text().splitlines() if line[0] != "#"]
    assert all(re.fullmatch(r"CONFIG_[A-Z0-9_]+=(y|n|\d+)", line) for line in settings)


# Arduino ----------------------------------------------------------------------------------------------


def test_arduino_library_properties(folders):
    lines = (folders["arduino"] / "library.properties").read_text().splitlines()
    properties = dict(line.split("=", 1) for line in lines)
    assert len(properties) == len(lines)
    required = {"name", "version", "author", "maintainer", "sentence", "paragraph", "category", "url", "architectures"}
    assert required <= set(properties) and all(properties.values())
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 _.-]{0,62}", properties["name"])
    assert re.fullmatch(r"\d+\.\d+\.\d+", properties["version"])
    assert properties["category"] in (
        "Display", "Communication", "Signal Input/Output", "Sensors", "Device Control", "Timing", "Data Storage",
        "Data Processing", "Other")
    for header in properties["includes"].split(","):
        assert (folders["arduino"] / "src" / header).is_file()


def test_arduino_layout(folders):
    folder = folders["arduino"]
    assert not list(folder.rglob("*.cc"))
    sketches = list((folder / "examples").iterdir())
    assert [s.name for s in sketches] == ["train"] and (sketches[0] / "train.ino").is_file()
    sketch = (sketches[0] / "train.ino").read_text()
    includes = re.findall(r'#include [<"](.*)[>"]', sketch)
    # TFLM's library first, since the next header includes TFLM's.
    assert includes == ["tflm_library.h", "tflm_tinyprop.h", "tinyprop_app.h"]
    assert re.search(r"^void setup\(\) \{", sketch, re.MULTILINE) and re.search(r"^void loop\(\) \{", sketch, re.MULTILINE)
    for line in (folder / "keywords.txt").read_text().splitlines():
        assert line.startswith("#") or re.fullmatch(r"\w+\t(KEYWORD1|KEYWORD2|LITERAL1)", line)


# Zephyr -----------------------------------------------------------------------------------------------


def test_zephyr_module(folders):
    module = folders["zephyr"] / "tflm_tinyprop"
    description = yaml.safe_load((module / "zephyr/module.yml").read_text())
    assert set(description) == {"name", "build"} and set(description["build"]) == {"cmake", "kconfig"}
    assert (module / description["build"]["kconfig"]).is_file()
    text = (module / description["build"]["cmake"] / "CMakeLists.txt").read_text()
    listed = [a.removeprefix("${module}/") for name, arguments in cmake_commands(text)
              for a in arguments if name == "zephyr_library_sources"]
    assert sorted(listed) == sources_below(module)
    assert "set(module ${ZEPHYR_CURRENT_MODULE_DIR})" in text
    symbols = re.findall(r"^config (\w+)$", (module / "zephyr/Kconfig").read_text(), re.MULTILINE)
    assert symbols == ["TFLM_TINYPROP"] and "if(CONFIG_TFLM_TINYPROP)" in text


def test_zephyr_application(folders):
    app = folders["zephyr"] / "app"
    text = (app / "CMakeLists.txt").read_text()
    names = [name for name, _ in cmake_commands(text)]
    assert names.index("list") < names.index("find_package") < names.index("project") < names.index("target_sources")
    modules = next(arguments for name, arguments in cmake_commands(text) if name == "list")
    assert modules[:2] == ["APPEND", "EXTRA_ZEPHYR_MODULES"]
    path = modules[2].replace("${CMAKE_CURRENT_SOURCE_DIR}", str(app))
    assert (app / path / "zephyr/module.yml").is_file()
    listed = [a for a in arguments_of(text, "target_sources") if a.endswith(".cc")]
    assert sorted(listed) == sources_below(app)
    settings = [l for l in (app / "prj.conf").read_text().splitlines() if not l.startswith("#")]
    assert all(re.fullmatch(r"CONFIG_[A-Z0-9_]+=(y|n|\d+)", line) for line in settings)
    assert {"CONFIG_CPP=y", "CONFIG_STD_CPP17=y", "CONFIG_TENSORFLOW_LITE_MICRO=y", "CONFIG_TFLM_TINYPROP=y"} <= set(settings)


# PlatformIO -------------------------------------------------------------------------------------------


def test_platformio_project(folders):
    parser = configparser.ConfigParser(inline_comment_prefixes=None)
    parser.read(folders["platformio"] / "platformio.ini")
    environments = [s.removeprefix("env:") for s in parser.sections() if s.startswith("env:")]
    assert set(parser["platformio"]["default_envs"].split(",")) <= set(environments)
    common = dict(parser["env"])
    for environment in environments:
        options = {**common, **parser[f"env:{environment}"]}
        assert {"platform", "board", "framework"} <= set(options)
        assert "-D TF_LITE_STATIC_MEMORY" in options["build_flags"] and "-std=gnu++17" in options["build_flags"]


def test_platformio_libraries(folders):
    for library in (folders["platformio"] / "lib").iterdir():
        manifest = json.loads((library / "library.json").read_text())
        assert {"name", "version", "description"} <= set(manifest) and manifest["name"] == library.name
        assert set(manifest["build"]) <= {"srcDir", "includeDir", "srcFilter", "flags"}
    library = folders["platformio"] / "lib/tflm_tinyprop"
    manifest = json.loads((library / "library.json").read_text())
    for header in manifest["headers"]:
        assert (library / manifest["build"]["includeDir"] / header).is_file()
    assert sources_below(library / manifest["build"]["srcDir"]) == sources_below(library / "src")
    assert len(sources_below(library / "src")) > 30
