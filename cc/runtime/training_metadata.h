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
  LossKind loss() const { return static_cast<LossKind>(entry_[Header::kLoss.offset]); }
  int32_t layer_count() const { return Get(Header::kLayers); }
  int32_t variable_count() const { return Get(Header::kVariables); }
  int32_t model_inputs() const { return Get(Header::kModelInputs); }
  int32_t model_outputs() const { return Get(Header::kModelOutputs); }
  int32_t label_input() const { return Get(Header::kLabelInput); }
  int32_t control_input() const { return Get(Header::kControlInput); }
  int32_t loss_output() const { return Get(Header::kLossOutput); }
  int32_t statistics_output() const { return Get(Header::kStatisticsOutput); }
  int32_t first_variable_output() const { return Get(Header::kFirstVariableOutput); }
  // Multiply-accumulates of the forward pass of one sample.
  uint64_t forward_macs() const { return Get(Header::kForwardMacs); }
  Control config() const;

  LayerRecord Layer(int32_t l) const;  // l = 1..L
  int32_t VariableElements(int32_t index) const;
  // Multiply-accumulates of the full backward pass and update of one sample.
  uint64_t backward_macs() const;

 private:
  using Header = wire::MetadataHeader;

  bool IsIntact() const;
  bool RecordsAreIntact() const;
  uint32_t ComputeFingerprint() const;
  // Bytes of a record, which a later writer may have made longer than those that this code knows.
  int32_t LayerSize() const;
  int32_t VariableSize() const;
  int32_t LayerOffset(int32_t l) const { return Get(Header::kHeaderSize) + (l - 1) * LayerSize(); }
  int32_t VariableOffset(int32_t index) const { return LayerOffset(layer_count() + 1) + index * VariableSize(); }
  int32_t NamesOffset() const { return VariableOffset(variable_count()); }

  // Byte by byte: flatbuffers do not align the entry. at: where the struct that has the field begins.
  int32_t Get(wire::U16 field, int32_t at = 0) const {
    const uint8_t* const p = entry_.data + at + field.offset;
    return p[0] | p[1] << 8;
  }
  uint32_t Get(wire::U32 field, int32_t at = 0) const {
    const wire::U16 low = {field.offset}, high = {field.offset + 2};
    return static_cast<uint32_t>(Get(low, at)) | static_cast<uint32_t>(Get(high, at)) << 16;
  }
  uint64_t Get(wire::U64 field) const {
    const wire::U32 low = {field.offset}, high = {field.offset + 4};
    return Get(low) | static_cast<uint64_t>(Get(high)) << 32;
  }

  Span<const uint8_t> entry_;
};

}  // namespace tinyprop

#endif  // TINYPROP_CC_RUNTIME_TRAINING_METADATA_H_
