"""What decides whether an exercise is right: one function for each, of the exercise's name."""

from __future__ import annotations

import time

import numba
import numpy as np
import solutions
from cuda_kernels import launch
from exercises import expect, quoted, returned

import tinygan as tg
import tinygan.functional as F
from tinygan.kernels.conv2d import conv2d
from tinygan.kernels.emulator.module import empty

# autograd_from_scratch.py


def central_difference(student):
    for eps in (1e-2, 1e-5):
        found = returned(student(np.sin, 0.5, eps))
        expect(abs(found - np.cos(0.5)) < eps**2,
               f"For sin at 0.5 with eps = {eps} the error is larger than eps squared.")
    return "The error is below eps squared."


def dual_product(student):
    x = (3.0, 1.0)
    expect(tuple(returned(student(x, (5.0, 0.0)))) == (15.0, 5.0), "5 x at 3 must be (15, 5).")
    expect(tuple(student(x, x)) == (9.0, 6.0), "x x at 3 must be (9, 6): both factors move.")
    expect(tuple(student(x, student(x, x))) == (27.0, 27.0), "x x x at 3 must be (27, 27).")
    return "x x x at 3 is (27, 27), and nothing was rounded."


def walk_back(student, Value):
    x, y = Value(0.5), Value(-2.0)
    student(x * y)
    expect((x.grad, y.grad) != (0, 0), "No grad has reached the inputs of x y: walk back.")
    expect((x.grad, y.grad) == (-2.0, 0.5),
           f"x y has the slopes y = -2 and x = 0.5, got {x.grad} and {y.grad}.")
    x = Value(3.0)
    student(x + x)
    expect(x.grad == 2, f"x + x has the slope 2, got {x.grad}: what arrives is added.")
    x, y = Value(0.5), Value(-2.0)
    product = x * y
    student(product * product.tanh() + product)
    t = tg.tensor([0.5, -2.0], "float64", requires_grad=True)
    product = t[0] * t[1]
    (wanted,) = tg.grad(product * product.tanh() + product, t)
    expect(np.allclose([x.grad, y.grad], wanted.numpy(), rtol=1e-12),
           f"x y tanh(x y) + x y has the slopes {wanted.tolist()}, got {[x.grad, y.grad]}: did a "
           "node hand on before all of its grad had arrived?")
    return "The slopes are those that tinygan finds."


def sum_to(student):
    ones = np.ones((4, 3, 2))
    for shape in ((4, 3, 2), (3, 2), (2,), (), (1, 3, 1), (3, 1), (4, 1, 1)):
        found = np.asarray(returned(student(ones, shape)))
        expect(found.shape == shape, f"The shape is {found.shape}, expected {shape}.")
        times = ones.size / max(1, np.prod(shape))
        expect((found == times).all(), f"To {shape}: not all that arrived was added.")
    return "Axes that were added and axes of length 1 are summed."


def matmul_backward(student):
    rng = np.random.default_rng(0)
    a, b, g = (rng.standard_normal(shape) for shape in ((2, 3), (3, 4), (2, 4)))
    s, t = (tg.tensor(x, requires_grad=True) for x in (a, b))
    pairs = returned(student(g, a, b)), tg.grad(s @ t, (s, t), tg.tensor(g))
    for name, found, wanted in zip("ab", *pairs, strict=True):
        expect(np.shape(found) == wanted.shape,
               f"The gradient by {name} must have the shape {wanted.shape}, got {np.shape(found)}.")
        expect(np.allclose(found, wanted.numpy()), f"The gradient by {name} has wrong values.")
    return "Both gradients are those that tinygan finds."


def softsign_backward(student):
    class Softsign(tg.Function):
        saves_inputs = True

        def forward(self, x):
            return x / (1 + np.abs(x))

        def backward(self, grad_output):
            return (returned(student(grad_output, self.inputs[0])),)

    x = tg.tensor([-2.0, -0.3, 0.7, 1.5], "float64", requires_grad=True)
    tg.gradcheck(lambda x: Softsign()(x), x)
    try:
        tg.gradgradcheck(lambda x: Softsign()(x), x)
    except (tg.GradcheckError, RuntimeError) as problem:
        expect(False, f"The gradient is right, its own gradient is not: {problem}. Is each step an "
               "op on tensors, without `.numpy()`, `.detach()` or `.array`?")
    return "First and second derivatives agree with quotients of differences."


# loop_to_convolution.py


