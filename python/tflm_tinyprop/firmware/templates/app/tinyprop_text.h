// Numbers for log lines.
#ifndef TINYPROP_TEXT_H_
#define TINYPROP_TEXT_H_

namespace tinyprop_app {

// A float as text with up to six decimals. The printf of many microcontrollers does not know %f.
struct Decimal {
  explicit Decimal(float value);
  char text[20];
};

}  // namespace tinyprop_app

#endif  // TINYPROP_TEXT_H_
