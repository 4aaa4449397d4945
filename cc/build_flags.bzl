"""Compiler flags shared by the BUILD files; CMakeLists.txt uses the same."""

# The language subset of firmware, and nothing exported that is not marked so.
FIRMWARE_COPTS = [
    "-fno-exceptions",
    "-fno-rtti",
    "-fno-threadsafe-statics",
    "-fvisibility=hidden",
]
