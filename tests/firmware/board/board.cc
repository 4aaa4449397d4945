// Start-up code and services of QEMU's Cortex-M boards. No C library start-up: the programs have no static
// constructors and no heap, which the linker script and this file rely on.
#include "tests/firmware/board/board.h"

#include <cstring>

int main();

extern "C" {
extern uint32_t stack_bottom, stack_top, data_begin, data_end, data_image, bss_begin, bss_end;
void ResetHandler();
void FaultHandler();
}

namespace {

// Requests to the debugger that QEMU plays ("Semihosting for AArch32 and AArch64", Arm).
constexpr uint32_t kSysWrite0 = 0x04;
constexpr uint32_t kSysExitExtended = 0x20;
constexpr uint32_t kApplicationExit = 0x20026;

uint32_t Semihosting(uint32_t operation, const void* argument) {
  register uint32_t r0 asm("r0") = operation;
  register const void* r1 asm("r1") = argument;
  asm volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
  return r0;
}

// C++ reserves the call of main to the implementation, which this file is part of.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
uint32_t RunMain() { return static_cast<uint32_t>(main()); }
#pragma GCC diagnostic pop

[[noreturn]] void Exit(uint32_t code) {
  const uint32_t block[2] = {kApplicationExit, code};
  for (;;) Semihosting(kSysExitExtended, block);
}

constexpr uint32_t kStackPattern = 0x5ac5ac5a;

// Painting megabytes would take longer than what is measured. Aligned, since both functions have frames of their own.
uintptr_t LowestPainted(uintptr_t frame) {
  constexpr uintptr_t kMost = 32768;
  const auto bottom = reinterpret_cast<uintptr_t>(&stack_bottom);
  return frame - bottom > kMost ? (frame - kMost) & ~uintptr_t{255} : bottom;
}

#if defined(BOARD_TIMER)
// CMSDK timer: a down counter at 25 MHz; -icount shift=6 takes 64 ns for an instruction, so that a tick is 40 / 64.
volatile uint32_t* const kTimer = reinterpret_cast<volatile uint32_t*>(BOARD_TIMER);
constexpr uint32_t kTimerControl = 0, kTimerValue = 1, kTimerReload = 2;

void StartTimer() {
  kTimer[kTimerReload] = 0xffffffff;
  kTimer[kTimerValue] = 0xffffffff;
  kTimer[kTimerControl] = 1;
}
#else
void StartTimer() {}
#endif

void EnableFpu() {
#if defined(__ARM_FP)
  volatile uint32_t* const cpacr = reinterpret_cast<volatile uint32_t*>(0xe000ed88);
  *cpacr = *cpacr | 0xfu << 20;
  asm volatile("dsb\n isb");
#endif
}

}  // namespace

namespace board {

void Write(const char* text) { Semihosting(kSysWrite0, text); }

void Write(int32_t number) {
  char digits[12];
  char* first = digits + sizeof digits - 1;
  *first = '\0';
  uint32_t rest = number < 0 ? 0u - static_cast<uint32_t>(number) : static_cast<uint32_t>(number);
  do {
    *--first = static_cast<char>('0' + rest % 10);
    rest /= 10;
  } while (rest != 0);
  if (number < 0) *--first = '-';
  Write(first);
}

void WriteHex(uint32_t number) {
  char digits[9];
  for (int i = 7; i >= 0; --i, number >>= 4) digits[i] = "0123456789abcdef"[number & 15];
  digits[8] = '\0';
  Write(digits);
}

uint32_t Instructions() {
#if defined(BOARD_TIMER)
  const uint64_t ticks = 0xffffffffu - kTimer[kTimerValue];
  return static_cast<uint32_t>(ticks * 40 / 64);
#else
  return 0;
#endif
}

// Addresses as numbers, since pointers into different objects may not be compared. A little stays free for this
// function's own variables.
void PaintStack() {
  const auto frame = reinterpret_cast<uintptr_t>(__builtin_frame_address(0)) & ~uintptr_t{3};
  for (auto at = LowestPainted(frame); at < frame - 64; at += sizeof kStackPattern) {
    *reinterpret_cast<volatile uint32_t*>(at) = kStackPattern;
  }
}

uint32_t StackDepth() {
  const auto frame = reinterpret_cast<uintptr_t>(__builtin_frame_address(0)) & ~uintptr_t{3};
  auto at = LowestPainted(frame);
  while (at < frame && *reinterpret_cast<volatile uint32_t*>(at) == kStackPattern) at += sizeof kStackPattern;
  return static_cast<uint32_t>(frame - at);
}

}  // namespace board

extern "C" {

void FaultHandler() {
  board::Write("fault\n");
  Exit(99);
}

void ResetHandler() {
  EnableFpu();
  std::memcpy(&data_begin, &data_image,
              static_cast<size_t>(reinterpret_cast<char*>(&data_end) - reinterpret_cast<char*>(&data_begin)));
  std::memset(&bss_begin, 0,
              static_cast<size_t>(reinterpret_cast<char*>(&bss_end) - reinterpret_cast<char*>(&bss_begin)));
  StartTimer();
  Exit(RunMain());
}

// For programs that link TFLM or the C library: assert, abort and destructors of static objects end here.
void _exit(int code) { Exit(static_cast<uint32_t>(code)); }
void* __dso_handle = nullptr;

}  // extern "C"

__attribute__((section(".vectors"), used)) const void* const kVectors[16] = {
    &stack_top,
    reinterpret_cast<const void*>(ResetHandler),
    reinterpret_cast<const void*>(FaultHandler),  // NMI, HardFault, and the faults that it is split into
    reinterpret_cast<const void*>(FaultHandler),
    reinterpret_cast<const void*>(FaultHandler),
    reinterpret_cast<const void*>(FaultHandler),
    reinterpret_cast<const void*>(FaultHandler),
    reinterpret_cast<const void*>(FaultHandler),
};
