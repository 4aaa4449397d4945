// The host as a board: the same programs, compiled natively.
#include <cstdio>

#include "tests/firmware/board/board.h"

namespace board {

void Write(const char* text) { std::fputs(text, stdout); }
void Write(int32_t number) { std::printf("%d", static_cast<int>(number)); }
void WriteHex(uint32_t number) { std::printf("%08x", static_cast<unsigned>(number)); }
uint32_t Instructions() { return 0; }
void PaintStack() {}
uint32_t StackDepth() { return 0; }

}  // namespace board
