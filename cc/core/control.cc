#include "cc/core/control.h"

#include <initializer_list>

namespace tinyprop {

bool Control::IsValid() const {
  // Finite by their bits: comparisons alone let NaN through where a build's -ffast-math has turned them round.
  for (const float value : {s_min, s_max, zeta, d_min, d_max, threshold, decay}) {
    if (!IsFinite(value)) return false;
  }
  for (const float span : SpansOf(*this).value) {
    if (!IsFinite(span)) return false;
  }
  return KeepsRules(*this);
}

}  // namespace tinyprop
