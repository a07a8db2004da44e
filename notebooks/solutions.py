"""The solutions of the notebooks' exercises: what their folded cells show is this code.

`tests/test_notebooks.py` puts each in the place of the exercise of the same name, and asks the
notebook's own check.
"""

from __future__ import annotations

import numpy as np

import tinygan.functional as F

# autograd_from_scratch.py


def central_difference(f, x, eps):
    return (f(x + eps) - f(x - eps)) / (2 * eps)


def dual_product(a, b):
    (x, dx), (y, dy) = a, b
    return x * y, dx * y + x * dy


def walk_back(output):
    output.grad = 1.0
    for node in reversed(nodes_of(output)):
        for parent, slope in node.parents:
            parent.grad += node.grad * slope


def nodes_of(output):
    """All nodes that the output depends on, and itself, in the order in which they were made."""
    found, stack = {}, [output]
    while stack:
        node = stack.pop()
        if id(node) not in found:
            found[id(node)] = node
            stack.extend(parent for parent, _ in node.parents)
    return sorted(found.values(), key=lambda node: node.number)


def sum_to(grad, shape):
    while grad.ndim > len(shape):
        grad = grad.sum(0)
    for axis, size in enumerate(shape):
        if size == 1:
            grad = grad.sum(axis, keepdims=True)
    return grad


def matmul_backward(grad, a, b):
    return grad @ b.T, a.T @ grad


def softsign_backward(grad_output, x):
    return grad_output / (1.0 + x.abs()) ** 2


# loop_to_convolution.py


def flops_and_bytes(n, p, q, k, r, s, c):
    flops = 2 * n * p * q * k * r * s * c
    x, taps, y = n * (p + r - 1) * (q + s - 1) * c, r * s * c * k, n * p * q * k
    return flops, 4 * (x + taps + y)


def faster_loops(x, taps, y):
    for n in range(y.shape[0]):
        for p in range(y.shape[1]):
            for q in range(y.shape[2]):
                for r in range(taps.shape[0]):
                    for s in range(taps.shape[1]):
                        for c in range(taps.shape[2]):
                            for k in range(taps.shape[3]):
                                y[n, p, q, k] += x[n, p + r, q + s, c] * taps[r, s, c, k]


def two_outputs(d, g):
    shared = (g[0] + g[1]) * d[1]
    return g[0] * (d[0] - d[1]) + shared, shared + g[1] * (d[2] - d[1])


def input_gradient(grad_y, weight, size):
    smallest = (grad_y.shape[2] - 1) * 2 - 2 + weight.shape[2]
    return F.conv_transpose2d(
        grad_y, weight, stride=2, padding=1, output_padding=size - smallest
    )


# cuda_kernel_without_a_gpu.py

block_sum = """
__global__ void block_sum(const float* x, float* sums, int n) {
  __shared__ float part[256];
  const int t = threadIdx.x, i = blockIdx.x * 256 + t;
  part[t] = i < n ? x[i] : 0.0f;
  __syncthreads();
  for (int half = 128; half > 0; half /= 2) {
    if (t < half) part[t] += part[t + half];
    __syncthreads();
  }
  if (t == 0) sums[blockIdx.x] = part[0];
}
"""

histogram = """
__global__ void histogram(const int* x, int* counts, int n, int bins) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n && x[i] >= 0 && x[i] < bins) atomicAdd(&counts[x[i]], 1);
}
"""

transpose = """
__global__ void transpose(const float* x, float* y, int n) {
  __shared__ float tile[32][33];
  int i = blockIdx.y * 32 + threadIdx.y, j = blockIdx.x * 32 + threadIdx.x;
  if (i < n && j < n) tile[threadIdx.y][threadIdx.x] = x[i * n + j];
  __syncthreads();
  i = blockIdx.x * 32 + threadIdx.y, j = blockIdx.y * 32 + threadIdx.x;
  if (i < n && j < n) y[i * n + j] = tile[threadIdx.x][threadIdx.y];
}
"""


# what_a_gan_learns.py


def best_discriminator(p, q):
    return p / (p + q)


def jensen_shannon(p, q, width):
    def mean_of_log(density, other):
        inside = density > 0
        return (density[inside] * np.log(density[inside] / other[inside])).sum() * width

    middle = (p + q) / 2
    return (mean_of_log(p, middle) + mean_of_log(q, middle)) / 2


def slopes_by_logit(d):
    return -d, d - 1


def train_step(generator, discriminator, adam_g, adam_d, loss, real, z):
    adam_d.zero_grad()
    loss.discriminator(discriminator(real), discriminator(generator(z).detach())).backward()
    adam_d.step()
    adam_g.zero_grad()
    loss.generator(discriminator(generator(z))).backward()
    adam_g.step()


def shares_of_modes(samples, modes, std):
    return np.array([(np.abs(samples - mode) < 3 * std).mean() for mode in modes])
