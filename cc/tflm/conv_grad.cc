#include "cc/tflm/conv_grad.h"

#include "cc/tflm/layer_grad.h"

namespace tinyprop {
namespace {

using T = LayerGradTensors;

// The map that the layer reads. It is known from either tensor that has its shape; a layer that neither
// updates weights nor hands down has none of them and needs none.
api::Tensor InputMap(const LayerGradTensors& tensors) {
  return tensors[T::kInput].exists() ? tensors[T::kInput] : tensors[T::kInputDelta];
}

// All tensors that exist have rank 4.
ConvShape ShapeOf(const WindowOptions& window, const LayerGradTensors& tensors) {
  ConvShape s;
  s.batch = tensors[T::kDelta].dims()[0];
  s.output_height = tensors[T::kDelta].dims()[1];
  s.output_width = tensors[T::kDelta].dims()[2];
  s.output_channels = tensors[T::kDelta].dims()[3];
  const api::Tensor input = InputMap(tensors);
  if (input.exists()) {
    s.input_height = input.dims()[1];
    s.input_width = input.dims()[2];
    s.input_channels = input.dims()[3];
  }
  s.filter_height = tensors[T::kWeights].dims()[1];
  s.filter_width = tensors[T::kWeights].dims()[2];
  s.stride_height = window.stride_height;
  s.stride_width = window.stride_width;
  s.dilation_height = window.dilation_height;
  s.dilation_width = window.dilation_width;
  s.pad_top = window.pad_top;
  s.pad_left = window.pad_left;
  return s;
}

// True if the filter reaches the input from the first output of an axis to the last, as it does with TensorFlow's paddings,
// and if no offset that a kernel computes overflows. step: elements from one position of the input to the next.
bool IsConsistentAxis(int64_t input, int64_t output, int64_t filter, int64_t stride, int64_t dilation, int64_t pad,
                      int64_t step) {
  const int64_t reach = (filter - 1) * dilation + 1;
  const int64_t most = INT32_MAX / step;
  return pad < reach && (output - 1) * stride - pad < input && input + reach <= most && stride <= most && dilation <= most;
}

// The same for both axes, whichever of the two maps the filter slides over.
bool AreConsistentAxes(ConvType type, const ConvShape& s) {
  if (type == ConvType::kTransposed) {
    return s.dilation_height == 1 && s.dilation_width == 1 &&
           IsConsistentAxis(s.output_height, s.input_height, s.filter_height, s.stride_height, 1, s.pad_top, 1) &&
           IsConsistentAxis(s.output_width, s.input_width, s.filter_width, s.stride_width, 1, s.pad_left, 1);
  }
  return IsConsistentAxis(s.input_height, s.output_height, s.filter_height, s.stride_height, s.dilation_height, s.pad_top,
                          int64_t{s.input_width} * s.input_channels) &&
         IsConsistentAxis(s.input_width, s.output_width, s.filter_width, s.stride_width, s.dilation_width, s.pad_left,
                          s.input_channels);
}

// Weights that one element of delta meets; of a transposed convolution on average, rounded, since strides leave some out.
int32_t MacsPerGradient(ConvType type, const ConvShape& s, int32_t weights) {
  const int32_t filter = weights / s.output_channels;
  if (type != ConvType::kTransposed) return filter;
  const int64_t positions = int64_t{s.output_height} * s.output_width;
  const int64_t macs = (2 * int64_t{s.input_height} * s.input_width * filter + positions) / (2 * positions);
  if (macs > INT32_MAX / 2) return INT32_MAX / 2;  // counted twice: in the hand-down and in the update
  return macs > 1 ? static_cast<int32_t>(macs) : 1;
}

void CheckShapes(TensorChecker* check, const ConvKind& kind, const ConvShape& s,
                 const LayerGradTensors& tensors) {
  const int* weights = tensors[T::kWeights].dims();
  const bool is_depthwise = kind.type == ConvType::kDepthwise;
  check->Require(weights[is_depthwise ? 3 : 0] == s.output_channels,
                 "needs weights with as many output channels as delta");
  check->Require(!is_depthwise || weights[0] == 1, "needs depthwise weights of shape [1, ...]");
  const api::Tensor input = InputMap(tensors);
  if (!input.exists()) return;
  check->Require(input.dims()[0] == s.batch, "needs an input and a delta of the same batch");
  check->Require(is_depthwise ? s.output_channels % s.input_channels == 0
                                   : weights[3] == s.input_channels,
                 "needs weights that fit the input's channels");
  check->Require(AreConsistentAxes(kind.type, s),
                 "needs strides, dilations and paddings that keep the filter on the input");
}

bool HasRank4(api::Tensor tensor) { return !tensor.exists() || tensor.rank() == 4; }

api::Status CheckTensors(const ConvKind& kind, const ConvGradOptions& options, api::Context* context, api::Node* node) {
  TensorChecker check(kind.name);
  const LayerGradTensors tensors = CheckedTensors(&check, context, node, options.layer);
  check.Require(!check.ok() || (HasRank4(tensors[T::kDelta]) && HasRank4(tensors[T::kWeights]) &&
                                HasRank4(tensors[T::kInput]) && HasRank4(tensors[T::kInputDelta])),
                "needs maps and weights of rank 4");
  if (!check.ok()) return check.status();
  const ConvShape shape = ShapeOf(options.window, tensors);
  CheckShapes(&check, kind, shape, tensors);
  CheckSizes(&check, options.layer, tensors,
             {shape.batch, tensors[T::kDelta].size(), InputMap(tensors).size(), shape.output_channels});
  if (tensors[T::kInput].exists() && tensors[T::kInputDelta].exists()) {
    for (int i = 0; i < 4; ++i) {
      check.Require(tensors[T::kInput].dims()[i] == tensors[T::kInputDelta].dims()[i],
                    "needs an input delta of the input's shape");
    }
  }
  return check.status();
}

// The memory in which the kernel sums changes, unless the layer is frozen.
api::Status RequestScratch(const ConvKind& kind, api::Context* context, const api::Node* node,
                           OpData<ConvGradOptions>* data) {
  constexpr uint8_t kUpdates = LayerGradOptions::kUpdatesWeights | LayerGradOptions::kUpdatesBias;
  if ((data->options.layer.flags & kUpdates) == 0) return api::kOk;
  const ConvShape shape = ShapeOf(data->options.window, TensorsOf(context, node));
  const size_t bytes = static_cast<size_t>(kind.scratch(shape)) * sizeof(float);
  if (api::RequestScratch(context, bytes, &data->scratch)) return api::kOk;
  TINYPROP_LOG("%s: no arena memory for %u bytes of scratch", kind.name, static_cast<unsigned>(bytes));
  return api::kError;
}

}  // namespace

api::Status PrepareConvGrad(const ConvKind& kind, api::Context* context, api::Node* node) {
  auto* const data = DataOf<ConvGradOptions>(node);
  if (data == nullptr || !CheckOptions(kind.name, data->error)) return api::kError;
  if (CheckTensors(kind, data->options, context, node) != api::kOk) return api::kError;
  return RequestScratch(kind, context, node, data);
}

api::Status InvokeConvGrad(const ConvKind& kind, api::Context* context, api::Node* node) {
  const auto* const data = DataOf<ConvGradOptions>(node);
  const ConvGradOptions& options = data->options;
  const LayerGradTensors tensors = TensorsOf(context, node);
  ConvGradParams params;
  params.shape = ShapeOf(options.window, tensors);
  const int32_t macs = MacsPerGradient(kind.type, params.shape, tensors[T::kWeights].size());
  if (BeginLayerGrad(options.layer, tensors, macs, &params)) {
    if (data->scratch >= 0) params.scratch = static_cast<float*>(api::Scratch(context, data->scratch));
    kind.grad(params);
  }
  return api::kOk;
}

}  // namespace tinyprop
