// Reader of the metadata entry TINYPROP (SPEC.md): a view of its bytes, which stay where they are, in flash.
#ifndef TINYPROP_CC_RUNTIME_TRAINING_METADATA_H_
#define TINYPROP_CC_RUNTIME_TRAINING_METADATA_H_

#include <cstdint>

#include "cc/core/control.h"
#include "cc/core/span.h"
#include "cc/runtime/status.h"

namespace tinyprop {

enum class LossKind : uint8_t {
  kSparseCategoricalCrossentropy = 0,
  kCategoricalCrossentropy = 1,
  kMeanSquaredError = 2,
};

struct LayerRecord {
  const char* name = "";
  int32_t gradients = 0;       // n
  uint32_t update_macs = 0;    // multiply-accumulates per gradient kept
  uint32_t hand_down_macs = 0;
};

class TrainingMetadata {
 public:
  // Checks everything that the accessors rely on. kNotTrainable (no bytes), kMetadataDamaged, kMetadataNewer.
  // Until it has succeeded, no accessor may be called. The bytes must outlive this object.
  Status Parse(Span<const uint8_t> entry);
  bool is_parsed() const { return entry_.data != nullptr; }

  uint32_t fingerprint() const { return U32(12); }
  int32_t batch_size() const { return U16(16); }
  LossKind loss() const { return static_cast<LossKind>(entry_[18]); }
  int32_t layer_count() const { return U16(20); }
  int32_t variable_count() const { return U16(22); }
  int32_t model_inputs() const { return U16(24); }
  int32_t model_outputs() const { return U16(26); }
  int32_t label_input() const { return U16(28); }
  int32_t control_input() const { return U16(30); }
  int32_t loss_output() const { return U16(32); }
  int32_t statistics_output() const { return U16(34); }
  int32_t first_variable_output() const { return U16(36); }
  // Multiply-accumulates of the forward pass of one sample.
  uint64_t forward_macs() const { return U32(44) | static_cast<uint64_t>(U32(48)) << 32; }
  Control config() const;

  LayerRecord Layer(int32_t l) const;  // l = 1..L
  int32_t VariableElements(int32_t index) const;
  // Multiply-accumulates of the full backward pass and update of one sample.
  uint64_t backward_macs() const;

 private:
  bool IsIntact() const;
  uint32_t ComputeFingerprint() const;
  int32_t LayerOffset(int32_t l) const;
  int32_t VariableOffset(int32_t index) const;
  int32_t NamesOffset() const;

  // Byte by byte: flatbuffers do not align the entry.
  uint32_t U16(int32_t offset) const {
    return static_cast<uint32_t>(entry_[offset] | entry_[offset + 1] << 8);
  }
  uint32_t U32(int32_t offset) const { return U16(offset) | U16(offset + 2) << 16; }

  Span<const uint8_t> entry_;
};

}  // namespace tinyprop

#endif  // TINYPROP_CC_RUNTIME_TRAINING_METADATA_H_
