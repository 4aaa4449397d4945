// Trained weights in flash, in two slots, so that a power cut at any moment loses at most what was not yet
// committed.
//
// A slot, half of the storage, holds one weight record (SPEC.md, "Weight record"). Save writes the slot
// that does not hold the newest intact record; Load takes the newest intact record of this model. The
// record's CRC-32 decides what is intact. Nothing is remembered between saves and loads: each looks at the storage anew.
#ifndef TINYPROP_CC_RUNTIME_WEIGHT_STORE_H_
#define TINYPROP_CC_RUNTIME_WEIGHT_STORE_H_

#include <cstdint>

#include "cc/core/span.h"
#include "cc/runtime/record_writer.h"
#include "cc/runtime/slot_inspection.h"
#include "cc/runtime/status.h"
#include "cc/runtime/storage.h"
#include "cc/runtime/weight_record.h"

namespace tinyprop {

class WeightStore {
 public:
  // buffer: through which records are streamed; a multiple of program_size, at least 64 bytes. It must outlive the
  // store, and so must the storage's context. Returns kBadStorage if something does not fit together.
  Status Init(const Storage& storage, Span<uint8_t> buffer);

  // Bytes that a storage must have for a model whose variables have `elements` in total: two slots of whole erase
  // blocks. 0xffffffff if no storage is large enough.
  static uint32_t RequiredStorage(const Storage& geometry, int32_t variable_count, uint32_t elements);

  // Writes a new record; returns kOk when it is durable and reads back intact. Whatever happens, the newest
  // intact record of this model stays so; where there is none, the newest of the other records.
  //
  // kStorageFailed, kVerifyFailed: the new record may be there or not; both Load and Save may be called again.
  // kStorageTooSmall, kBadArgument, kNotInitialized: nothing was done.
  Status Save(const TrainingState& state);

  // The same in pieces, for a loop that has to be somewhere else in between, at a watchdog say:
  //
  //   status = store.SaveBegin(state);
  //   if (status == Status::kOk) status = Status::kSaving;
  //   while (status == Status::kSaving) { FeedWatchdog(); status = store.SaveStep(state); }
  //
  // SaveBegin does not touch the storage. Each SaveStep does no more than one erase, one program of at most a buffer, one
  // sync, or reads of a buffer and 40 bytes, and returns kSaving until the last one returns what Save does. From SaveBegin
  // to the end `state` has to be the same, and so have the values of its variables. What ends a save before: SaveBegin,
  // Save and Load, which leave a torn record where it was, as a power cut does.
  //
  // kBadArgument of SaveStep: no save has begun, or the state is another one.
  Status SaveBegin(const TrainingState& state);
  Status SaveStep(const TrainingState& state);

  // Fills the variables, step and schedule_step.
  //
  // kNoRecord, kOtherModel, kStorageFailed, kStorageTooSmall, kBadArgument, kNotInitialized: nothing was changed.
  // kLoadInterrupted: the storage failed between checking the record and reading it; the variables may be half filled.
  Status Load(TrainingState* state);

 private:
  enum class Stage : uint8_t {
    kIdle, kSync, kSurvey, kErase, kSyncErased, kProgram, kSyncProgrammed, kVerify, kDone,
  };

  uint32_t slot_size() const { return storage_.size / 2; }
  bool Advance(const TrainingState& state);
  void ChooseTarget();
  Status Fill(const SlotInspection& slot, TrainingState* state);

  Storage storage_;
  Span<uint8_t> buffer_;  // empty until Init has succeeded
  // Of a save that has begun.
  Stage stage_ = Stage::kIdle;
  uint8_t target_ = 0;     // the slot that is written
  uint32_t erased_ = 0;    // bytes of it
  RecordHeader header_ = {};
  SlotInspection slots_[2];
  RecordWriter writer_;
};

}  // namespace tinyprop

#endif  // TINYPROP_CC_RUNTIME_WEIGHT_STORE_H_
