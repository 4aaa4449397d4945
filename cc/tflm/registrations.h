// Names and registrations of all TinyProp ops (TINYPROP_OPS). One function per op; each lives in the op's own file.
#ifndef TINYPROP_CC_TFLM_REGISTRATIONS_H_
#define TINYPROP_CC_TFLM_REGISTRATIONS_H_

#include "cc/core/wire_format.h"
#include "cc/tflm/tflm_api.h"

namespace tinyprop {

// kInitializeName, RegisterInitialize() and so on. TFLM keeps the pointers to the names, so they must be literals.
#define TINYPROP_DECLARE_OP(op)                    \
  constexpr char k##op##Name[] = "TinyProp" #op;   \
  const api::Registration& Register##op();
TINYPROP_OPS(TINYPROP_DECLARE_OP)
#undef TINYPROP_DECLARE_OP

// Defines an op's registration in its file. prepare, invoke: its functions; reset: one or nullptr.
#define TINYPROP_DEFINE_OP(op, Options, prepare, invoke, reset)                     \
  const api::Registration& Register##op() {                                         \
    static constexpr api::Registration registration = {                             \
        InitOp<Options>, nullptr, prepare, invoke, reset, 0, k##op##Name};          \
    return registration;                                                            \
  }

}  // namespace tinyprop

#endif  // TINYPROP_CC_TFLM_REGISTRATIONS_H_
