// Reads what tests/vectors/wire_format.inc holds.
#ifndef TINYPROP_TESTS_CC_VECTORS_H_
#define TINYPROP_TESTS_CC_VECTORS_H_

#include <cstdint>
#include <cstdlib>
#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace tinyprop {
namespace testing {

inline std::vector<uint8_t> BytesOfHex(const std::string& text) {
  std::vector<uint8_t> bytes;
  for (size_t i = 0; i < text.size(); i += 2) {
    bytes.push_back(static_cast<uint8_t>(std::strtoul(text.substr(i, 2).c_str(), nullptr, 16)));
  }
  return bytes;
}

// "a=1 b=2.5" -> {a: 1, b: 2.5}.
inline std::map<std::string, double> FieldsOfText(const std::string& text) {
  std::map<std::string, double> fields;
  std::istringstream stream(text);
  for (std::string field; stream >> field;) {
    const size_t at = field.find('=');
    fields[field.substr(0, at)] = std::strtod(field.substr(at + 1).c_str(), nullptr);
  }
  return fields;
}

}  // namespace testing
}  // namespace tinyprop

#endif  // TINYPROP_TESTS_CC_VECTORS_H_
