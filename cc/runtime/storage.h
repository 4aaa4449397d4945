// The storage that a weight store works on, described as littlefs does: a device of erase blocks, with
// functions that the user provides. NOR flash, emulated EEPROM, FRAM (erase may then do nothing) or a file.
#ifndef TINYPROP_CC_RUNTIME_STORAGE_H_
#define TINYPROP_CC_RUNTIME_STORAGE_H_

#include <cstdint>

namespace tinyprop {

// Addresses count bytes from 0. Each function returns false if it failed.
struct Storage {
  void* context = nullptr;  // passed to every function
  // Any address and size. Places that a power cut has left half programmed may read as anything, but reading them is
  // no failure: a driver that gets an ECC error there fills in any bytes and returns true.
  bool (*read)(void* context, uint32_t address, void* data, uint32_t size) = nullptr;
  // A multiple of program_size at a multiple of it, in an erased place that is programmed once. Must leave the rest of
  // the device alone even if power fails, as must erase.
  bool (*program)(void* context, uint32_t address, const void* data, uint32_t size) = nullptr;
  // The block of erase_size bytes at `address`, a multiple of erase_size.
  bool (*erase)(void* context, uint32_t address) = nullptr;
  // Returns when everything before is durable. What lies between two syncs may reach the device in any order.
  bool (*sync)(void* context) = nullptr;
  uint32_t program_size = 0;  // bytes
  uint32_t erase_size = 0;    // bytes, a multiple of program_size
  uint32_t size = 0;          // bytes of the whole device, a multiple of 2 erase_size
};

}  // namespace tinyprop

#endif  // TINYPROP_CC_RUNTIME_STORAGE_H_
