// CRC-32 as in zlib, PNG and Ethernet (reflected polynomial 0xEDB88320).
#ifndef TINYPROP_CC_RUNTIME_CRC32_H_
#define TINYPROP_CC_RUNTIME_CRC32_H_

#include <cstdint>

namespace tinyprop {

// Continues a CRC over `size` more bytes; start with crc 0. Crc32(0, "123456789", 9) is 0xCBF43926.
uint32_t Crc32(uint32_t crc, const void* data, uint32_t size);

}  // namespace tinyprop

#endif  // TINYPROP_CC_RUNTIME_CRC32_H_
