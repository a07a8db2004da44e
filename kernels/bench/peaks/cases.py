"""Example inputs of the probes, and their FLOPs and bytes."""

from ...ladder import Cases


def make_fma_chains(rng, dtype, n, steps):
    factor, offset = rng.uniform(-1.1, 1.1, 2)
    return (rng.standard_normal(n).astype(dtype), float(factor), float(offset), steps), {}


def make_tensor_chains(rng, dtype, warps, steps, kind):
    # Integers of this size and their sums are exact in all kinds of factors and in float32.
    return (rng.integers(-8, 9, 32 * warps).astype(dtype), steps, kind), {}


def make_add(rng, dtype, n):
    b, c = rng.standard_normal((2, n))
    return (b.astype(dtype), c.astype(dtype)), {}


def make_sweep(rng, dtype, n, threads, passes):
    return (rng.integers(-8, 9, n).astype(dtype), threads, passes), {}


FMA_CHAINS = Cases(
    make=make_fma_chains,
    flops=lambda x, factor, offset, steps: 16 * steps * x.size,
    traffic=lambda x, *rest: 2 * x.nbytes,
    shapes={
        "one thread": dict(n=1, steps=3),
        "no steps": dict(n=5, steps=0),
        "one block": dict(n=256, steps=1),
        "two blocks": dict(n=300, steps=33),
    },
    bench_shapes={},
)
TENSOR_CHAINS = Cases(
    make=make_tensor_chains,
    # Each warp: 8 products of 16x16 and 16x8 matrices; 16x8 and 8x8 in tf32.
    flops=lambda x, steps, kind: (
        8 * (2 * 16 * (8 if kind == "tf32" else 16) * 8) * steps * (x.size // 32)
    ),
    traffic=lambda x, *rest: 2 * x.nbytes,
    shapes={
        "one warp": dict(warps=1, steps=1, kind="bf16"),
        "no steps": dict(warps=1, steps=0, kind="tf32"),
        "a few steps": dict(warps=1, steps=3, kind="fp16"),
        "one block": dict(warps=4, steps=1, kind="tf32"),
        "two blocks": dict(warps=8, steps=5, kind="bf16"),
    },
    bench_shapes={},
)
ADD = Cases(
    make=make_add,
    flops=lambda b, c: b.size,
    traffic=lambda b, c: 3 * b.nbytes,
    shapes={
        "one": dict(n=1),
        "odd": dict(n=1003),
        "one block": dict(n=1024),
        "two blocks": dict(n=2050),
    },
    bench_shapes={},
)
SWEEP = Cases(
    make=make_sweep,
    flops=lambda x, threads, passes: passes * x.size,
    traffic=lambda x, threads, passes: passes * x.nbytes,
    shapes={
        "more threads than numbers": dict(n=3, threads=64, passes=1),
        "no passes": dict(n=3, threads=32, passes=0),
        "odd": dict(n=1003, threads=96, passes=2),
        "two blocks": dict(n=2050, threads=512, passes=3),
    },
    bench_shapes={},
)
