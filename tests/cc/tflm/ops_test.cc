// What holds for every op, derived from its case (op_case.h).
#include <doctest/doctest.h>

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <set>

#include "cc/tflm/op_support.h"
#include "tests/cc/tflm/op_case.h"
#include "tflm_tinyprop/ops.h"

namespace tinyprop {
namespace testing {
namespace {

constexpr int kRandomCases = 40;

// Prepare with stderr, where ops say what they refuse, turned off: that is thousands of lines here.
api::Status QuietPrepare(OpRun* run) {
  std::fflush(stderr);
  const int saved = dup(STDERR_FILENO), nowhere = open("/dev/null", O_WRONLY);
  dup2(nowhere, STDERR_FILENO);
  const api::Status status = run->Prepare();
  dup2(saved, STDERR_FILENO);
  close(saved);
  close(nowhere);
  return status;
}

template <typename Check>
void ForEachCase(int repeats, Check check) {
  for (const OpCaseFactory& factory : AllOpCases()) {
    Random random;
    INFO(std::string(factory.name) << ", " << random.Repeat());
    for (int repeat = 0; repeat < repeats; ++repeat) {
      OpCase op = factory.make(random, false);
      check(op, random);
    }
  }
}

bool SameBits(const CaseTensor& a, const CaseTensor& b) {
  return a.ints == b.ints && a.floats.size() == b.floats.size() &&
         (a.floats.empty() || std::memcmp(a.floats.data(), b.floats.data(), a.floats.size() * sizeof(float)) == 0);
}

bool Changes(const CaseTensor& tensor) { return tensor.is(CaseTensor::kOutput) || tensor.is(CaseTensor::kMutable); }

double At(const CaseTensor& tensor, size_t i) { return tensor.is_int() ? double{1} * tensor.ints[i] : double{tensor.floats[i]}; }

// Records the names of what RegisterTinyPropOps adds.
struct RecordingResolver {
  api::Status AddCustom(const char* name, const api::Registration* registration) {
    CHECK(registration->custom_name == std::string(name));
    names.insert(name);
    return api::kOk;
  }
  std::set<std::string> names;
};

TEST_CASE("a product that an int32 does not hold is the size of no tensor") {
  CHECK(SizeProduct(2, 3, 4) == 24);
  CHECK(SizeProduct(INT32_MAX, 1) == INT32_MAX);
  CHECK(SizeProduct(65536, 8191, 4) == 65536 * 8191 * 4);
  CHECK(SizeProduct(65536, 8192, 4) == -1);
  CHECK(SizeProduct(65536, 32768) == -1);
  CHECK(SizeProduct(INT32_MAX, INT32_MAX, 4) == -1);
}

TEST_CASE("every op has a case, once") {
  RecordingResolver resolver;
  REQUIRE(RegisterTinyPropOps(resolver) == api::kOk);
  CHECK(resolver.names.size() == kTinyPropOpCount);
  std::multiset<std::string> names;
  for (const OpCaseFactory& factory : AllOpCases()) names.insert("TinyProp" + std::string(factory.name));
  CHECK(names == std::multiset<std::string>(resolver.names.begin(), resolver.names.end()));
  Random random;
  for (const OpCaseFactory& factory : AllOpCases()) {
    const OpCase op = factory.make(random, true);
    CHECK("TinyProp" + op.name == op.registration->custom_name);
    CHECK(op.name == factory.name);
    CHECK((op.function == nullptr) == !op.no_gradient.empty());
  }
}

TEST_CASE("Prepare accepts the op, and Invoke gives what is expected and changes nothing else") {
  ForEachCase(kRandomCases, [](OpCase& op, Random&) {
    const OpCase before = op;
    OpRun run(&op);
    REQUIRE(run.Prepare() == api::kOk);
    for (size_t t = 0; t < op.tensors.size(); ++t) CHECK(SameBits(op.tensors[t], before.tensors[t]));
    REQUIRE(run.Invoke() == api::kOk);
    std::set<std::string> expected;
    for (const Expectation& expectation : before.expect(before)) {
      INFO(expectation.role);
      expected.insert(expectation.role);
      const CaseTensor& tensor = op[expectation.role];
      REQUIRE(expectation.value.size() == static_cast<size_t>(tensor.size()));
      for (size_t i = 0; i < expectation.value.size(); ++i) {
        if (expectation.terms == 0) {
          CHECK(At(tensor, i) == expectation.value[i]);
        } else {
          CHECK(IsClose(static_cast<float>(At(tensor, i)), expectation.value[i], expectation.magnitude[i], expectation.terms));
        }
      }
    }
    for (size_t t = 0; t < op.tensors.size(); ++t) {
      INFO(op.tensors[t].role);
      if (!Changes(op.tensors[t])) CHECK(SameBits(op.tensors[t], before.tensors[t]));
      // Every tensor that may change is accounted for.
      if (Changes(op.tensors[t]) && !op.tensors[t].is(CaseTensor::kAbsent)) CHECK(expected.count(op.tensors[t].role) == 1);
    }
  });
}

TEST_CASE("Prepare refuses every single fault") {
  ForEachCase(5, [](OpCase& op, Random&) {
    for (auto& refusal : Refusals(op)) {
      INFO(refusal.first);
      OpRun run(&refusal.second);
      CHECK(QuietPrepare(&run) == api::kError);
    }
    for (const auto& acceptance : op.accepted) {
      INFO(acceptance.first);
      OpCase changed = op;
      acceptance.second(changed);
      OpRun run(&changed);
      CHECK(run.Prepare() == api::kOk);
    }
  });
}

TEST_CASE("an op that needs scratch memory says so in Prepare if there is none") {
  std::set<std::string> with_scratch;
  ForEachCase(20, [&with_scratch](OpCase& op, Random&) {
    OpRun run(&op), full(&op);
    REQUIRE(run.Prepare() == api::kOk);
    full.FillArena();
    CHECK(QuietPrepare(&full) == (run.scratch_requests() == 0 ? api::kOk : api::kError));
    if (run.scratch_requests() > 0) with_scratch.insert(op.name);
  });
  CHECK(with_scratch == std::set<std::string>{"Conv2DGrad", "DepthwiseConv2DGrad", "TransposeConvGrad"});
}

TEST_CASE("whatever the options say, an op that Prepare accepts stays inside its tensors") {
  ForEachCase(300, [](OpCase& op, Random& random) {
    for (size_t at = 4; at + 1 < op.options.size(); at += 2) {
      if (!random.Chance(0.3)) continue;
      const int value = random.Chance(0.1) ? 65535 : random.Int(0, 6);
      op.options[at] = static_cast<char>(value & 0xff);
      op.options[at + 1] = static_cast<char>(value >> 8);
    }
    OpRun run(&op);
    if (QuietPrepare(&run) == api::kOk) CHECK(run.Invoke() == api::kOk);
  });
}

TEST_CASE("whatever size a tensor has, an op that Prepare accepts stays inside its tensors") {
  ForEachCase(20, [](OpCase& op, Random&) {
    for (auto& other : OtherSizes(op)) {
      INFO(other.first);
      OpRun run(&other.second);
      if (QuietPrepare(&run) == api::kOk) CHECK(run.Invoke() == api::kOk);
    }
  });
}

TEST_CASE("with all gates closed nothing is touched") {
  ForEachCase(10, [](OpCase& op, Random& random) {
    if (!op.has("gate") || op["gate"].is(CaseTensor::kOutput)) return;
    const int32_t closed[] = {0, 2, 3};
    for (int32_t& status : op["gate"].ints) status = closed[random.Int(0, 2)];
    const OpCase before = op;
    OpRun run(&op);
    REQUIRE(run.Prepare() == api::kOk);
    REQUIRE(run.Invoke() == api::kOk);
    for (size_t t = 0; t < op.tensors.size(); ++t) {
      INFO(op.tensors[t].role);
      CHECK(SameBits(op.tensors[t], before.tensors[t]));
    }
  });
}

double Central(const OpCase& op, Point point, const std::string& role, size_t i) {
  double& value = point[role][i];
  const double middle = value, h = 1e-4 * std::fmax(1.0, std::fabs(middle));
  value = middle + h;
  const double above = op.function(point);
  value = middle - h;
  return (above - op.function(point)) / (2 * h);
}

TEST_CASE("gradients are the differences of the forward function") {
  ForEachCase(15, [](OpCase& op, Random&) {
    if (!op.function) return;
    const OpCase before = op;
    Point point;
    for (const CaseTensor& tensor : before.tensors) {
      point[tensor.role].assign(tensor.floats.begin(), tensor.floats.end());
    }
    OpRun run(&op);
    REQUIRE(run.Prepare() == api::kOk);
    REQUIRE(run.Invoke() == api::kOk);
    for (const Derivative& derivative : before.derivatives) {
      INFO("with respect to " << derivative.of);
      const CaseTensor& result = op[derivative.result];
      for (size_t i = 0; i < point[derivative.of].size(); ++i) {
        const double expected = Central(before, point, derivative.of, i);
        double actual = result.floats[i], rounding = 1e-5;
        if (derivative.step != 0) {
          const double old = before[derivative.result].floats[i];
          actual = (old - actual) / derivative.step;
          rounding += 1e-6 * std::fabs(old) / derivative.step;
        }
        CHECK(std::fabs(actual - expected) <= 2e-4 * std::fabs(expected) + 10 * rounding);
      }
    }
  });
}

}  // namespace
}  // namespace testing
}  // namespace tinyprop
