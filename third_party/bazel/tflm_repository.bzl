"""Repository @tflm: what the ops compile against.

With the environment variable TFLM_ROOT (absolute path of a tflite-micro checkout) it links that checkout's
headers and those of flatbuffers, which FLATBUFFERS_INCLUDE may name. Without it, @tflm//:tflm selects the
project's own declarations of the wheel's binary interface.
"""

_CHECKOUT_BUILD = """
load("@rules_cc//cc:defs.bzl", "cc_library")

cc_library(
    name = "tflm",
    hdrs = glob(["include/**/*.h"]),
    defines = ["TF_LITE_STATIC_MEMORY"],
    includes = ["include"],
    visibility = ["//visibility:public"],
)
"""

_HOST_ABI_BUILD = """
load("@rules_cc//cc:defs.bzl", "cc_library")

cc_library(
    name = "tflm",
    defines = ["TINYPROP_HOST_PLUGIN"],
    visibility = ["//visibility:public"],
)
"""

_DOWNLOADED_FLATBUFFERS = "/tensorflow/lite/micro/tools/make/downloads/flatbuffers/include"

def _require_header(ctx, folder, header, remedy):
    if not ctx.path(folder + "/" + header).exists:
        fail("%s/%s does not exist. %s" % (folder, header, remedy))

def _link_headers(ctx, folder, under):
    """Links header by header: the checkout's own BUILD files must stay out."""
    found = ctx.execute(["find", under, "-name", "downloads", "-prune", "-o", "-name", "*.h", "-print"], working_directory = folder)
    if found.return_code != 0:
        fail("cannot list the headers in %s: %s" % (folder, found.stderr))
    for header in found.stdout.splitlines():
        ctx.symlink(folder + "/" + header, "include/" + header)

def _tflm_repository_impl(ctx):
    root = ctx.os.environ.get("TFLM_ROOT", "")
    if not root:
        ctx.file("BUILD", _HOST_ABI_BUILD)
        return
    flatbuffers = ctx.os.environ.get("FLATBUFFERS_INCLUDE", "") or root + _DOWNLOADED_FLATBUFFERS
    _require_header(
        ctx,
        root,
        "tensorflow/lite/micro/micro_context.h",
        "TFLM_ROOT must be the absolute path of a tflite-micro checkout.",
    )
    _require_header(
        ctx,
        flatbuffers,
        "flatbuffers/flatbuffers.h",
        "Run TFLM's third_party_downloads make target in the checkout, or set FLATBUFFERS_INCLUDE.",
    )
    _link_headers(ctx, root, "tensorflow")
    _link_headers(ctx, flatbuffers, "flatbuffers")
    ctx.file("BUILD", _CHECKOUT_BUILD)

tflm_repository = repository_rule(
    implementation = _tflm_repository_impl,
    environ = ["FLATBUFFERS_INCLUDE", "TFLM_ROOT"],
    local = True,
)
