#include "tinyprop_app.h"

int main(void) { return tinyprop_app::Run(); }
