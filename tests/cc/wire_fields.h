// The fields of options by name, for tests. Written by `make generate`.
#ifndef TINYPROP_TESTS_CC_WIRE_FIELDS_H_
#define TINYPROP_TESTS_CC_WIRE_FIELDS_H_

#include <string>
#include <utility>
#include <vector>

#include "cc/core/wire_format.h"

namespace tinyprop {
namespace testing {

using Fields = std::vector<std::pair<std::string, double>>;

inline Fields FieldsOf(const InitializeOptions& o) {
  return {
      {"model_inputs", o.model_inputs},
      {"variables", o.variables},
  };
}

inline Fields FieldsOf(const LossOptions& o) {
  return {
      {"label_kind", o.label_kind},
      {"fused_activation", o.fused_activation},
      {"label_smoothing", o.label_smoothing},
      {"delta", o.delta},
  };
}

inline Fields FieldsOf(const DecisionOptions& o) {
  return {
      {"bound", o.bound},
  };
}

inline Fields FieldsOf(const LayerGradOptions& o) {
  return {
      {"fused_activation", o.fused_activation},
      {"flags", o.flags},
      {"layer", o.layer},
      {"layers_above", o.layers_above},
  };
}

inline Fields FieldsOf(const ConvGradOptions& o) {
  return {
      {"fused_activation", o.layer.fused_activation},
      {"flags", o.layer.flags},
      {"layer", o.layer.layer},
      {"layers_above", o.layer.layers_above},
      {"stride_height", o.window.stride_height},
      {"stride_width", o.window.stride_width},
      {"dilation_height", o.window.dilation_height},
      {"dilation_width", o.window.dilation_width},
      {"pad_top", o.window.pad_top},
      {"pad_left", o.window.pad_left},
  };
}

inline Fields FieldsOf(const PoolGradOptions& o) {
  return {
      {"filter_height", o.filter_height},
      {"filter_width", o.filter_width},
      {"stride_height", o.window.stride_height},
      {"stride_width", o.window.stride_width},
      {"dilation_height", o.window.dilation_height},
      {"dilation_width", o.window.dilation_width},
      {"pad_top", o.window.pad_top},
      {"pad_left", o.window.pad_left},
  };
}

inline Fields FieldsOf(const ActivationGradOptions& o) {
  return {
      {"kind", o.kind},
      {"slope", o.slope},
  };
}

inline Fields FieldsOf(const SoftmaxGradOptions& o) {
  return {
      {"beta", o.beta},
  };
}

inline Fields FieldsOf(const ReduceGradOptions& o) {
  return {
      {"first_axis", o.first_axis},
      {"axes", o.axes},
  };
}

inline Fields FieldsOf(const ScatterAddOptions& o) {
  return {
      {"axis", o.axis},
  };
}

inline Fields FieldsOf(const ResetStateOptions& o) {
  return {
      {"states", o.states},
      {"on_request", o.on_request},
  };
}

}  // namespace testing
}  // namespace tinyprop

#endif  // TINYPROP_TESTS_CC_WIRE_FIELDS_H_
