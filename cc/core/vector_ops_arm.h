// The inner loops of vector_ops.cc in VFP instructions, for Cortex-M with an FPU (M4F, M7, M33): a load or store of n
// registers takes n + 1 cycles instead of 2 n, and a compiler does not form them of a loop. The arithmetic is that of
// the portable loops where the compiler contracts their products and sums.
#ifndef TINYPROP_CC_CORE_VECTOR_OPS_ARM_H_
#define TINYPROP_CC_CORE_VECTOR_OPS_ARM_H_

#include <cstdint>

// With MVE (Cortex-M55) the compiler's own vectors are wider. TINYPROP_NO_VFP_LOOPS turns these loops
// off, for comparison.
#if !defined(TINYPROP_NO_VFP_LOOPS) && defined(__GNUC__) && defined(__thumb2__) && defined(__ARM_FEATURE_FMA) && \
    (__ARM_FP & 4) && !defined(__ARM_FEATURE_MVE) && !defined(__ARM_BIG_ENDIAN)
#define TINYPROP_HAS_VFP_LOOPS 1

namespace tinyprop {
namespace vfp {

constexpr int32_t kBlock = 8;  // elements

// y[i] += a * x[i] for i in [0, 8 blocks), blocks > 0.
inline void AddScaledBlocks(int32_t blocks, float a, const float* x, float* y) {
  asm volatile(
      "1:\n"
      "vldmia %[x]!, {s0-s7}\n"
      "vldmia %[y], {s8-s15}\n"
      "subs %[blocks], #1\n"
      "vfma.f32 s8, s0, %[a]\n"
      "vfma.f32 s9, s1, %[a]\n"
      "vfma.f32 s10, s2, %[a]\n"
      "vfma.f32 s11, s3, %[a]\n"
      "vfma.f32 s12, s4, %[a]\n"
      "vfma.f32 s13, s5, %[a]\n"
      "vfma.f32 s14, s6, %[a]\n"
      "vfma.f32 s15, s7, %[a]\n"
      "vstmia %[y]!, {s8-s15}\n"
      "bne 1b\n"
      : [x] "+r"(x), [y] "+r"(y), [blocks] "+l"(blocks)
      : [a] "t"(a)
      : "s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "s12", "s13", "s14", "s15", "cc",
        "memory");
}

// dx[i] += d * w[i], then w[i] += a * x[i], for i in [0, 8 blocks), blocks > 0.
inline void HandDownAndUpdateBlocks(int32_t blocks, float d, float a, const float* x, float* w, float* dx) {
  asm volatile(
      "1:\n"
      "vldmia %[w], {s0-s7}\n"
      "vldmia %[dx], {s8-s15}\n"
      "vldmia %[x]!, {s16-s23}\n"
      "subs %[blocks], #1\n"
      "vfma.f32 s8, s0, %[d]\n"
      "vfma.f32 s9, s1, %[d]\n"
      "vfma.f32 s10, s2, %[d]\n"
      "vfma.f32 s11, s3, %[d]\n"
      "vfma.f32 s12, s4, %[d]\n"
      "vfma.f32 s13, s5, %[d]\n"
      "vfma.f32 s14, s6, %[d]\n"
      "vfma.f32 s15, s7, %[d]\n"
      "vfma.f32 s0, s16, %[a]\n"
      "vfma.f32 s1, s17, %[a]\n"
      "vfma.f32 s2, s18, %[a]\n"
      "vfma.f32 s3, s19, %[a]\n"
      "vfma.f32 s4, s20, %[a]\n"
      "vfma.f32 s5, s21, %[a]\n"
      "vfma.f32 s6, s22, %[a]\n"
      "vfma.f32 s7, s23, %[a]\n"
      "vstmia %[dx]!, {s8-s15}\n"
      "vstmia %[w]!, {s0-s7}\n"
      "bne 1b\n"
      : [x] "+r"(x), [w] "+r"(w), [dx] "+r"(dx), [blocks] "+l"(blocks)
      : [d] "t"(d), [a] "t"(a)
      : "s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "s12", "s13", "s14", "s15", "s16",
        "s17", "s18", "s19", "s20", "s21", "s22", "s23", "cc", "memory");
}

// The sum of the products x[i] * x[i + 8] over blocks of 16 elements, blocks > 0.
inline float SumOfPairProducts(int32_t blocks, const float* x) {
  float sum = 0.0f;
  asm volatile(
      "1:\n"
      "vldmia %[x]!, {s0-s15}\n"
      "subs %[blocks], #1\n"
      "vfma.f32 %[sum], s0, s8\n"
      "vfma.f32 %[sum], s1, s9\n"
      "vfma.f32 %[sum], s2, s10\n"
      "vfma.f32 %[sum], s3, s11\n"
      "vfma.f32 %[sum], s4, s12\n"
      "vfma.f32 %[sum], s5, s13\n"
      "vfma.f32 %[sum], s6, s14\n"
      "vfma.f32 %[sum], s7, s15\n"
      "bne 1b\n"
      : [x] "+r"(x), [blocks] "+l"(blocks), [sum] "+t"(sum)
      :
      : "s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "s12", "s13", "s14", "s15", "cc",
        "memory");
  return sum;
}

}  // namespace vfp
}  // namespace tinyprop

#endif

#endif  // TINYPROP_CC_CORE_VECTOR_OPS_ARM_H_
