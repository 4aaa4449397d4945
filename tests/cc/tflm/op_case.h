// One declaration per op: its tensors, what it has to compute, and how its gradient follows from a forward function.
//
// A case file (<stem>_case.cc) declares an op once. ops_test.cc derives from it what Prepare has to accept and to refuse,
// checks Invoke against the expectation, and the gradient against central differences; benchmarks/op_bench.cc counts its
// instructions. Each refusal changes one thing of the declaration, so that a check that is missing or off by one shows.
#ifndef TINYPROP_TESTS_CC_TFLM_OP_CASE_H_
#define TINYPROP_TESTS_CC_TFLM_OP_CASE_H_

#include <cstring>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "cc/core/wire_format.h"
#include "cc/tflm/tflm_api.h"
#include "tests/cc/random_arrays.h"

namespace tinyprop {
namespace testing {

// A tensor of an op. Memory is as large as the dimensions say, and not a byte larger.
struct CaseTensor {
  enum Flag : unsigned {
    kRead = 0,
    kOutput = 1,
    kMutable = 2,   // changed in place
    kOptional = 4,  // may be left out as this case stands
    kAbsent = 8,    // is left out
    kConstant = 16,
    kAnyType = 32,  // another type or number of elements is no fault
    kNoIndex = 64,  // is listed with index -1, as an output that was left out
    kInt8 = 128,    // says that it is int8, a type that no op takes
  };
  std::string role;
  std::vector<int> dims;
  std::vector<float> floats;  // one of the two has the elements
  std::vector<int32_t> ints;
  unsigned flags = kRead;
  std::vector<int> free_axes;  // dimensions that may change alone

  bool is(unsigned flag) const { return (flags & flag) != 0; }
  bool is_int() const { return !ints.empty() || floats.empty(); }
  int size() const;
};

CaseTensor Floats(std::string role, std::vector<int> dims, std::vector<float> values, unsigned flags = CaseTensor::kRead);
CaseTensor Ints(std::string role, std::vector<int> dims, std::vector<int32_t> values, unsigned flags = CaseTensor::kRead);
CaseTensor Output(std::string role, std::vector<int> dims);     // float32
CaseTensor IntOutput(std::string role, std::vector<int> dims);  // int32
CaseTensor Absent(std::string role, unsigned flags = CaseTensor::kRead);

// What a tensor has to hold after Invoke. terms 0: exactly; else within that many roundings of values of these magnitudes.
struct Expectation {
  std::string role;
  std::vector<double> value, magnitude;
  double terms = 0;
};

using Point = std::map<std::string, std::vector<double>>;  // values by role

// A gradient that the op computes of the scalar function of a case.
struct Derivative {
  std::string of;      // the tensor that is varied
  std::string result;  // the tensor that has the gradient afterwards; with a step: that has changed by -step gradient
  double step = 0;
};

struct OpCase {
  std::string name;  // of the op, without TinyProp
  const api::Registration* registration = nullptr;
  std::string options;  // with their header
  std::vector<CaseTensor> tensors;  // inputs, then outputs
  std::function<std::vector<Expectation>(const OpCase&)> expect;  // from the tensors before
  // Either a scalar function with what is derived from it, or the reason why there is none.
  std::function<double(const Point&)> function;
  std::vector<Derivative> derivatives;
  std::string no_gradient;
  // Further changes, with a description each.
  std::vector<std::pair<std::string, std::function<void(OpCase&)>>> refused, accepted;

  CaseTensor& operator[](const std::string& role);
  const CaseTensor& operator[](const std::string& role) const { return const_cast<OpCase&>(*this)[role]; }
  bool has(const std::string& role) const;
};

// Runs a case through Init, Prepare and Invoke with a context that hands out its tensors, through the wheel's binary
// interface (cc/tflm/host_abi.h). The case must outlive it.
class OpRun {
 public:
  explicit OpRun(OpCase* op);
  OpRun(const OpRun&) = delete;
  OpRun& operator=(const OpRun&) = delete;

  api::Status Prepare();
  api::Status Invoke();
  size_t scratch_requests() const { return scratch_.size(); }
  void FillArena() { arena_is_full_ = true; }  // requests for scratch memory fail
  void Reset() { op_->registration->reset(&context_, node_.user_data); }

 private:
  struct FakeMicroContext {
    void* const* vtable;
    OpRun* run;
  };
  static constexpr int kAllocateSlot = 2, kRequestScratchSlot = 3, kScratchSlot = 4, kGetTensorSlot = 9;

  static void* Allocate(FakeMicroContext* context, size_t bytes);
  static host_abi::TfLiteStatus RequestScratch(FakeMicroContext* context, size_t bytes, int* index);
  static void* Scratch(FakeMicroContext* context, int index);
  static host_abi::TfLiteEvalTensor* GetTensor(FakeMicroContext* context, int index);

  OpCase* op_;
  std::vector<std::vector<int>> dims_;
  std::vector<host_abi::TfLiteEvalTensor> evals_;
  std::vector<std::vector<char>> persistent_, scratch_;
  std::vector<int> inputs_, outputs_;
  void* vtable_[kGetTensorSlot + 1] = {};
  FakeMicroContext fake_ = {};
  api::Context context_ = {};
  api::Node node_ = {};
  bool planned_ = false, arena_is_full_ = false;
};

// Options as a file holds them, of the latest version or an older one.
template <typename Options>
std::string OptionBytes(const Options& options, size_t version = sizeof Options::kBytes / sizeof *Options::kBytes) {
  const uint16_t size = Options::kBytes[version - 1];
  const uint16_t header[2] = {static_cast<uint16_t>(version), static_cast<uint16_t>(4 + size)};
  return std::string(reinterpret_cast<const char*>(header), sizeof header) +
         std::string(reinterpret_cast<const char*>(&options), size);
}

// What Prepare has to refuse, each a copy of the case with one change and its description.
std::vector<std::pair<std::string, OpCase>> Refusals(const OpCase& op);

// Sizes that Prepare may accept or refuse: whatever it accepts, Invoke has to stay inside the tensors.
std::vector<std::pair<std::string, OpCase>> OtherSizes(const OpCase& op);

// All ops. A factory makes a random case, or (is_benchmark) one of a fixed and typical size.
struct OpCaseFactory {
  const char* name;  // of the op, without TinyProp
  OpCase (*make)(Random& random, bool is_benchmark);
};
std::vector<OpCaseFactory>& AllOpCases();

// Adds an op at the start of the program: one line at the end of a case file.
struct OpCaseRegistration {
  OpCaseRegistration(const char* name, OpCase (*make)(Random&, bool)) { AllOpCases().push_back({name, make}); }
};

}  // namespace testing
}  // namespace tinyprop

#endif  // TINYPROP_TESTS_CC_TFLM_OP_CASE_H_
