// Must not link.
namespace {
int* volatile number;
}

int main() {
  number = new int(0);
  return *number;
}
