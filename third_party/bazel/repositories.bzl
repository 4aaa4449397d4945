"""The external repositories of WORKSPACE."""

load("//third_party/bazel:tflm_repository.bzl", "tflm_repository")

# Debian's Bazel asks for these even for plain C++ and may not download anything. Each is a folder beside
# this file that passes on Bazel's builtin rules.
_BUILTIN_RULES = [
    "remote_coverage_tools",
    "rules_cc",
    "rules_java",
    "rules_python",
]

def tinyprop_repositories():
    tflm_repository(name = "tflm")
    if not native.bazel_version:  # only Debian's build has no version
        for name in _BUILTIN_RULES:
            native.local_repository(name = name, path = "third_party/bazel/" + name)
        native.register_toolchains("@rules_python//:toolchain")
