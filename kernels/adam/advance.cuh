// One thread counts the step, and computes in double what all weights share.
//
//   state: {t - 1, lr} becomes {t, lr}         sizes: {lr / (1 - beta1^t), 1 / sqrt(1 - beta2^t)}
//
// Both numbers are read from the device's memory, so that a captured graph, whose arguments are
// fixed, goes on counting and follows the learning rate.
#pragma once

__global__ void advance(double* state, double* sizes, double beta1, double beta2) {
  const double step = state[0] + 1.0;
  state[0] = step;
  sizes[0] = state[1] / (1.0 - pow(beta1, step));
  sizes[1] = 1.0 / sqrt(1.0 - pow(beta2, step));
}
