// Public header: registers TinyProp's training ops with a TFLM resolver.
//
//   #include "tflm_tinyprop/ops.h"
//
//   tflite::MicroMutableOpResolver<2 + tinyprop::kTinyPropOpCount> resolver;   // all ops together
//   resolver.AddFullyConnected();
//   resolver.AddSoftmax();
//   if (tinyprop::RegisterTinyPropOps(resolver) != kTfLiteOk) { ... the resolver is too small ... }
//
// Include path: the repository's root, and TFLM's own include paths. Compile cc/core/*.cc and
// cc/tflm/*.cc with the same TF_LITE_STATIC_MEMORY setting as TFLM. No heap, exceptions, RTTI or
// global state; several interpreters may use the ops at once.
#ifndef TFLM_TINYPROP_OPS_H_
#define TFLM_TINYPROP_OPS_H_

#include "cc/tflm/registrations.h"
#include "tflm_tinyprop/version.h"

namespace tinyprop {

// kTinyPropOpCount is the number of ops that RegisterTinyPropOps adds: what a resolver's template argument must allow for.

// Adds every TinyProp op. Resolver: tflite::MicroMutableOpResolver<N> or anything with its
// AddCustom(name, registration). Returns the first status that is not kTfLiteOk, which means that N
// is too small or that the ops were registered before.
template <typename Resolver>
api::Status RegisterTinyPropOps(Resolver& resolver) {
#define TINYPROP_REGISTRATION(op) &Register##op(),
  const api::Registration* const registrations[] = {TINYPROP_OPS(TINYPROP_REGISTRATION)};
#undef TINYPROP_REGISTRATION
  static_assert(sizeof registrations / sizeof *registrations == kTinyPropOpCount, "every op is registered");
  for (const api::Registration* registration : registrations) {
    const api::Status status = resolver.AddCustom(registration->custom_name, registration);
    if (status != api::kOk) return status;
  }
  return api::kOk;
}

}  // namespace tinyprop

#endif  // TFLM_TINYPROP_OPS_H_
