"""The kernels that measure a GPU's roofline: its highest rates.

    fma_chains(x, factor, offset, steps)[t]  = sum over k = 0, ..., 7 of c_k, where c_k = x[t] + k
                                               and then `steps` times c_k = c_k factor + offset
    tensor_chains(x, steps, kind)[t]         = 8 steps (p[g, 2 i] + p[g, 2 i + 1]) with p = u u^T,
                                               t = 4 g + i, for each 32 values of x, an 8x4 matrix
                                               u; half of that for tf32
    add(b, c)                                = b + c
    sweep(x, threads, passes)[t]             = passes times the sum of all x[i], i = t mod threads

The first two keep arithmetic busy and memory idle, the others do the reverse. They are
probes: tested like the rungs of a ladder, but they are not called for their results.
"""

from ...ladder import Probe, is_float
from . import cases

fma_chains = Probe("fma_chains", cases.FMA_CHAINS)
fma_chains.rung("reference", "bench.peaks.reference:fma_chains")
fma_chains.rung("probe", "bench.peaks.gpu:fma_chains", device="cuda", covers=is_float)

tensor_chains = Probe("tensor_chains", cases.TENSOR_CHAINS)
tensor_chains.rung("reference", "bench.peaks.reference:tensor_chains")
tensor_chains.rung("probe", "bench.peaks.gpu:tensor_chains", device="cuda", covers=is_float)

add = Probe("add", cases.ADD)
add.rung("reference", "bench.peaks.reference:add")
add.rung("probe", "bench.peaks.gpu:add", device="cuda", covers=is_float)

sweep = Probe("sweep", cases.SWEEP)
sweep.rung("reference", "bench.peaks.reference:sweep")
sweep.rung("probe", "bench.peaks.gpu:sweep", device="cuda", covers=is_float)
