// Stand-in for what generated sketches use of Arduino's core.
#ifndef STAND_IN_ARDUINO_H_
#define STAND_IN_ARDUINO_H_

struct SerialPort {
  void begin(unsigned long baud);
  explicit operator bool() const;
};
extern SerialPort Serial;

unsigned long millis();
void setup();
void loop();

#endif  // STAND_IN_ARDUINO_H_