def flops_and_bytes(student):
    for n, p, q, k, r, s, c in ((8, 16, 16, 64, 3, 3, 32), (1, 5, 7, 2, 4, 1, 3)):
        x = np.zeros((n, p + r - 1, q + s - 1, c), np.float32)
        arguments = x, np.zeros((k, c, r, s), np.float32), None
        options = dict(stride=(1, 1), padding=(0, 0), output_size=(p, q))
        flops, traffic = returned(student(n, p, q, k, r, s, c))
        counts = ("FLOPs", flops, conv2d.flops), ("bytes", traffic, conv2d.traffic)
        for word, found, count in counts:
            wanted = count(*arguments, **options)
            expect(found == wanted, f"For n, p, q, k, r, s, c = {n, p, q, k, r, s, c} there are "
                   f"{wanted:,} {word}, got {found:,}.")
    return "These are the numbers by which tinygan's benchmark counts."


def faster_loops(student, slow):
    """`slow` is the compiled function that it is to beat."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 10, 10, 32)).astype(np.float32)
    taps = rng.standard_normal((3, 3, 32, 64)).astype(np.float32)
    fast, y, wanted = numba.njit(student), *np.zeros((2, 2, 8, 8, 64), np.float32)
    fast(x, taps, y)
    expect(y.any(), "y is still zero everywhere.")
    slow(x, taps, wanted)
    expect(np.allclose(y, wanted, atol=1e-3), "y has wrong values.")
    seconds = {fast: [], slow: []}
    for _ in range(7):
        for run, times in seconds.items():
            start = time.perf_counter()
            run(x, taps, y)
            times.append(time.perf_counter() - start)
    ratio = min(seconds[slow]) / min(seconds[fast])
    expect(ratio > 2, f"Right, and {ratio:.1f} times as fast as the order above; 2 are wanted.")
    return f"{ratio:.0f} times as fast as the order above."


class Counted(float):
    """A number that counts the multiplications of two numbers that are both counted."""

    count = 0

    def __add__(self, other):
        return Counted(float(self) + float(other))

    def __sub__(self, other):
        return Counted(float(self) - float(other))

    def __neg__(self):
        return Counted(-float(self))

    def __mul__(self, other):
        Counted.count += 1
        return Counted(float(self) * float(other))

    __radd__, __rmul__ = __add__, __mul__


def two_outputs(student):
    d, g = [Counted(x) for x in (2.0, -3.0, 5.0)], [Counted(x) for x in (7.0, 11.0)]
    Counted.count = 0
    found = tuple(map(float, returned(student(d, g))))
    expect(found == (-19.0, 34.0), f"The outputs are -19 and 34, got {found}.")
    expect(Counted.count <= 3, f"Right, with {Counted.count} multiplications; 3 are enough.")
    return "Two outputs with 3 multiplications."


def input_gradient(student):
    class Convolution(tg.Function):
        saves_inputs = True

        def forward(self, x, weight):
            with tg.no_grad():
                return F.conv2d(tg.tensor(x), tg.tensor(weight), stride=2, padding=1).array

        def backward(self, grad_output):
            x, weight = self.inputs
            found = returned(student(grad_output, weight, x.shape[2]))
            expect(found.shape == x.shape,
                   f"x has the shape {x.shape}, its gradient {found.shape}.")
            return found, None

    for size in (8, 9):
        x = tg.randn(2, 3, size, size, dtype="float64", requires_grad=True)
        weight = tg.randn(4, 3, 4, 4, dtype="float64")
        tg.gradcheck(lambda x, weight=weight: Convolution()(x, weight), x, eps=1.0)
    return "It agrees with differences, for inputs of 8 x 8 and of 9 x 9 pixels."


# cuda_kernel_without_a_gpu.py: here the students' answers are texts


def block_sum(text):
    for n in (1000, 256, 1):
        blocks = -(-n // 256)
        x = np.arange(n, dtype=np.float32) % 7 + 1
        wanted = [float(x[i : i + 256].sum()) for i in range(0, n, 256)]
        for order in ("forward", "backward", "random"):
            sums = empty(blocks, np.float32)
            _runs(launch(text, "block_sum", (blocks,), (256,), [x, sums, np.int32(n)], order=order))
            expect(np.isfinite(sums).all(), f"n = {n}: some sums were never written, or are NaN.")
            expect(np.array_equal(sums, wanted),
                   f"n = {n}: the sums are {wanted}, got {sums.tolist()}.")
    return "It is right for 1000, 256 and 1 numbers, in any order of the threads, without a race."


def histogram(text):
    x = np.array([3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, -1, 8, 10, 1 << 30, 9] * 10, np.int32)
    counts = np.zeros(10, np.int32)
    arguments = [x, counts, np.int32(len(x)), np.int32(10)]
    _runs(launch(text, "histogram", (3,), (64,), arguments))
    wanted = np.bincount(x[(x >= 0) & (x < 10)], minlength=10)
    expect(np.array_equal(counts, wanted), f"The counts are {wanted}, got {counts}.")
    return "Threads that meet at one bin take turns, and what belongs to no bin is left out."


def transpose(text):
    for n, traffic in ((40, False), (64, True)):
        x, y = (empty((n, n), np.float32) for _ in range(2))
        x[:] = np.arange(n * n).reshape(n, n)
        blocks = -(-n // 32)
        run = launch(text, "transpose", (blocks, blocks), (32, 32), [x, y, np.int32(n)],
                     traffic=traffic)
        _runs(run)
        expect(np.array_equal(y, x.T), f"For {n} x {n} numbers y is not the transpose of x.")
    for row in run.traffic:
        expect(row.cost == row.ideal, f"Right, but line {row.place.rpartition(':')[2]} needs "
               f"{row.cost:,} {'passes' if row.memory == 'shared' else 'sectors'} of {row.memory} "
               f"memory, where {row.ideal:,} would do.")
    return "Every line needs the fewest sectors and passes that would do."


def _runs(run):
    expect(not run.fault, f"{f'Line {run.line}: ' if run.line else ''}{quoted(run.fault)}")


# what_a_gan_learns.py


def best_discriminator(student):
    p, q = np.array([0.1, 0.3, 0.0]), np.array([0.1, 0.1, 0.2])
    found = np.asarray(returned(student(p, q)))
    expect(found.shape == p.shape, "It must return a number for each point.")
    expect(np.allclose(found[0], 0.5), "Where p = q nobody can do better than to say 1/2.")
    expect(np.allclose(found, [0.5, 0.75, 0.0]),
           "Of 0.3 and 0.1 the best is 0.75; where p is 0 it is 0.")
    return "It is p / (p + q)."


def jensen_shannon(student):
    x = np.linspace(-20, 20, 4001)
    width = x[1] - x[0]
    for mean, wanted in ((0.0, 0.0), (1.0, 0.1114214822), (2.0, 0.3368308203)):
        found = returned(student(normal(x, 0.0, 1.0), normal(x, mean, 1.0), width))
        expect(abs(found - wanted) < 1e-6,
               f"For N(0, 1) and N({mean:g}, 1) it is {wanted:.7f} nats, got {found:.7f}.")
    left, right = (x < -1) / ((x < -1).sum() * width), (x > 1) / ((x > 1).sum() * width)
    with np.errstate(all="ignore"):
        found = student(left, right, width)
    expect(abs(found - np.log(2)) < 1e-9, "Of two densities that never meet it is log 2, got "
           f"{found}: 0 log 0 counts as 0.")
    return "It is 0 for equal densities, and log 2 where they never meet."


def normal(x, mean, std):
    """The density of N(mean, std^2)."""
    return np.exp(-0.5 * ((x - mean) / std) ** 2) / (std * np.sqrt(2 * np.pi))


def slopes_by_logit(student):
    for d in (1e-4, 0.3, 0.9):
        logit = tg.tensor(np.log([d / (1 - d)]), requires_grad=True)
        found = returned(student(d))
        for name, slope in zip(("minimax", "non-saturating"), found, strict=True):
            (wanted,) = tg.grad(F.gan_loss(name).generator(logit), logit)
            expect(abs(slope - wanted.item()) < 1e-9,
                   f"At D = {d} the {name} loss has the slope {wanted.item():.4f}, got {slope}.")
    return "Where D is sure, the one slope is 0 and the other -1."


def train_step(student):
    nets = {}
    for name, step in (("solution", solutions.train_step), ("student", student)):
        tg.manual_seed(0)
        g, d = tg.nn.Linear(1, 1), tg.nn.Linear(1, 1)
        started = [p.detach().numpy().copy() for p in (*g.parameters(), *d.parameters())]
        adam_g, adam_d = (tg.optim.SGD(net.parameters(), 0.1) for net in (g, d))
        for _ in range(2):
            real, z = tg.randn(8, 1), tg.randn(8, 1)
            step(g, d, adam_g, adam_d, F.gan_loss("non-saturating"), real, z)
        nets[name] = [[p.detach().numpy().copy() for p in net.parameters()] for net in (d, g)]
    ended = [*nets["student"][1], *nets["student"][0]]
    expect(not all(map(np.array_equal, started, ended)), "No weight has moved yet.")
    for name, ours, theirs in zip("DG", nets["student"], nets["solution"], strict=True):
        expect(all(map(np.allclose, ours, theirs)),
               f"{name} has other weights after two steps than it should. D first, then G, which "
               "meets the new D; is each gradient set to zero before it is computed?")
    return "After two steps both nets have the weights that they should."


def shares_of_modes(student):
    samples = np.array([-1.5, -1.4, -0.5, 1.5, 9.0, 1.1, 1.2, 1.7])
    found = np.asarray(returned(student(samples, (-1.5, 1.5), 0.2)))
    expect(found.shape == (2,), f"It must return a share for each mode, got shape {found.shape}.")
    expect(np.allclose(found, [0.25, 0.5]),
           f"Within three standard deviations lie 2 and 4 of the 8 samples, got {found}.")
    return "What lies far from each mode counts for none."
