// Checks at start that this firmware trains as TFLM does on the host.
#ifndef TINYPROP_SELF_TEST_H_
#define TINYPROP_SELF_TEST_H_

#include "tflm_tinyprop/trainer.h"
#include "tinyprop_model.h"

namespace tinyprop_app {

// One training step on a known sample, then back to the exported weights. Reports what differs; returns whether
// nothing does.
bool RunSelfTest(tinyprop::Trainer* trainer);

// Writes the self-test's sample into a slot of the batch, and its label (kLabelElements elements).
bool WriteSelfTestSample(const tinyprop::Trainer& trainer, int32_t slot, LabelElement* label);

}  // namespace tinyprop_app

#endif  // TINYPROP_SELF_TEST_H_
