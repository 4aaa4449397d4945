// TinyPropFullyConnectedGrad:  z[r, u] = sum_i x[r, i] W[u, i] + b[u].
#include "cc/tflm/registrations.h"
#include "tests/cc/tflm/layer_grad_case.h"

namespace tinyprop {
namespace testing {
namespace {

OpCase MakeCase(Random& random, bool is_benchmark) {
  const int batch = is_benchmark ? 1 : random.Int(1, 3), positions = is_benchmark ? 1 : random.Int(1, 2);
  const int inputs = is_benchmark ? 128 : random.Int(1, 9), units = is_benchmark ? 64 : random.Int(1, 7);
  LayerSpec spec;
  spec.name = "FullyConnectedGrad";
  spec.registration = &RegisterFullyConnectedGrad();
  spec.x = {batch, positions, inputs};
  spec.weights = {units, inputs};
  spec.y = {batch, positions, units};
  spec.units = units;
  spec.macs = inputs;
  spec.free_weights_alone = {0, 1};
  spec.forward = [=](const std::vector<double>& x, const std::vector<double>& w, const std::vector<double>& b) {
    std::vector<double> z;
    for (int r = 0; r < batch * positions; ++r) {
      for (int u = 0; u < units; ++u) {
        double sum = b[static_cast<size_t>(u)];
        for (int i = 0; i < inputs; ++i) sum += x[static_cast<size_t>(r * inputs + i)] * w[static_cast<size_t>(u * inputs + i)];
        z.push_back(sum);
      }
    }
    return z;
  };
  return LayerCase(random, spec, batch, is_benchmark);
}

const OpCaseRegistration registered("FullyConnectedGrad", MakeCase);

}  // namespace
}  // namespace testing
}  // namespace tinyprop
