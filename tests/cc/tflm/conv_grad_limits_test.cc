// TinyPropConv2DGrad at the limit of what an index holds, which is beyond the sizes of its case.
#include <doctest/doctest.h>

#include "tests/cc/tflm/conv_case.h"

namespace tinyprop {
namespace testing {
namespace {

// One position, one tap and `channels` channels, so that neither map nor filter says how far a dilation may reach.
api::Status Run(int channels, bool is_vertical) {
  Random random(1);
  for (const OpCaseFactory& factory : AllOpCases()) {
    if (std::string(factory.name) != "Conv2DGrad") continue;
    OpCase op = factory.make(random, true);
    const int units = op["bias"].dims[0];
    const auto resize = [&op](const char* role, std::vector<int> dims) {
      op[role].floats.assign(Elements(dims), 0.5f);
      op[role].dims = std::move(dims);
    };
    resize("delta", {1, 1, 1, units});
    resize("input", {1, 1, 1, channels});
    resize("weights", {units, 1, 1, channels});
    resize("input delta", {1, 1, 1, channels});
    ConvAxis down = {1, 1, 1, 1, 1, 0}, across = down;
    (is_vertical ? down : across).dilation = 65535;
    op.options.replace(op.options.size() - WindowOptions::kBytes[0], std::string::npos, WindowBytes(down, across));
    OpRun run(&op);
    return run.Prepare() == api::kOk ? run.Invoke() : api::kError;
  }
  return api::kError;
}

TEST_CASE("a dilation is refused from where a step to the next tap overflows") {
  for (const bool is_vertical : {false, true}) {
    CAPTURE(is_vertical);
    CHECK(Run(INT32_MAX / 65535, is_vertical) == api::kOk);
    CHECK(Run(INT32_MAX / 65535 + 1, is_vertical) == api::kError);
  }
}

}  // namespace
}  // namespace testing
}  // namespace tinyprop
