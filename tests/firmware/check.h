// Checks that a program makes where it runs, on a board without doctest: CHECK says what failed, Failures() is what
// main returns.
#ifndef TINYPROP_TESTS_FIRMWARE_CHECK_H_
#define TINYPROP_TESTS_FIRMWARE_CHECK_H_

#include <cstdint>

#include "tests/firmware/board/board.h"

namespace check {

struct Counts {
  int32_t checks = 0, failures = 0;
};

inline Counts counts;

inline void Check(bool passed, const char* condition, const char* file, int32_t line) {
  ++counts.checks;
  if (passed) return;
  ++counts.failures;
  board::Write(file);
  board::Write(":");
  board::Write(line);
  board::Write(": failed: ");
  board::Write(condition);
  board::Write("\n");
}

// Says how many checks were made, so that none at all is noticed.
inline int32_t Failures() {
  board::Write("checks ");
  board::Write(counts.checks);
  board::Write("\n");
  return counts.failures < 100 ? counts.failures : 100;
}

}  // namespace check

#define CHECK(condition) ::check::Check((condition), #condition, __FILE__, __LINE__)

#endif  // TINYPROP_TESTS_FIRMWARE_CHECK_H_
