// Reader of the metadata entry TINYPROP (SPEC.md): a view of its bytes, which stay where they are, in flash.
#ifndef TINYPROP_CC_RUNTIME_TRAINING_METADATA_H_
#define TINYPROP_CC_RUNTIME_TRAINING_METADATA_H_

#include <cstdint>

#include "cc/core/control.h"
#include "cc/core/span.h"
#include "cc/core/wire_format.h"
#include "cc/runtime/status.h"

namespace tinyprop {

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

  uint32_t fingerprint() const { return Get(Header::kFingerprint); }
  int32_t batch_size() const { return Get(Header::kBatchSize); }
  LossKind loss() const { return static_cast<LossKind>(entry_[wire::Offset(Header::kLoss)]); }
  int32_t layer_count() const { return Get(Header::kLayers); }
  int32_t variable_count() const { return Get(Header::kVariables); }
  int32_t model_inputs() const { return Get(Header::kModelInputs); }
  int32_t model_outputs() const { return Get(Header::kModelOutputs); }
  int32_t label_input() const { return Get(Header::kLabelInput); }
  int32_t control_input() const { return Get(Header::kControlInput); }
  int32_t loss_output() const { return Get(Header::kLossOutput); }
  int32_t statistics_output() const { return Get(Header::kStatisticsOutput); }
  // Whether the model's own ops keep state from one invoke to the next; then position of the input that resets it, else -1.
  bool keeps_state() const { return model_state() == kKeptState; }
  int32_t reset_state_input() const { return keeps_state() ? Get(Header::kResetStateInput) : -1; }
  int32_t first_variable_output() const { return Get(Header::kFirstVariableOutput); }
  // Position of the output that the loss is taken on, among the model's own.
  int32_t output() const { return Get(Header::kVersion) < kLossVersion ? 0 : Get(Header::kOutput); }
  // Of a binary cross entropy: an output above it stands for label 1.
  float output_threshold() const;
  // Multiply-accumulates of the forward pass of one sample.
  uint64_t forward_macs() const { return Get(Header::kForwardMacs); }
  Control config() const;

  LayerRecord Layer(int32_t l) const;  // l = 1..L
  int32_t VariableElements(int32_t index) const;
  // Multiply-accumulates of the full backward pass and update of one sample.
  uint64_t backward_macs() const;

 private:
  using Header = wire::MetadataHeader;
  static constexpr int32_t kLossVersion = 3;  // that brought the output and the threshold

  static constexpr int32_t kKeptState = 2;

  bool FindRecords();
  bool CrcIsRight() const;
  bool RecordsAreIntact() const;
  int32_t model_state() const { return Get(Header::kVersion) < 3 ? 0 : Get(Header::kModelState); }
  uint32_t ComputeFingerprint() const;
  int32_t LayerOffset(int32_t l) const { return layers_ + (l - 1) * layer_size_; }
  int32_t VariableOffset(int32_t index) const { return variables_ + index * variable_size_; }

  // Byte by byte: flatbuffers do not align the entry. at: where the struct that has the field begins.
  int32_t Get(wire::U16 field, int32_t at = 0) const {
    const uint8_t* const p = entry_.data + at + wire::Offset(field);
    return p[0] | p[1] << 8;
  }
  uint32_t Get(wire::U32 field, int32_t at = 0) const;
  uint64_t Get(wire::U64 field) const;

  Span<const uint8_t> entry_;
  // Where the records begin, and how long each is: a later writer may have made them longer than those that this code knows.
  int32_t layers_ = 0, layer_size_ = 0;
  int32_t variables_ = 0, variable_size_ = 0;
  int32_t names_ = 0;
};

}  // namespace tinyprop

#endif  // TINYPROP_CC_RUNTIME_TRAINING_METADATA_H_
