// TinyPropInitialize: begins a training step. The first op of the graph.
//
//   inputs   statistics                  float32 [1 + L, B, 4], variable: set to zero
//            model_input x N             the model's own inputs, read only
//            (initial, variable) x V     constants in flash and the variables in RAM they start from
//   outputs  finite                      int32 [B]: 0 where a float32 input of the sample holds NaN or
//                                        infinity, else 1
//
// On the first invoke after the interpreter was created or reset, every variable becomes a copy of its
// constant. TFLM's Reset zeroes variables after it has called the ops' reset functions, so the copy has
// to wait for the next invoke.
// Assumption: a model input belongs to sample b in its b-th of B equal parts; one that cannot be divided
// so belongs to all samples.
#include "cc/core/begin_step.h"
#include "cc/core/wire_format.h"
#include "cc/tflm/op_support.h"
#include "cc/tflm/registrations.h"

namespace tinyprop {
namespace {

constexpr int kStatistics = 0;
constexpr int kFirstModelInput = 1;
constexpr int kFinite = 0;  // output
constexpr TensorSpec kStatisticsSpec = {"statistics", TensorSpec::kMutable};
constexpr TensorSpec kFiniteSpec = {"finite", TensorSpec::kInt | TensorSpec::kOutput};
constexpr TensorSpec kModelInputSpec = {"model input", TensorSpec::kAnyType};
constexpr TensorSpec kInitialSpec = {"initial value", TensorSpec::kFloat};
constexpr TensorSpec kVariableSpec = {"variable", TensorSpec::kMutable};

using Options = InitializeOptions;

int PairPosition(const Options& options, int pair) {
  return kFirstModelInput + options.model_inputs + 2 * pair;
}

api::Status Prepare(api::Context* context, api::Node* node) {
  const auto* data = DataOf<Options>(node);
  if (data == nullptr || !CheckOptions(kInitializeName, data->error)) return api::kError;
  const Options& options = data->options;

  TensorChecker check(kInitializeName);
  check.Require(api::InputCount(node) == PairPosition(options, options.variables), "has a wrong number of inputs");
  check.Require(api::OutputCount(node) == 1, "has a wrong number of outputs");
  const api::Tensor statistics = api::Input(context, node, kStatistics);
  const api::Tensor finite = api::Output(context, node, kFinite);
  check.Check(kStatisticsSpec, statistics);
  check.Check(kFiniteSpec, finite);
  check.Require(!check.ok() || (statistics.rank() == 3 && statistics.dims()[2] == kStatisticsFields),
                "needs statistics of shape [1 + layers, batch, 4]");
  if (check.ok()) check.Size(kFiniteSpec, finite, statistics.dims()[1]);
  for (int i = 0; check.ok() && i < options.model_inputs; ++i) {
    check.Check(kModelInputSpec, api::Input(context, node, kFirstModelInput + i));
  }
  for (int pair = 0; check.ok() && pair < options.variables; ++pair) {
    const int position = PairPosition(options, pair);
    const api::Tensor initial = api::Input(context, node, position);
    const api::Tensor variable = api::Input(context, node, position + 1);
    check.Check(kInitialSpec, initial);
    check.Check(kVariableSpec, variable);
    check.Size(kInitialSpec, initial, variable.size());
    check.Require(initial.data() != nullptr, "needs constant initial values");
  }
  return check.status();
}

api::Status Invoke(api::Context* context, api::Node* node) {
  auto* data = DataOf<Options>(node);
  const Options& options = data->options;
  for (int pair = 0; data->needs_initialization && pair < options.variables; ++pair) {
    const int position = PairPosition(options, pair);
    CopyInitialValues(api::Input(context, node, position).float_data(), api::Input(context, node, position + 1).floats());
  }
  data->needs_initialization = false;
  const Span<int32_t> finite = api::Output(context, node, kFinite).ints();
  BeginStep(api::Input(context, node, kStatistics).floats(), finite);
  for (int i = 0; i < options.model_inputs; ++i) {
    const api::Tensor input = api::Input(context, node, kFirstModelInput + i);
    if (input.type() == api::Type::kFloat32) MarkNonFinite(input.floats(), finite);  // integers are finite
  }
  return api::kOk;
}

void Reset(api::Context*, void* buffer) {
  static_cast<OpData<Options>*>(buffer)->needs_initialization = true;
}

}  // namespace

TINYPROP_DEFINE_OP(Initialize, Options, Prepare, Invoke, Reset)

}  // namespace tinyprop
