// What every call of the runtime returns.
#ifndef TINYPROP_CC_RUNTIME_STATUS_H_
#define TINYPROP_CC_RUNTIME_STATUS_H_

#include <cstdint>

namespace tinyprop {

enum class [[nodiscard]] Status : uint8_t {
  kOk = 0,
  // Trainer
  kNotInitialized,   // Init has not succeeded
  kNotTrainable,     // the model has no metadata entry TINYPROP
  kMetadataDamaged,  // the entry does not hold together
  kMetadataNewer,    // the entry's format is of a later version than this code
  kGraphMismatch,    // the interpreter's tensors are not those that the entry describes
  kBadArgument,      // a number of samples, a rate or a setting out of its range
  kBadLabel,         // a class that the model does not have, or a target that is not finite
  kNonFinite,        // no sample of the step was finite in its input, loss and gradients: none was trained
  kInvokeFailed,     // the interpreter returned an error
  // Weight store
  kBadStorage,       // sizes or buffers that the store cannot work with
  kStorageTooSmall,  // two records of this model do not fit
  kNoRecord,         // no intact record
  kOtherModel,       // intact records, but of other models or formats
  kStorageFailed,    // read, program, erase or sync returned an error; the state of the model is as before
  kVerifyFailed,     // what was programmed reads back differently
  kLoadInterrupted,  // the storage failed in the middle of loading: the weights are undefined
  kSaving,           // no error: a save in pieces is not at its end
  kSaveInterrupted,  // the weights have changed since SaveBegin
  kWeightsNonFinite,  // a weight is NaN or infinite: it is neither saved nor loaded
};

// One line for a log: what is wrong and what to do.
const char* StatusText(Status status);

}  // namespace tinyprop

#endif  // TINYPROP_CC_RUNTIME_STATUS_H_
