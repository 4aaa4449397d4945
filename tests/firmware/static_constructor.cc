// Must not link.
#include "tests/firmware/board/board.h"

namespace {
const unsigned started = board::Instructions();
}

int main() { return static_cast<int>(started); }
