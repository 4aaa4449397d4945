// The training firmware: interpreter, trainer, self-test and training loop for the model in tinyprop_model.h.
// There is one of each, in static memory; nothing comes from the heap, and nothing runs before main.
#ifndef TINYPROP_APP_H_
#define TINYPROP_APP_H_

namespace tinyprop_app {

// Builds everything, runs the self-test and takes back saved weights. Call it once. After false, which has been
// explained in the log, nothing else may be called.
bool Start();

enum class Progress {
  kTrained,   // a step was done
  kNoSample,  // NextSample has none at the moment
  kFinished,  // all steps are done
  kFailed,    // explained in the log
};

// One training step on up to kBatchSize samples of NextSample (tinyprop_user.h).
Progress Step();

// Start, then steps to the end. Returns what main should: 0, or 1 after a failure.
int Run();

}  // namespace tinyprop_app

#endif  // TINYPROP_APP_H_
