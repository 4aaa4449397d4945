// Public header: the training loop on top of a TFLM interpreter.
//
//   #include "tflm_tinyprop/trainer.h"
//
//   tflite::MicroInterpreter interpreter(model, resolver, arena, sizeof arena);
//   interpreter.AllocateTensors();
//   tinyprop::Trainer trainer;
//   tinyprop::Status status = trainer.Init(tinyprop::GraphOf(interpreter), tinyprop::TrainingMetadataOf(*model));
//
// Include paths and flags are those of tflm_tinyprop/ops.h; compile cc/runtime/*.cc as well.
#ifndef TFLM_TINYPROP_TRAINER_H_
#define TFLM_TINYPROP_TRAINER_H_

#include "cc/runtime/interpreter_graph.h"
#include "cc/runtime/trainer.h"
#include "tflm_tinyprop/version.h"

#endif  // TFLM_TINYPROP_TRAINER_H_
