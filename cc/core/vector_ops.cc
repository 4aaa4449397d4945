#include "cc/core/vector_ops.h"

#include <cmath>

#include "cc/core/float_bits.h"
#include "cc/core/vector_ops_arm.h"

// The loops are written four elements at a time: -O2 then vectorises the block on SSE2 and NEON, and a
// Cortex-M spends its time on arithmetic instead of loop counting.
namespace tinyprop {

void AddScaled(int32_t n, float a, const float* __restrict x, float* __restrict y) {
  int32_t i = 0;
#if defined(TINYPROP_HAS_VFP_LOOPS)
  if (n >= vfp::kBlock) {
    vfp::AddScaledBlocks(n / vfp::kBlock, a, x, y);
    i = n / vfp::kBlock * vfp::kBlock;
  }
#else
  for (; i + 4 <= n; i += 4) {
    const float p0 = y[i] + a * x[i];
    const float p1 = y[i + 1] + a * x[i + 1];
    const float p2 = y[i + 2] + a * x[i + 2];
    const float p3 = y[i + 3] + a * x[i + 3];
    y[i] = p0;
    y[i + 1] = p1;
    y[i + 2] = p2;
    y[i + 3] = p3;
  }
#endif
  for (; i < n; ++i) y[i] += a * x[i];
}

namespace {

void AddOne(int32_t rows, int32_t n, float a, const float* __restrict x, int32_t x_step, float* __restrict y,
            int32_t y_step) {
  for (; rows > 0; --rows, x += x_step, y += y_step) {
#if defined(TINYPROP_HAS_VFP_LOOPS)
    AddScaled(n, a, x, y);
#else
    int32_t i = 0;
    for (; i + 8 <= n; i += 8) {
      const float p0 = y[i] + a * x[i];
      const float p1 = y[i + 1] + a * x[i + 1];
      const float p2 = y[i + 2] + a * x[i + 2];
      const float p3 = y[i + 3] + a * x[i + 3];
      const float p4 = y[i + 4] + a * x[i + 4];
      const float p5 = y[i + 5] + a * x[i + 5];
      const float p6 = y[i + 6] + a * x[i + 6];
      const float p7 = y[i + 7] + a * x[i + 7];
      y[i] = p0;
      y[i + 1] = p1;
      y[i + 2] = p2;
      y[i + 3] = p3;
      y[i + 4] = p4;
      y[i + 5] = p5;
      y[i + 6] = p6;
      y[i + 7] = p7;
    }
    for (; i < n; ++i) y[i] += a * x[i];
#endif
  }
}

#if !defined(TINYPROP_HAS_VFP_LOOPS)
void AddTwo(const ScaledArrays& a, int32_t rows, int32_t n, int32_t x_step, float* __restrict y, int32_t y_step) {
  const float a0 = a.scale[0], a1 = a.scale[1];
  const float* __restrict x0 = a.x[0];
  const float* __restrict x1 = a.x[1];
  for (; rows > 0; --rows, x0 += x_step, x1 += x_step, y += y_step) {
    int32_t i = 0;
    for (; i + 8 <= n; i += 8) {
      const float p0 = y[i] + (a0 * x0[i] + a1 * x1[i]);
      const float p1 = y[i + 1] + (a0 * x0[i + 1] + a1 * x1[i + 1]);
      const float p2 = y[i + 2] + (a0 * x0[i + 2] + a1 * x1[i + 2]);
      const float p3 = y[i + 3] + (a0 * x0[i + 3] + a1 * x1[i + 3]);
      const float p4 = y[i + 4] + (a0 * x0[i + 4] + a1 * x1[i + 4]);
      const float p5 = y[i + 5] + (a0 * x0[i + 5] + a1 * x1[i + 5]);
      const float p6 = y[i + 6] + (a0 * x0[i + 6] + a1 * x1[i + 6]);
      const float p7 = y[i + 7] + (a0 * x0[i + 7] + a1 * x1[i + 7]);
      y[i] = p0;
      y[i + 1] = p1;
      y[i + 2] = p2;
      y[i + 3] = p3;
      y[i + 4] = p4;
      y[i + 5] = p5;
      y[i + 6] = p6;
      y[i + 7] = p7;
    }
    for (; i < n; ++i) y[i] += a0 * x0[i] + a1 * x1[i];
  }
}
#endif

}  // namespace

void AddFourScaledRows(const ScaledArrays& a, int32_t rows, int32_t n, int32_t x_step, float* __restrict y, int32_t y_step) {
  const float a0 = a.scale[0], a1 = a.scale[1], a2 = a.scale[2], a3 = a.scale[3];
  const float* __restrict x0 = a.x[0];
  const float* __restrict x1 = a.x[1];
  const float* __restrict x2 = a.x[2];
  const float* __restrict x3 = a.x[3];
  for (; rows > 0; --rows, x0 += x_step, x1 += x_step, x2 += x_step, x3 += x_step, y += y_step) {
    int32_t i = 0;
    for (; i + 8 <= n; i += 8) {
      const float p0 = y[i] + (a0 * x0[i] + a1 * x1[i] + a2 * x2[i] + a3 * x3[i]);
      const float p1 = y[i + 1] + (a0 * x0[i + 1] + a1 * x1[i + 1] + a2 * x2[i + 1] + a3 * x3[i + 1]);
      const float p2 = y[i + 2] + (a0 * x0[i + 2] + a1 * x1[i + 2] + a2 * x2[i + 2] + a3 * x3[i + 2]);
      const float p3 = y[i + 3] + (a0 * x0[i + 3] + a1 * x1[i + 3] + a2 * x2[i + 3] + a3 * x3[i + 3]);
      const float p4 = y[i + 4] + (a0 * x0[i + 4] + a1 * x1[i + 4] + a2 * x2[i + 4] + a3 * x3[i + 4]);
      const float p5 = y[i + 5] + (a0 * x0[i + 5] + a1 * x1[i + 5] + a2 * x2[i + 5] + a3 * x3[i + 5]);
      const float p6 = y[i + 6] + (a0 * x0[i + 6] + a1 * x1[i + 6] + a2 * x2[i + 6] + a3 * x3[i + 6]);
      const float p7 = y[i + 7] + (a0 * x0[i + 7] + a1 * x1[i + 7] + a2 * x2[i + 7] + a3 * x3[i + 7]);
      y[i] = p0;
      y[i + 1] = p1;
      y[i + 2] = p2;
      y[i + 3] = p3;
      y[i + 4] = p4;
      y[i + 5] = p5;
      y[i + 6] = p6;
      y[i + 7] = p7;
    }
    for (; i < n; ++i) y[i] += a0 * x0[i] + a1 * x1[i] + a2 * x2[i] + a3 * x3[i];
  }
}

void AddScaledRows(ScaledArrays* a, int32_t rows, int32_t n, int32_t x_step, float* y, int32_t y_step) {
#if !defined(TINYPROP_HAS_VFP_LOOPS)  // which pass over an array as fast as over two or four
  if (a->count == 2) return AddTwo(*a, rows, n, x_step, y, y_step);
  if (a->count == 3) a->Push(0.0f, a->x[0]);
#endif
  if (a->count == ScaledArrays::kMost) return AddFourScaledRows(*a, rows, n, x_step, y, y_step);
  for (int32_t i = 0; i < a->count; ++i) AddOne(rows, n, a->scale[i], a->x[i], x_step, y, y_step);
}

void HandDownAndUpdate(int32_t n, float d, float a, const float* __restrict x, float* __restrict w,
                       float* __restrict dx) {
  int32_t i = 0;
#if defined(TINYPROP_HAS_VFP_LOOPS)
  if (n >= vfp::kBlock) {
    vfp::HandDownAndUpdateBlocks(n / vfp::kBlock, d, a, x, w, dx);
    i = n / vfp::kBlock * vfp::kBlock;
  }
#else
  for (; i + 4 <= n; i += 4) {
    const float w0 = w[i], w1 = w[i + 1], w2 = w[i + 2], w3 = w[i + 3];
    const float g0 = dx[i] + d * w0, g1 = dx[i + 1] + d * w1;
    const float g2 = dx[i + 2] + d * w2, g3 = dx[i + 3] + d * w3;
    const float u0 = w0 + a * x[i], u1 = w1 + a * x[i + 1];
    const float u2 = w2 + a * x[i + 2], u3 = w3 + a * x[i + 3];
    dx[i] = g0;
    dx[i + 1] = g1;
    dx[i + 2] = g2;
    dx[i + 3] = g3;
    w[i] = u0;
    w[i + 1] = u1;
    w[i + 2] = u2;
    w[i + 3] = u3;
  }
#endif
  for (; i < n; ++i) {
    const float old = w[i];
    dx[i] += d * old;
    w[i] = old + a * x[i];
  }
}

void Clear(int32_t n, float* y) {
  int32_t i = 0;
#if !defined(__OPTIMIZE_SIZE__)
  for (; i + 8 <= n; i += 8) {
    y[i] = 0.0f;
    y[i + 1] = 0.0f;
    y[i + 2] = 0.0f;
    y[i + 3] = 0.0f;
    y[i + 4] = 0.0f;
    y[i + 5] = 0.0f;
    y[i + 6] = 0.0f;
    y[i + 7] = 0.0f;
  }
#endif
  for (; i < n; ++i) y[i] = 0.0f;
}

float SumOfMagnitudes(int32_t n, const float* x) {
  // Four partial sums: independent additions pipeline, and the rounding error grows with n / 4.
  float sum[4] = {0.0f, 0.0f, 0.0f, 0.0f};
  int32_t i = 0;
  for (; i + 4 <= n; i += 4) {
    sum[0] += std::fabs(x[i]);
    sum[1] += std::fabs(x[i + 1]);
    sum[2] += std::fabs(x[i + 2]);
    sum[3] += std::fabs(x[i + 3]);
  }
  for (; i < n; ++i) sum[0] += std::fabs(x[i]);
  return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

bool AllFinite(Span<const float> values) {
  int32_t i = 0;
#if defined(TINYPROP_HAS_VFP_LOOPS)
  // Infinity and NaN make every sum of products with them infinity or NaN. Finite products may overflow, too: then
  // the loop below looks at every element.
  const int32_t blocks = values.size / 16;
  if (blocks > 0 && IsFinite(vfp::SumOfPairProducts(blocks, values.data))) i = 16 * blocks;
#endif
  uint32_t largest = 0;
  for (; i < values.size; ++i) {
    const uint32_t magnitude = MagnitudeBits(values[i]);
    largest = magnitude > largest ? magnitude : largest;
  }
  return largest < 0x7f800000u;
}

}  // namespace tinyprop
