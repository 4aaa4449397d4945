// A flash memory that checks how it is used, and of which the power can be cut in any operation.
#ifndef TINYPROP_TESTS_CC_RUNTIME_EMULATED_FLASH_H_
#define TINYPROP_TESTS_CC_RUNTIME_EMULATED_FLASH_H_

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "cc/runtime/storage.h"

namespace tinyprop {
namespace testing {

// SplitMix64: small, since it is copied with every flash.
class SmallRandom {
 public:
  explicit SmallRandom(uint64_t seed) : state_(seed) {}

  uint64_t Next() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
  }
  uint32_t Below(uint32_t n) { return static_cast<uint32_t>((Next() >> 32) * n >> 32); }

 private:
  uint64_t state_;
};

struct FlashGeometry {
  uint32_t program_size, erase_size, size;
};

// An operation is the program of one unit, the erase of one block, or a sync. Programs only clear bits, as NOR flash's
// do. A flash with a cache keeps operations until the next sync; reading sees them.
class EmulatedFlash {
 public:
  static constexpr uint64_t kNever = ~uint64_t{0};

  // Holds random bytes.
  EmulatedFlash(const FlashGeometry& geometry, bool has_cache, uint64_t seed)
      : geometry_(geometry), has_cache_(has_cache), random_(seed), cells_(geometry.size),
        used_(geometry.size / geometry.program_size, 1) {
    for (uint8_t& cell : cells_) cell = static_cast<uint8_t>(random_.Next());
  }

  // Refers to this object.
  Storage storage() {
    Storage storage;
    storage.context = this;
    storage.read = [](void* self, uint32_t address, void* data, uint32_t size) {
      return static_cast<EmulatedFlash*>(self)->Read(address, data, size);
    };
    storage.program = [](void* self, uint32_t address, const void* data, uint32_t size) {
      return static_cast<EmulatedFlash*>(self)->Program(address, static_cast<const uint8_t*>(data), size);
    };
    storage.erase = [](void* self, uint32_t address) { return static_cast<EmulatedFlash*>(self)->Erase(address); };
    storage.sync = [](void* self) { return static_cast<EmulatedFlash*>(self)->Sync(); };
    storage.program_size = geometry_.program_size;
    storage.erase_size = geometry_.erase_size;
    storage.size = geometry_.size;
    return storage;
  }

  // The power fails in the operation that comes after `operations` others. From then on, every function fails.
  void CutAfter(uint64_t operations) { cut_at_ = operations_ + operations; }
  bool is_cut() const { return is_cut_; }
  // What the operations before the cut have left is what the flash holds.
  void Reboot() {
    is_cut_ = false;
    cut_at_ = kNever;
  }
  void Reseed(uint64_t seed) { random_ = SmallRandom(seed); }

  uint64_t operations() const { return operations_; }
  uint64_t erases() const { return erases_; }
  // The first use of the storage against its rules; empty if there was none.
  const std::string& misuse() const { return misuse_; }

  // What reading would give, and a way to damage it.
  std::vector<uint8_t>& bytes() { return cells_; }

 private:
  struct Operation {
    bool is_erase;
    uint32_t address;
    const uint8_t* data;  // of a program
  };

  struct Pending {
    Operation operation;
    size_t data;  // where pending_data_ has a copy of the operation's
  };

  bool Read(uint32_t address, void* data, uint32_t size) {
    if (is_cut_) return false;
    if (address > geometry_.size || size > geometry_.size - address) return Misuse("read outside the storage");
    if (size > 0) std::memcpy(data, cells_.data() + address, size);
    return true;
  }

  bool Program(uint32_t address, const uint8_t* data, uint32_t size) {
    const uint32_t unit = geometry_.program_size;
    if (address % unit != 0 || size % unit != 0 || size == 0) return Misuse("program of a part of a unit");
    if (address > geometry_.size || size > geometry_.size - address) return Misuse("program outside the storage");
    for (uint32_t i = 0; i < size; i += unit) {
      if (!Do({false, address + i, data + i})) return false;
    }
    return true;
  }

  bool Erase(uint32_t address) {
    if (address % geometry_.erase_size != 0 || address >= geometry_.size) return Misuse("erase of no block");
    ++erases_;
    return Do({true, address, nullptr});
  }

  bool Sync() {
    if (IsPowerGone()) return false;
    ForgetPending();
    return true;
  }

  bool Misuse(const char* what) {
    if (misuse_.empty()) misuse_ = what;
    return false;
  }

