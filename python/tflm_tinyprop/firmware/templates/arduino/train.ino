// TFLM's library has to be found first, since tflm_tinyprop includes its headers.
#include "tflm_library.h"

#include <tflm_tinyprop.h>

#include "tinyprop_app.h"

static bool is_running = false;

void setup() {
  Serial.begin(115200);
  while (!Serial && millis() < 3000) {
  }
  is_running = tinyprop_app::Start();
}

void loop() {
  if (!is_running) return;
  const tinyprop_app::Progress progress = tinyprop_app::Step();
  is_running = progress == tinyprop_app::Progress::kTrained || progress == tinyprop_app::Progress::kNoSample;
}
