// Stand-in for ESP-IDF's header.
#ifndef STAND_IN_FREERTOS_TASK_H_
#define STAND_IN_FREERTOS_TASK_H_

#include "freertos/FreeRTOS.h"

extern "C" void vTaskDelay(TickType_t ticks);

#endif  // STAND_IN_FREERTOS_TASK_H_
