#include "tests/cc/tflm/op_case.h"

#include <algorithm>
#include <climits>
#include <memory>

namespace tinyprop {
namespace testing {
namespace {

int Product(const std::vector<int>& dims) {
  int64_t product = 1;
  for (int dim : dims) product *= dim;
  return product < 0 || product > (1 << 24) ? 0 : static_cast<int>(product);
}

void Resize(CaseTensor* tensor) {
  const auto size = static_cast<size_t>(Product(tensor->dims));
  // Vectors made anew have no spare room behind their elements.
  if (tensor->is_int()) {
    tensor->ints = std::vector<int32_t>(std::max<size_t>(size, 1), 1);
  } else {
    tensor->floats = std::vector<float>(std::max<size_t>(size, 1), 0.25f);
  }
}

std::string Described(const CaseTensor& tensor, const std::string& what) { return tensor.role + " " + what; }

// One tensor of the case changed.
using Changes = std::vector<std::pair<std::string, OpCase>>;
template <typename Change>
void Add(Changes* changes, const OpCase& op, size_t t, const std::string& what, Change change) {
  OpCase changed = op;
  change(changed.tensors[t]);
  changes->emplace_back(Described(op.tensors[t], what), std::move(changed));
}

bool IsFree(const CaseTensor& tensor, size_t axis) {
  return tensor.is(CaseTensor::kAnyType) ||
         std::count(tensor.free_axes.begin(), tensor.free_axes.end(), static_cast<int>(axis)) != 0;
}

void AddNeighbours(Changes* changes, const OpCase& op, size_t t, size_t axis) {
  for (const int more : {1, -1}) {
    if (op.tensors[t].dims[axis] + more == 0) continue;
    Add(changes, op, t, (more > 0 ? "one longer on axis " : "one shorter on axis ") + std::to_string(axis), [&](CaseTensor& c) {
      c.dims[axis] += more;
      Resize(&c);
    });
  }
}

void AddDimensions(Changes* changes, const OpCase& op, size_t t) {
  const CaseTensor& tensor = op.tensors[t];
  for (size_t axis = 0; axis < tensor.dims.size(); ++axis) {
    for (int dim : {0, -1, INT_MAX}) {
      Add(changes, op, t, "with dimension " + std::to_string(dim) + " on axis " + std::to_string(axis),
          [&](CaseTensor& c) { c.dims[axis] = dim; });
    }
    if (!IsFree(tensor, axis)) AddNeighbours(changes, op, t, axis);
  }
  if (tensor.dims.size() >= 2) {
    // A product that is small in 32 bits.
    Add(changes, op, t, "with dimensions that overflow", [&](CaseTensor& c) {
      c.dims[0] = 65536;
      c.dims[1] = 65537;
    });
  }
}

void AddOfTensor(Changes* changes, const OpCase& op, size_t t) {
  const CaseTensor& tensor = op.tensors[t];
  if (tensor.is(CaseTensor::kAbsent)) return;
  if (!tensor.is(CaseTensor::kAnyType)) {
    Add(changes, op, t, "of the other type", [](CaseTensor& c) {
      const bool is_int = c.is_int();
      c.ints.clear();
      c.floats.clear();
      if (is_int) c.floats = std::vector<float>(static_cast<size_t>(std::max(1, Product(c.dims))));
      if (!is_int) c.ints = std::vector<int32_t>(static_cast<size_t>(std::max(1, Product(c.dims))));
    });
    Add(changes, op, t, "of type int8", [](CaseTensor& c) { c.flags |= CaseTensor::kInt8; });
  }
  if (!tensor.is(CaseTensor::kOptional)) {
    Add(changes, op, t, "missing", [](CaseTensor& c) { c.flags |= CaseTensor::kNoIndex; });
  }
  if (tensor.is(CaseTensor::kMutable)) {
    Add(changes, op, t, "as a constant", [](CaseTensor& c) { c.flags |= CaseTensor::kConstant; });
  }
  if (tensor.is(CaseTensor::kConstant)) {
    Add(changes, op, t, "not a constant", [](CaseTensor& c) { c.flags &= ~CaseTensor::kConstant; });
  }
  AddDimensions(changes, op, t);
}

void AddCounts(Changes* changes, const OpCase& op) {
  const auto last_input = std::find_if(op.tensors.rbegin(), op.tensors.rend(),
                                       [](const CaseTensor& t) { return !t.is(CaseTensor::kOutput); });
  OpCase fewer = op;
  fewer.tensors.erase(fewer.tensors.begin() + (op.tensors.rend() - last_input - 1));
  changes->emplace_back("an input too few", fewer);
  OpCase more = op;
  more.tensors.insert(more.tensors.begin() + (op.tensors.rend() - last_input), *last_input);
  changes->emplace_back("an input too many", more);
  if (op.tensors.empty() || !op.tensors.back().is(CaseTensor::kAbsent)) {
    OpCase output = op;
    output.tensors.push_back(Output("surplus", {1}));
    changes->emplace_back("an output too many", output);
  }
  for (size_t t = 0; t < op.tensors.size(); ++t) {
    if (!op.tensors[t].is(CaseTensor::kOutput) || op.tensors[t].is(CaseTensor::kOptional)) continue;
    OpCase without = op;
    without.tensors.erase(without.tensors.begin() + static_cast<long>(t));
    changes->emplace_back("output " + op.tensors[t].role + " missing", without);
  }
}

void AddOptions(Changes* changes, const OpCase& op) {
  for (size_t length = 0; length < op.options.size(); ++length) {
    OpCase changed = op;
    changed.options.resize(length);
    changes->emplace_back("options cut to " + std::to_string(length), changed);
  }
  for (char version : {'\0', '\x7f'}) {
    OpCase changed = op;
    changed.options[0] = version;
    changes->emplace_back("options of version " + std::to_string(version), changed);
  }
}

}  // namespace

int CaseTensor::size() const { return Product(dims); }

CaseTensor Floats(std::string role, std::vector<int> dims, std::vector<float> values, unsigned flags) {
  CaseTensor tensor;
  tensor.role = std::move(role);
  tensor.dims = std::move(dims);
  tensor.floats = std::move(values);
  tensor.flags = flags;
  return tensor;
}

CaseTensor Ints(std::string role, std::vector<int> dims, std::vector<int32_t> values, unsigned flags) {
  CaseTensor tensor = Floats(std::move(role), std::move(dims), {}, flags);
  tensor.ints = std::move(values);
  return tensor;
}

CaseTensor Output(std::string role, std::vector<int> dims) {
  std::vector<float> values(static_cast<size_t>(Product(dims)), kNan);
  return Floats(std::move(role), std::move(dims), std::move(values), CaseTensor::kOutput);
}

CaseTensor IntOutput(std::string role, std::vector<int> dims) {
  std::vector<int32_t> values(static_cast<size_t>(Product(dims)), -7);
  return Ints(std::move(role), std::move(dims), std::move(values), CaseTensor::kOutput);
}

CaseTensor Absent(std::string role, unsigned flags) {
  return Floats(std::move(role), {}, {0.0f}, flags | CaseTensor::kAbsent);
}

CaseTensor& OpCase::operator[](const std::string& role) {
  for (CaseTensor& tensor : tensors) {
    if (tensor.role == role) return tensor;
  }
  std::abort();
}

bool OpCase::has(const std::string& role) const {
  return std::any_of(tensors.begin(), tensors.end(),
                     [&](const CaseTensor& t) { return t.role == role && !t.is(CaseTensor::kAbsent); });
}

OpRun::OpRun(OpCase* op) : op_(op) {
  vtable_[kAllocateSlot] = reinterpret_cast<void*>(&Allocate);
  vtable_[kRequestScratchSlot] = reinterpret_cast<void*>(&RequestScratch);
  vtable_[kScratchSlot] = reinterpret_cast<void*>(&Scratch);
  vtable_[kGetTensorSlot] = reinterpret_cast<void*>(&GetTensor);
  fake_ = {vtable_, this};
  context_.words[0] = &fake_;
}

api::Status OpRun::Prepare() {
  inputs_ = outputs_ = {0};
  dims_.clear();
  for (size_t t = 0; t < op_->tensors.size(); ++t) {
    const CaseTensor& tensor = op_->tensors[t];
    const bool is_output = tensor.is(CaseTensor::kOutput);
    dims_.push_back(tensor.dims);
    dims_.back().insert(dims_.back().begin(), static_cast<int>(tensor.dims.size()));
    if (is_output && tensor.is(CaseTensor::kAbsent)) continue;
    const bool has_index = !tensor.is(CaseTensor::kAbsent) && !tensor.is(CaseTensor::kNoIndex);
    (is_output ? outputs_ : inputs_).push_back(has_index ? static_cast<int>(t) : -1);
  }
  evals_.assign(op_->tensors.size(), {});
  inputs_[0] = static_cast<int>(inputs_.size()) - 1;
  outputs_[0] = static_cast<int>(outputs_.size()) - 1;
  node_.inputs = reinterpret_cast<host_abi::TfLiteIntArray*>(inputs_.data());
  node_.outputs = reinterpret_cast<host_abi::TfLiteIntArray*>(outputs_.data());
  // At an odd address: flatbuffers do not align custom options.
  const auto size = op_->options.size();
  const std::unique_ptr<char[]> options(new char[size + 1]);
  std::memcpy(options.get() + 1, op_->options.data(), size);
  planned_ = false;
  scratch_.clear();
  node_.user_data = op_->registration->init(&context_, options.get() + 1, size);
  return op_->registration->prepare(&context_, &node_);
}

api::Status OpRun::Invoke() {
  planned_ = true;
  return op_->registration->invoke(&context_, &node_);
}

void* OpRun::Allocate(FakeMicroContext* context, size_t bytes) {
  context->run->persistent_.emplace_back(bytes);
  return context->run->persistent_.back().data();
}

host_abi::TfLiteStatus OpRun::RequestScratch(FakeMicroContext* context, size_t bytes, int* index) {
  OpRun& run = *context->run;
  if (run.planned_ || run.arena_is_full_) return host_abi::kTfLiteError;
  *index = static_cast<int>(run.scratch_.size());
  run.scratch_.emplace_back(bytes);
  return host_abi::kTfLiteOk;
}

// Other ops have used the memory in between.
void* OpRun::Scratch(FakeMicroContext* context, int index) {
  OpRun& run = *context->run;
  if (!run.planned_) std::abort();
  std::vector<char>& memory = run.scratch_.at(static_cast<size_t>(index));
  std::fill(memory.begin(), memory.end(), '\xff');  // NaN
  return memory.data();
}

// As in TFLM, only constants have memory before Prepare is over.
host_abi::TfLiteEvalTensor* OpRun::GetTensor(FakeMicroContext* context, int index) {
  OpRun& run = *context->run;
  CaseTensor& tensor = run.op_->tensors[static_cast<size_t>(index)];
  host_abi::TfLiteEvalTensor& eval = run.evals_[static_cast<size_t>(index)];
  void* const data = tensor.is_int() ? static_cast<void*>(tensor.ints.data()) : tensor.floats.data();
  eval.data.data = run.planned_ || tensor.is(CaseTensor::kConstant) ? data : nullptr;
  eval.dims = reinterpret_cast<host_abi::TfLiteIntArray*>(run.dims_[static_cast<size_t>(index)].data());
  eval.type = tensor.is(CaseTensor::kInt8) ? host_abi::kTfLiteInt8
              : tensor.is_int()            ? host_abi::kTfLiteInt32 : host_abi::kTfLiteFloat32;
  return &eval;
}

std::vector<std::pair<std::string, OpCase>> Refusals(const OpCase& op) {
  Changes changes;
  for (size_t t = 0; t < op.tensors.size(); ++t) AddOfTensor(&changes, op, t);
  AddCounts(&changes, op);
  AddOptions(&changes, op);
  for (const auto& [what, change] : op.refused) {
    OpCase changed = op;
    change(changed);
    changes.emplace_back(what, changed);
  }
  return changes;
}

std::vector<std::pair<std::string, OpCase>> OtherSizes(const OpCase& op) {
  Changes changes;
  for (size_t t = 0; t < op.tensors.size(); ++t) {
    for (size_t axis = 0; axis < op.tensors[t].dims.size(); ++axis) AddNeighbours(&changes, op, t, axis);
  }
  return changes;
}

std::vector<OpCaseFactory>& AllOpCases() {
  static std::vector<OpCaseFactory> cases;
  return cases;
}

}  // namespace testing
}  // namespace tinyprop
