// What the cases of the losses share.
#ifndef TINYPROP_TESTS_CC_TFLM_LOSS_CASE_H_
#define TINYPROP_TESTS_CC_TFLM_LOSS_CASE_H_

#include "tests/cc/tflm/layer_grad_case.h"

namespace tinyprop {
namespace testing {

// y of an output layer: with an activation some lie on its bounds, where delta is blocked.
inline std::vector<float> RandomOutputs(Random& random, int size, uint8_t activation) {
  std::vector<float> values = random.Normal(size);
  const float bounds[] = {0.0f, 1.0f, -1.0f, 6.0f};
  for (float& value : values) {
    if (activation != 0) value = random.Chance(0.3) ? bounds[random.Int(0, 3)] : 3 * value;
  }
  return values;
}

// loss [B] and delta [B * n] from the losses of single samples and their gradients at y.
struct LossParts {
  std::vector<double> loss, gradient;
};

inline std::vector<Expectation> ExpectLoss(const LossParts& parts, const std::vector<float>& y, uint8_t activation) {
  Expectation loss = {"loss", parts.loss, {}, 256}, delta = {"delta", parts.gradient, {}, 256};
  for (double value : parts.loss) loss.magnitude.push_back(1 + std::fabs(value));
  for (size_t i = 0; i < y.size(); ++i) {
    delta.magnitude.push_back(1 + std::fabs(parts.gradient[i]));
    if (activation != 0 && !Passes(activation, y[i])) delta.value[i] = 0;
  }
  return {loss, delta};
}

inline double Sum(const std::vector<double>& values) {
  double sum = 0;
  for (double value : values) sum += value;
  return sum;
}

inline void SetLossGradient(OpCase* op, const char* output, uint8_t activation,
                            const std::function<LossParts(const std::vector<double>&)>& parts) {
  if (activation != 0) {
    op->no_gradient = "delta is taken before the fused activation; without one it is compared";
    return;
  }
  const std::string role = output;
  op->function = [=](const Point& point) { return Sum(parts(point.at(role)).loss); };
  op->derivatives = {{role, "delta"}};
}

}  // namespace testing
}  // namespace tinyprop

#endif  // TINYPROP_TESTS_CC_TFLM_LOSS_CASE_H_
