// Two exported kernels in one program: a matrix product whose result is fed row by row to a softmax.
//
//   hone kernels export RECORD --name matmul --output matmul.o          (and --format header --output matmul.h)
//   hone kernels export RECORD --name softmax --output softmax.o        (and --format header --output softmax.h)
//   cc -I. call_kernels.c matmul.o softmax.o -lgomp -lm -o call_kernels && ./call_kernels
//
// examples/export_kernels.sh does all of it. Exits 0 when the results are right.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "matmul.h"
#include "softmax.h"

enum { kSize = 512, kRows = 256, kColumns = 1024 };  // 512 x 512 values are also 256 x 1024.

static float* Array(size_t count) {
  float* data = aligned_alloc(64, count * sizeof(float));
  if (data == NULL) exit(3);
  for (size_t i = 0; i < count; ++i) data[i] = (float)(i * 2654435761u % 1000u) / 1000.0f;
  return data;
}

int main(void) {
  float* a = Array(kSize * kSize);
  float* b = Array(kSize * kSize);
  float* c = Array(kSize * kSize);
  float* probabilities = Array(kRows * kColumns);
  if (matmul(a, b, c) != 0 || softmax(c, probabilities) != 0) {
    fprintf(stderr, "a kernel reported an error\n");
    return 1;
  }
  double worst = 0;
  for (int i = 0; i < kSize; i += 37) {
    for (int j = 0; j < kSize; j += 41) {
      double sum = 0;
      for (int k = 0; k < kSize; ++k) sum += (double)a[i * kSize + k] * b[k * kSize + j];
      worst = fmax(worst, fabs(sum - c[i * kSize + j]) / fabs(sum));
    }
  }
  for (int i = 0; i < kRows; ++i) {
    double sum = 0;
    for (int j = 0; j < kColumns; ++j) sum += probabilities[i * kColumns + j];
    worst = fmax(worst, fabs(sum - 1));
  }
  printf("largest relative error %.2g\n", worst);
  return worst < 1e-4 ? 0 : 1;
}
