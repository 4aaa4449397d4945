// TinyPropConv2DGrad at the limit of what an index holds, which is beyond the sizes of its case.
#include <doctest/doctest.h>

#include "tests/cc/tflm/conv_case.h"

namespace tinyprop {
namespace testing {
namespace {

OpCase CaseOf(const std::string& name, Random& random) {
  for (const OpCaseFactory& factory : AllOpCases()) {
    if (factory.name == name) return factory.make(random, true);
  }
  std::abort();
}

void Resize(OpCase* op, const char* role, std::vector<int> dims) {
  (*op)[role].floats.assign(Elements(dims), 0.5f);
  (*op)[role].dims = std::move(dims);
}

void SetWindow(OpCase* op, const ConvAxis& down, const ConvAxis& across) {
  op->options.replace(op->options.size() - WindowOptions::kBytes[0], std::string::npos, WindowBytes(down, across));
}

// One position, one tap and `channels` channels, so that neither map nor filter says how far a dilation or a stride may reach.
api::Status Run(int channels, int ConvAxis::*field, bool is_vertical) {
  Random random(1);
  OpCase op = CaseOf("Conv2DGrad", random);
  const int units = op["bias"].dims[0];
  Resize(&op, "delta", {1, 1, 1, units});
  Resize(&op, "input", {1, 1, 1, channels});
  Resize(&op, "weights", {units, 1, 1, channels});
  Resize(&op, "input delta", {1, 1, 1, channels});
  ConvAxis down = {1, 1, 1, 1, 1, 0}, across = down;
  ConvAxis& axis = is_vertical ? down : across;  // gcc 12 would assign to a copy of (is_vertical ? down : across)
  axis.*field = 65535;
  SetWindow(&op, down, across);
  OpRun run(&op);
  return run.Prepare() == api::kOk ? run.Invoke() : api::kError;
}

TEST_CASE("a stride or a dilation is refused from where a step over the map overflows") {
  for (int ConvAxis::*field : {&ConvAxis::dilation, &ConvAxis::stride}) {
    for (const bool is_vertical : {false, true}) {
      CAPTURE(is_vertical);
      CHECK(Run(INT32_MAX / 65535, field, is_vertical) == api::kOk);
      CHECK(Run(INT32_MAX / 65535 + 1, field, is_vertical) == api::kError);
    }
  }
}

TEST_CASE("a padding is refused from where it overflows, though the filter is wider still") {
  // Taps 65535 apart, as many paddings: the filter's third tap lies on the only position.
  const auto run = [](int channels) {
    Random random(1);
    OpCase op = CaseOf("Conv2DGrad", random);
    const int units = op["bias"].dims[0];
    Resize(&op, "delta", {1, 1, 1, units});
    Resize(&op, "input", {1, 1, 1, channels});
    Resize(&op, "weights", {units, 1, 3, channels});
    Resize(&op, "input delta", {1, 1, 1, channels});
    SetWindow(&op, {1, 1, 1, 1, 1, 0}, {1, 1, 3, 1, 65534, 65535});
    OpRun run(&op);
    return run.Prepare() == api::kOk ? run.Invoke() : api::kError;
  };
  CHECK(run(INT32_MAX / 131070) == api::kOk);
  CHECK(run(INT32_MAX / 131070 + 1) == api::kError);
}

}  // namespace
}  // namespace testing
}  // namespace tinyprop
