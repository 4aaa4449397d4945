// Instructions of one Invoke of every op, at the size that its case declares (tests/cc/tflm/*_case.cc).
//
// Run under callgrind with --instr-atstart=no, as core_bench.cc. The region "op" with an op's name holds one Invoke, the
// region "skipped" the same with all gates closed; "empty" gives the cost of the measurement itself.
#include <valgrind/callgrind.h>

#include <cstdio>
#include <string>

#include "tests/cc/tflm/op_case.h"

namespace {

using namespace tinyprop;
using namespace tinyprop::testing;

template <typename Function>
void Measure(const std::string& name, Function function) {
  CALLGRIND_START_INSTRUMENTATION;
  CALLGRIND_ZERO_STATS;
  function();
  CALLGRIND_DUMP_STATS_AT(name.c_str());
  CALLGRIND_STOP_INSTRUMENTATION;
}

bool MeasureOp(const OpCaseFactory& factory) {
  for (const bool is_skipped : {false, true}) {
    Random random(1);
    OpCase op = factory.make(random, true);
    if (is_skipped && (!op.has("gate") || op["gate"].is(CaseTensor::kOutput))) continue;
    if (is_skipped) op["gate"].ints.assign(op["gate"].ints.size(), 0);
    OpRun run(&op);
    if (run.Prepare() != api::kOk || run.Invoke() != api::kOk) return false;
    // The second Invoke: the first one may initialise variables, and closes nothing that it leaves open.
    Measure((is_skipped ? "skipped " : "op ") + std::string(factory.name), [&] { run.Invoke(); });
  }
  return true;
}

}  // namespace

int main() {
  Measure("empty", [] {});
  for (const OpCaseFactory& factory : AllOpCases()) {
    if (MeasureOp(factory)) continue;
    std::fprintf(stderr, "%s: Prepare or Invoke failed\n", factory.name);
    return 1;
  }
  std::puts("allocations 0");
  return 0;
}
