#include "cc/runtime/status.h"

namespace tinyprop {

const char* StatusText(Status status) {
  switch (status) {
    case Status::kOk:
      return "ok";
    case Status::kNotInitialized:
      return "Init has not been called or has failed";
    case Status::kNotTrainable:
      return "the model has no metadata entry TINYPROP; convert it with `tinyprop convert`";
    case Status::kMetadataDamaged:
      return "the metadata entry TINYPROP is damaged; convert the model again";
    case Status::kMetadataNewer:
      return "the model was converted by a later version; update the firmware's tflm_tinyprop";
    case Status::kGraphMismatch:
      return "tensors differ from the metadata entry TINYPROP: is the interpreter that of this model, and "
             "AllocateTensors done?";
    case Status::kBadArgument:
      return "number of samples, learning rate, schedule or setting out of its range";
    case Status::kBadLabel:
      return "label: no such class, not finite, or not of the type and size the model's loss takes";
    case Status::kNonFinite:
      return "input, loss or gradient is not finite; the sample was not trained";
    case Status::kInvokeFailed:
      return "the interpreter failed; its log says in which op";
    case Status::kBadStorage:
      return "storage or buffer: a function is missing or the sizes do not fit together";
    case Status::kStorageTooSmall:
      return "half of the storage is smaller than a weight record of this model";
    case Status::kNoRecord:
      return "no intact weight record in the storage";
    case Status::kOtherModel:
      return "the storage holds weight records of another model or format only";
    case Status::kStorageFailed:
      return "read, program, erase or sync of the storage failed";
    case Status::kVerifyFailed:
      return "what was programmed reads back differently: worn out storage?";
    case Status::kLoadInterrupted:
      return "the storage failed in the middle of loading; the weights are undefined until they are loaded or reset";
    case Status::kSaving:
      return "saving: call SaveStep again";
    case Status::kSaveInterrupted:
      return "weights were trained, loaded or reset since SaveBegin; begin again";
    case Status::kWeightsNonFinite:
      return "a weight is NaN or infinite: Save leaves the newest record, Load goes back to the exported weights";
  }
  return "unknown status";
}

}  // namespace tinyprop
