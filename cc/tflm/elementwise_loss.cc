#include "cc/tflm/elementwise_loss.h"

#include "cc/core/activation.h"

namespace tinyprop {
namespace {

enum { kOutput, kLabel, kLoss, kDelta };
constexpr TensorSpec kSpecs[] = {{"output", TensorSpec::kFloat},
                                 {"label", TensorSpec::kFloat},
                                 {"loss", TensorSpec::kOutput},
                                 {"delta", TensorSpec::kOutput}};

}  // namespace

api::Status PrepareElementwiseLoss(api::Context* context, api::Node* node, const char* name) {
  const auto* data = DataOf<LossOptions>(node);
  if (data == nullptr || !CheckOptions(name, data->error)) return api::kError;

  TensorChecker check(name);
  check.Require(data->options.label_kind == 1, "needs labels of the output's shape");
  api::Tensor t[4];
  check.Take(context, node, kSpecs, t);
  check.Require(!check.ok() || t[kOutput].rank() >= 1, "needs an output with a batch dimension");
  if (check.ok()) {
    check.Size(kSpecs[kLabel], t[kLabel], t[kOutput].size());
    check.Size(kSpecs[kLoss], t[kLoss], t[kOutput].dims()[0]);
    check.Size(kSpecs[kDelta], t[kDelta], t[kOutput].size());
  }
  return check.status();
}

api::Status InvokeElementwiseLoss(api::Context* context, api::Node* node, SampleLoss sample_loss) {
  api::Tensor t[4];
  TensorsOf(context, node, kSpecs, t);
  const LossOptions& options = DataOf<LossOptions>(node)->options;
  const Span<const float> output = t[kOutput].floats();
  const Span<const float> label = t[kLabel].floats();
  const Span<float> loss = t[kLoss].floats();
  const Span<float> delta = t[kDelta].floats();

  const int32_t n = output.size / loss.size;
  for (int32_t b = 0; b < loss.size; ++b) {
    loss[b] = sample_loss(options, output.subspan(b * n, n), label.subspan(b * n, n), delta.subspan(b * n, n));
  }
  ActivationGrad(static_cast<Activation>(options.fused_activation), output, delta);
  return api::kOk;
}

}  // namespace tinyprop
