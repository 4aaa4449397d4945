// TinyPropConv2DGrad:  z[p, oc] = sum over taps t and ic of x[p stride + t dilation - pad, ic] W[oc, t, ic] + b[oc].
#include "cc/tflm/registrations.h"
#include "tests/cc/tflm/conv_case.h"

namespace tinyprop {
namespace testing {
namespace {

OpCase MakeCase(Random& random, bool is_benchmark) {
  const int batch = is_benchmark ? 1 : random.Int(1, 3);
  const int in = is_benchmark ? 16 : random.Int(1, 3), out = is_benchmark ? 16 : random.Int(1, 3);
  const ConvAxis same = {16, 16, 3, 1, 1, 1};
  const ConvAxis down = is_benchmark ? same : ConvAxis::Random(random, true);
  const ConvAxis across = is_benchmark ? same : ConvAxis::Random(random, true);
  LayerSpec spec;
  spec.name = "Conv2DGrad";
  spec.registration = &RegisterConv2DGrad();
  spec.x = {batch, down.covered, across.covered, in};
  spec.weights = {out, down.taps, across.taps, in};
  spec.y = {batch, down.positions, across.positions, out};
  spec.units = out;
  spec.macs = down.taps * across.taps * in;
  spec.window = WindowBytes(down, across);
  spec.forward = [=](const std::vector<double>& x, const std::vector<double>& w, const std::vector<double>& b) {
    std::vector<double> z(Elements(spec.y));
    for (size_t i = 0; i < z.size(); ++i) z[i] = b[i % static_cast<size_t>(out)];
    for (int s = 0; s < batch; ++s) {
      ForEachTap(down, across, [&](int py, int px, int ty, int tx, int iy, int ix) {
        const int pixel = ((s * down.covered + iy) * across.covered + ix) * in;
        for (int oc = 0; oc < out; ++oc) {
          double& sum = z[static_cast<size_t>(((s * down.positions + py) * across.positions + px) * out + oc)];
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
  if (KnowsInput(op)) AddWindowFaults(&op, down, across);
  return op;
}

const OpCaseRegistration registered("Conv2DGrad", MakeCase);

}  // namespace
}  // namespace testing
}  // namespace tinyprop
