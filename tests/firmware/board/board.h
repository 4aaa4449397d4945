// What the test programs need of a machine: output, the end, a counter of instructions, the depth of the stack.
// For QEMU's Cortex-M boards (board.cc) and, so that the same programs run there too, for the host (host.cc).
#ifndef TINYPROP_TESTS_FIRMWARE_BOARD_BOARD_H_
#define TINYPROP_TESTS_FIRMWARE_BOARD_BOARD_H_

#include <cstdint>

namespace board {

// Text to the standard output of QEMU or of the program.
void Write(const char* text);
void Write(int32_t number);
// As 8 hexadecimal digits.
void WriteHex(uint32_t number);

// Instructions executed so far, modulo 2^32, in steps of 16 / 25 instructions or more: mps2 boards under
// `-icount shift=6`. 0 elsewhere.
uint32_t Instructions();

// Fills the unused stack with a pattern, from which StackDepth tells how many bytes below the caller's frame have
// been used since. 0 on the host.
void PaintStack();
uint32_t StackDepth();

}  // namespace board

#endif  // TINYPROP_TESTS_FIRMWARE_BOARD_BOARD_H_
