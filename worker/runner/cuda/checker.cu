// Compares what a kernel computed with what it should have, on the device. Compiled to checker.ptx, which is kept
// beside this file because runners have no compiler:
//   nvcc -std=c++17 -O2 -arch=compute_75 -ptx checker.cu -o checker.ptx
// and then the line ".version" set to 6.5, the oldest that knows everything used here.

struct Findings {
  unsigned long long wrong;        // Elements.
  unsigned long long first_wrong;  // Starts as all ones.
  unsigned max_abs;                // Bits of a float that is not negative.
  unsigned max_rel;
};

__device__ inline bool finite(float x) { return fabsf(x) < __uint_as_float(0x7f800000u); }

// An element is right when |got - want| <= tolerance * (|want| + scale), both are NaN, or both are equal.
__device__ inline void judge(float got, float want, unsigned long long i, float tolerance, float scale,
                             Findings* findings) {
  if (got == want || (got != got && want != want)) return;
  const float error = fabsf(got - want);
  const float magnitude = fabsf(want) + scale;
  if (finite(error)) {
    if (__float_as_uint(error) > findings->max_abs) atomicMax(&findings->max_abs, __float_as_uint(error));
    const float relative = magnitude > 0 ? error / magnitude : 0;
    if (__float_as_uint(relative) > findings->max_rel) atomicMax(&findings->max_rel, __float_as_uint(relative));
    if (error <= tolerance * magnitude) return;
  }
  atomicAdd(&findings->wrong, 1ull);
  atomicMin(&findings->first_wrong, i);
}

#define FOR_EACH(i, count)                                                                            \
  for (unsigned long long i = blockIdx.x * (unsigned long long)blockDim.x + threadIdx.x; i < (count); \
       i += (unsigned long long)gridDim.x * blockDim.x)

extern "C" __global__ void hone_compare_f32(const float* got, const float* want, unsigned long long count,
                                            float tolerance, float scale, Findings* findings) {
  FOR_EACH(i, count) judge(got[i], want[i], i, tolerance, scale, findings);
}

extern "C" __global__ void hone_compare_f64(const double* got, const double* want, unsigned long long count,
                                            float tolerance, float scale, Findings* findings) {
  FOR_EACH(i, count) {
    // The error is found in double; what is left of it fits a float.
    const double difference = got[i] - want[i];
    if (got[i] == want[i]) continue;
    judge((float)want[i] + (float)difference, (float)want[i], i, tolerance, scale, findings);
  }
}

__device__ inline float half_value(unsigned short bits) {
  float x;
  asm("cvt.f32.f16 %0, %1;" : "=f"(x) : "h"(bits));
  return x;
}

extern "C" __global__ void hone_compare_f16(const unsigned short* got, const unsigned short* want,
                                            unsigned long long count, float tolerance, float scale,
                                            Findings* findings) {
  FOR_EACH(i, count) judge(half_value(got[i]), half_value(want[i]), i, tolerance, scale, findings);
}

extern "C" __global__ void hone_compare_bf16(const unsigned short* got, const unsigned short* want,
                                             unsigned long long count, float tolerance, float scale,
                                             Findings* findings) {
  FOR_EACH(i, count) {
    judge(__uint_as_float((unsigned)got[i] << 16), __uint_as_float((unsigned)want[i] << 16), i, tolerance, scale,
          findings);
  }
}

// Everything else has to be the same, bit by bit.
extern "C" __global__ void hone_compare_bytes(const unsigned char* got, const unsigned char* want,
                                              unsigned long long count, float tolerance, float scale,
                                              Findings* findings) {
  const unsigned long long words = count / 4;
  FOR_EACH(i, words) {
    if (((const unsigned*)got)[i] == ((const unsigned*)want)[i]) continue;
    atomicAdd(&findings->wrong, 1ull);
    atomicMin(&findings->first_wrong, i * 4);
  }
  FOR_EACH(i, count - words * 4) {
    if (got[words * 4 + i] == want[words * 4 + i]) continue;
    atomicAdd(&findings->wrong, 1ull);
    atomicMin(&findings->first_wrong, words * 4 + i);
  }
}

// Guard zones hold one byte value all over.
extern "C" __global__ void hone_compare_value(const unsigned char* got, unsigned long long count, unsigned value,
                                              Findings* findings) {
  FOR_EACH(i, count) {
    if (got[i] == value) continue;
    atomicAdd(&findings->wrong, 1ull);
    atomicMin(&findings->first_wrong, i);
  }
}