  // Counts an operation. True if there is no power, or if it fails now: pending operations are done in part then.
  bool IsPowerGone() {
    if (is_cut_) return true;
    if (operations_++ != cut_at_) return false;
    is_cut_ = true;
    if (has_cache_) LosePending();
    return true;
  }

  bool Do(Operation operation) {
    if (is_cut_) return false;
    if (!operation.is_erase && used_[operation.address / geometry_.program_size]) {
      return Misuse("program of a place that is not erased");
    }
    if (has_cache_) {
      if (pending_.empty()) durable_ = {cells_, used_};
      pending_.push_back({operation, pending_data_.size()});
      if (!operation.is_erase) {
        pending_data_.insert(pending_data_.end(), operation.data, operation.data + geometry_.program_size);
      }
    }
    if (IsPowerGone()) {
      if (!has_cache_) Tear(operation);
      return false;
    }
    Apply(operation);
    return true;
  }

  void Apply(const Operation& operation) {
    if (operation.is_erase) {
      std::fill_n(cells_.begin() + operation.address, geometry_.erase_size, uint8_t{0xff});
      MarkBlock(operation.address, 0);
      return;
    }
    for (uint32_t i = 0; i < geometry_.program_size; ++i) cells_[operation.address + i] &= operation.data[i];
    used_[operation.address / geometry_.program_size] = 1;
  }

  void MarkBlock(uint32_t address, uint8_t is_used) {
    std::fill_n(used_.begin() + address / geometry_.program_size, geometry_.erase_size / geometry_.program_size, is_used);
  }

  // The power fails with operations in the cache: some of them, in any order, get through, the last one in part.
  void LosePending() {
    if (pending_.empty()) return;
    cells_ = durable_.first;
    used_ = durable_.second;
    for (size_t i = pending_.size() - 1; i > 0; --i) {
      std::swap(pending_[i], pending_[random_.Below(static_cast<uint32_t>(i + 1))]);
    }
    const uint32_t through = random_.Below(static_cast<uint32_t>(pending_.size()));
    for (uint32_t i = 0; i <= through; ++i) {
      Operation operation = pending_[i].operation;
      operation.data = pending_data_.data() + pending_[i].data;
      i < through ? Apply(operation) : Tear(operation);
    }
    ForgetPending();
  }

  void ForgetPending() {
    pending_.clear();
    pending_data_.clear();
  }

  // Every bit that the operation touches ends as it was before, as it would be after it, or, in an erase, as anything.
  void Tear(const Operation& operation) {
    const uint32_t size = operation.is_erase ? geometry_.erase_size : geometry_.program_size;
    uint8_t* const cells = cells_.data() + operation.address;
    const uint32_t kind = random_.Below(operation.is_erase ? 6 : 5);
    const uint32_t prefix = random_.Below(size + 1);
    for (uint32_t i = 0; i < size; ++i) {
      const auto noise = static_cast<uint8_t>(random_.Next());
      uint8_t done = 0;  // the bits that have reached their new value
      switch (kind) {
        case 0: break;                                                        // nothing happened
        case 1: done = 0xff; break;                                           // all of it did
        case 2: done = i < prefix ? 0xff : 0; break;
        case 3: done = (noise & 1) != 0 ? 0xff : 0; break;
        default: done = noise;
      }
      const uint8_t after = operation.is_erase ? 0xff : cells[i] & operation.data[i];
      cells[i] = static_cast<uint8_t>((cells[i] & ~done) | (after & done));
      if (kind == 5) cells[i] = static_cast<uint8_t>(random_.Next());
    }
    if (operation.is_erase) {
      MarkBlock(operation.address, 1);
    } else {
      used_[operation.address / geometry_.program_size] = 1;
    }
  }

  FlashGeometry geometry_;
  bool has_cache_;
  SmallRandom random_;
  std::vector<uint8_t> cells_;
  std::vector<uint8_t> used_;  // of each unit: not erased, or programmed since
  std::pair<std::vector<uint8_t>, std::vector<uint8_t>> durable_;  // cells_ and used_ before the pending operations
  std::vector<Pending> pending_;
  std::vector<uint8_t> pending_data_;
  std::string misuse_;
  uint64_t operations_ = 0;
  uint64_t erases_ = 0;
  uint64_t cut_at_ = kNever;
  bool is_cut_ = false;
};

}  // namespace testing
}  // namespace tinyprop

#endif  // TINYPROP_TESTS_CC_RUNTIME_EMULATED_FLASH_H_
