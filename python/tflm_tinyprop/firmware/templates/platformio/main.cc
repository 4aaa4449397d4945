// Arduino's framework calls setup and loop, the others main.
#include "tinyprop_app.h"

#if defined(ARDUINO)
#include <Arduino.h>

static bool is_running = false;

void setup() {
  Serial.begin(115200);
  is_running = tinyprop_app::Start();
}

void loop() {
  if (!is_running) return;
  const tinyprop_app::Progress progress = tinyprop_app::Step();
  is_running = progress == tinyprop_app::Progress::kTrained || progress == tinyprop_app::Progress::kNoSample;
}
#else
int main() { return tinyprop_app::Run(); }
#endif
