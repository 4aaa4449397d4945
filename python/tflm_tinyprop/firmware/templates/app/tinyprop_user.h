// Yours to edit, like tinyprop_user.cc: samples, training settings, and where weights are kept.
// `tinyprop embed --overwrite` leaves these two files alone once you have changed them.
#ifndef TINYPROP_USER_H_
#define TINYPROP_USER_H_

#include <cstdint>

#include "tflm_tinyprop/trainer.h"
#include "tflm_tinyprop/weight_store.h"
#include "tinyprop_model.h"

namespace tinyprop_app {

// Linear warm-up to the peak, then cosine annealing towards 0 over the rest of the steps.
constexpr float kPeakLearningRate = 0.02f;
constexpr uint32_t kWarmupSteps = 10;
constexpr uint32_t kTrainingSteps = 200;

constexpr uint32_t kReportEvery = 20;  // steps
constexpr uint32_t kSaveEvery = 100;   // steps; flash wears out, so not too often

// Whether weights survive a reset, in the storage that WeightStorage describes.
constexpr bool kKeepWeights = false;
// Records are streamed through a buffer of this size: a multiple of the storage's program_size, at least 64.
constexpr int32_t kStoreBufferBytes = 256;

// Writes the next sample to trainer.Input(slot, position) for every input of the model, and its label to `label`
// (kLabelElements elements). False: there is none at the moment.
bool NextSample(const tinyprop::Trainer& trainer, int32_t slot, LabelElement* label);

// The board's storage; called only if kKeepWeights is true. What it refers to has to outlive the training.
const tinyprop::Storage& WeightStorage();

}  // namespace tinyprop_app

#endif  // TINYPROP_USER_H_
