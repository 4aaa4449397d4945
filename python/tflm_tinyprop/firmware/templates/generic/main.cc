#include "tinyprop_app.h"

int main() { return tinyprop_app::Run(); }
