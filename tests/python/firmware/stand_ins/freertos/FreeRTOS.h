// Stand-in for ESP-IDF's header.
#ifndef STAND_IN_FREERTOS_H_
#define STAND_IN_FREERTOS_H_

#include <cstdint>

typedef uint32_t TickType_t;

#endif  // STAND_IN_FREERTOS_H_
