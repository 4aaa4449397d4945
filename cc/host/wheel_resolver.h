// The op resolver inside the tflite-micro wheel, seen through its memory layout.
//
// The wheel passes a registerer a MicroMutableOpResolver<200>. AddCustom is inline there and not
// exported, so the plugin writes the next slot itself, after checking that what it sees is such a
// resolver.
#ifndef TINYPROP_CC_HOST_WHEEL_RESOLVER_H_
#define TINYPROP_CC_HOST_WHEEL_RESOLVER_H_

#include "cc/tflm/tflm_api.h"

namespace tinyprop {

class WheelResolver {
 public:
  explicit WheelResolver(void* resolver) : base_(static_cast<unsigned char*>(resolver)) {}

  // True if the counters and the registrations in the table agree with the known layout:
  // every entry has an invoke function and a builtin code, custom entries have names, and
  // (custom entries) + (builtin parsers) = (registrations). Only reads.
  bool LayoutIsKnown() const;

  // Same contract as MicroMutableOpResolver::AddCustom. LayoutIsKnown() must hold.
  api::Status AddCustom(const char* name, const api::Registration* registration);

 private:
  uint32_t Length() const;
  const api::Registration& Entry(uint32_t index) const;

  unsigned char* base_;
};

}  // namespace tinyprop

#endif  // TINYPROP_CC_HOST_WHEEL_RESOLVER_H_
