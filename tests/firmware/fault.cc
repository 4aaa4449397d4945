// Ends in a fault, which must not look like success.
int main() { __builtin_trap(); }
