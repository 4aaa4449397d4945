// TinyPropTransposeConvGrad:  z[p stride + t - pad, oc] = sum over positions p, taps t and ic of x[p, ic] W[oc, t, ic], + b[oc].
#include "cc/tflm/registrations.h"
#include "tests/cc/tflm/conv_case.h"

namespace tinyprop {
namespace testing {
namespace {

OpCase MakeCase(Random& random, bool is_benchmark) {
  const int batch = is_benchmark ? 1 : random.Int(1, 3);
  const int in = is_benchmark ? 16 : random.Int(1, 3), out = is_benchmark ? 16 : random.Int(1, 3);
  const ConvAxis twice = {16, 8, 3, 2, 1, 0};
  const ConvAxis down = is_benchmark ? twice : ConvAxis::Random(random, false);
  const ConvAxis across = is_benchmark ? twice : ConvAxis::Random(random, false);
  LayerSpec spec;
  spec.name = "TransposeConvGrad";
  spec.registration = &RegisterTransposeConvGrad();
  spec.x = {batch, down.positions, across.positions, in};
  spec.weights = {out, down.taps, across.taps, in};
  spec.y = {batch, down.covered, across.covered, out};
  spec.units = out;
  const int outputs = down.covered * across.covered;
  const int total = down.positions * across.positions * down.taps * across.taps * in;
  spec.macs = std::max(1, (2 * total + outputs) / (2 * outputs));
  spec.window = WindowBytes(down, across);
  spec.forward = [=](const std::vector<double>& x, const std::vector<double>& w, const std::vector<double>& b) {
    std::vector<double> z(Elements(spec.y));
    for (size_t i = 0; i < z.size(); ++i) z[i] = b[i % static_cast<size_t>(out)];
    for (int s = 0; s < batch; ++s) {
      ForEachTap(down, across, [&](int py, int px, int ty, int tx, int oy, int ox) {
        const int pixel = ((s * down.positions + py) * across.positions + px) * in;
        for (int oc = 0; oc < out; ++oc) {
          double& sum = z[static_cast<size_t>(((s * down.covered + oy) * across.covered + ox) * out + oc)];
          const int tap = ((oc * down.taps + ty) * across.taps + tx) * in;
          for (int ic = 0; ic < in; ++ic) sum += x[static_cast<size_t>(pixel + ic)] * w[static_cast<size_t>(tap + ic)];
        }
      });
    }
    return z;
  };
  // A map that grows behind the last filter, and a filter whose further taps lie behind the map, are possible.
  spec.free_x = spec.free_weights = spec.free_y = {1, 2};
  spec.free_weights_alone = {1, 2, 3};
  OpCase op = LayerCase(random, spec, batch, is_benchmark);
  if (!KnowsInput(op)) return op;
  AddWindowFaults(&op, down, across);
  for (const size_t field : {offsetof(WindowOptions, dilation_height), offsetof(WindowOptions, dilation_width)}) {
    op.refused.emplace_back("a dilation", [=](OpCase& changed) {
      changed.options[changed.options.size() - WindowOptions::kBytes[0] + field] = 2;
    });
  }
  return op;
}

const OpCaseRegistration registered("TransposeConvGrad", MakeCase);

}  // namespace
}  // namespace testing
}  // namespace tinyprop
