#include "freertos/FreeRTOS.h"
#include "freertos/task.h"
#include "tinyprop_app.h"

extern "C" void app_main(void) {
  if (!tinyprop_app::Start()) return;
  for (;;) {
    const tinyprop_app::Progress progress = tinyprop_app::Step();
    if (progress == tinyprop_app::Progress::kFailed || progress == tinyprop_app::Progress::kFinished) return;
    vTaskDelay(1);  // lets the idle task run, which feeds the watchdog
  }
}
