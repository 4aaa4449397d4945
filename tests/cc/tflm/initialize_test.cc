// TinyPropInitialize over several invokes: the exported weights come back after a reset, and only then.
#include <doctest/doctest.h>

#include "tests/cc/tflm/op_case.h"

namespace tinyprop {
namespace testing {
namespace {

TEST_CASE("variables are filled in the first invoke after creation and after a reset") {
  Random random;
  INFO(random.Repeat());
  for (const OpCaseFactory& factory : AllOpCases()) {
    if (std::string(factory.name) != "Initialize") continue;
    OpCase op = factory.make(random, false);
    const std::vector<float> exported = op["initial 0"].floats;
    std::vector<float>& variable = op["variable 0"].floats;
    OpRun run(&op);
    REQUIRE(run.Prepare() == api::kOk);
    CHECK(variable != exported);
    REQUIRE(run.Invoke() == api::kOk);
    CHECK(variable == exported);
    std::vector<float> trained(exported.size(), 7.0f);
    variable = trained;
    REQUIRE(run.Invoke() == api::kOk);
    CHECK(variable == trained);
    run.Reset();
    CHECK(variable == trained);  // TFLM clears variables behind this call, so that the copy has to wait
    REQUIRE(run.Invoke() == api::kOk);
    CHECK(variable == exported);
  }
}

}  // namespace
}  // namespace testing
}  // namespace tinyprop
