// What TFLM leaves to the board: its log, and the ends that need no heap. The C library's vsnprintf would bring
// malloc along, so that the conversions TFLM's messages have are made here: %d %i %u %x %c %s %p, with l, z or a width.
#include "tensorflow/lite/micro/debug_log.h"

#include <cstdint>

#include "tests/firmware/board/board.h"

extern "C" [[noreturn]] void _exit(int code);

namespace {

// Characters up to a size; those beyond are counted only.
class Text {
 public:
  Text(char* buffer, size_t size) : buffer_(buffer), size_(size) {}
  void Put(char c) {
    if (length_ + 1 < size_) buffer_[length_] = c;
    ++length_;
  }
  void Put(const char* text) {
    for (; *text != '\0'; ++text) Put(*text);
  }
  void PutNumber(uint32_t number, uint32_t base) {
    char digits[11];
    char* first = digits + sizeof digits - 1;
    *first = '\0';
    do {
      *--first = "0123456789abcdef"[number % base];
      number /= base;
    } while (number != 0);
    Put(first);
  }
  void PutSigned(int32_t number) {
    if (number < 0) Put('-');
    PutNumber(number < 0 ? 0u - static_cast<uint32_t>(number) : static_cast<uint32_t>(number), 10);
  }
  int End() {
    if (size_ > 0) buffer_[length_ < size_ ? length_ : size_ - 1] = '\0';
    return static_cast<int>(length_);
  }

 private:
  char* buffer_;
  size_t size_;
  size_t length_ = 0;
};

bool IsModifier(char c) { return (c >= '0' && c <= '9') || c == 'l' || c == 'z' || c == '.' || c == '-'; }

}  // namespace

extern "C" {

// int, long and size_t have 32 bits.
int DebugVsnprintf(char* buffer, size_t buf_size, const char* format, va_list vlist) {
  Text text(buffer, buf_size);
  for (; *format != '\0'; ++format) {
    if (*format != '%') {
      text.Put(*format);
      continue;
    }
    do ++format;
    while (IsModifier(*format));
    if (*format == '\0') break;
    switch (*format) {
      case 'd':
      case 'i':
        text.PutSigned(va_arg(vlist, int));
        break;
      case 'u':
        text.PutNumber(va_arg(vlist, unsigned), 10);
        break;
      case 'x':
      case 'p':
        text.PutNumber(va_arg(vlist, unsigned), 16);
        break;
      case 'c':
        text.Put(static_cast<char>(va_arg(vlist, int)));
        break;
      case 's':
        text.Put(va_arg(vlist, const char*));
        break;
      case 'f':
      case 'g':
        (void)va_arg(vlist, double);
        text.Put("(float)");
        break;
      default:
        text.Put(*format);
    }
  }
  return text.End();
}

void DebugLog(const char* format, va_list args) {
  char line[256];
  DebugVsnprintf(line, sizeof line, format, args);
  board::Write(line);
}

// The libraries' versions of these need signals, or a heap for a message.
void abort() {
  board::Write("abort\n");
  _exit(98);
}
void __assert_func(const char* file, int line, const char*, const char* condition) {
  board::Write(file);
  board::Write(":");
  board::Write(static_cast<int32_t>(line));
  board::Write(": ");
  board::Write(condition);
  board::Write("\n");
  abort();
}
void __cxa_pure_virtual() { abort(); }

}  // extern "C"
