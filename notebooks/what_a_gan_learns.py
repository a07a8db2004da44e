import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="What a GAN learns")

with app.setup:
    import marimo as mo
    import numpy as np
    import solutions
    from checks import normal
    from exercises import check
    from figures import moments, plot

    import tinygan as tg
    from tinygan import nn
    from tinygan.functional import gan_loss
    from tinygan.training import discriminator_step

    X = np.linspace(-20, 20, 4001)
    WIDTH = X[1] - X[0]


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    # What a GAN learns

    A generator G turns noise into samples; a discriminator D says how probable it finds that a
    sample is real. Whether images are good one can mostly only see. On a line each claim of the
    theory has a number, and you compute it here. Then you train a GAN, and break it.

    Read beside it: `docs/gan.md`, and Goodfellow et al. 2014, arXiv:1406.2661. Edit the notebook
    with `marimo edit notebooks/what_a_gan_learns.py`: an exercise is a function whose body is
    `...`.

    ## 1. The best discriminator

    The data have the density $p$, the samples of G the density $q$. D is paid

    $$V(D) = E_{x \sim p} \log D(x) + E_{x \sim q} \log (1 - D(x))
    = \int p(x) \log D(x) + q(x) \log(1 - D(x)) \; dx$$

    The integral is largest if its integrand is largest at each point, and that is a function of
    one number: set its derivative by $D$ to zero.

    **Exercise 1.** Which $D(x)$ is best, if we know $p(x)$ and $q(x)$?
    """)
    return


@app.function
def best_discriminator(p, q):
    """D* at points where the densities are p and q: arrays of one shape."""
    ...


@app.cell(hide_code=True)
def _():
    exercise_1 = check(1, "best_discriminator", best_discriminator)
    exercise_1
    return


@app.cell
def _():
    mean = mo.ui.slider(-6.0, 6.0, 0.1, value=2.0, label="mean of q", show_value=True)
    std = mo.ui.slider(0.2, 3.0, 0.1, value=1.0, label="its standard deviation", show_value=True)
    mo.hstack([mean, std], justify="start", wrap=True)
    return mean, std


@app.cell(hide_code=True)
def _(mean, std):
    p, q = normal(X, 0.0, 1.0), normal(X, mean.value, std.value)
    with np.errstate(invalid="ignore"):
        best = p / (p + q)
    plot(
        {"p, the data (filled)": (X, p), "q, the samples (filled)": (X, q), "D*": (X, best)},
        xlim=(-7, 7), ylim=(0, 1.05), xlabel="x",
    )
    return p, q


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    ## 2. What is left for G

    Put $D^*$ into $V$. With $m = (p + q) / 2$ it is $p / 2m$, and $1 - D^*$ is $q / 2m$, so

    $$V(D^*) = \int p \log \frac{p}{m} + \int q \log \frac{q}{m} - \log 4 = 2\, JSD(p, q) - \log 4$$

    The Jensen-Shannon divergence is 0 only where $p = q$. So a G that makes $V(D^*)$ small has
    learned the data, and D's loss, which is $-V$, is $\log 4 = 1.386$ in the end: no failure, but
    the goal.

    **Exercise 2.** Compute $JSD = \frac12 \int p \log \frac{p}{m} + \frac12 \int q \log
    \frac{q}{m}$, in nats. The integral is a sum times the width of a step. Where a density is 0,
    its term is 0, too.
    """)
    return


@app.function
def jensen_shannon(p, q, width):
    """JSD of two densities, arrays of their values at points that lie `width` apart."""
    ...


@app.cell(hide_code=True)
def _():
    exercise_2 = check(2, "jensen_shannon", jensen_shannon)
    exercise_2
    return


@app.cell(hide_code=True)
def _(mean, p, q, std):
    _means = np.linspace(-6, 6, 61)
    _all = [solutions.jensen_shannon(p, normal(X, m, std.value), WIDTH) for m in _means]
    _here = solutions.jensen_shannon(p, q, WIDTH)
    mo.vstack([
        plot({"JSD": (_means, _all), "the q above (points)": ([mean.value], [_here])}, 2.4,
             xlabel="mean of q", ylabel="nats", ylim=(0, 0.75)),
        mo.md(f"JSD {_here:.4f}, so V(D*) = {2 * _here - np.log(4):.4f}, and D's loss is "
              f"{np.log(4) - 2 * _here:.4f}. At most the JSD is log 2 = {np.log(2):.4f}: there the "
              "curve is flat. What does that mean for a G whose samples lie far from the data?"),
    ])
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    ## 3. Two losses for G

    D returns a *logit* $y$, and $D = 1 / (1 + e^{-y})$. G can minimise what D maximises,
    $\log(1{-}D)$: the *minimax* loss. Or it can minimise $-\log D$, the *non-saturating* loss.
    Both fall where $D$ grows; what differs is how steep they are.

    **Exercise 3.** Find the derivatives of both by the logit, and write them as functions of $D$.
    (The derivative of $D$ by $y$ is $D (1 - D)$.)
    """)
    return


@app.function
def slopes_by_logit(d):
    """The derivatives by y of log(1 - D) and of -log D, where D = d."""
    ...


@app.cell(hide_code=True)
def _():
    exercise_3 = check(3, "slopes_by_logit", slopes_by_logit)
    exercise_3
    return


@app.cell(hide_code=True)
def _():
    _logits = np.linspace(-8, 8, 81)
    _slopes = {}
    for _name in ("minimax", "non-saturating"):
        _y = tg.tensor(_logits, requires_grad=True)
        (_slope,) = tg.grad(gan_loss(_name).generator(_y) * float(len(_logits)), _y)  # of a mean
        _slopes[_name] = _logits, _slope.numpy()
    mo.vstack([
        plot(_slopes, 2.4, xlabel="D's logit for a sample", ylabel="slope of G's loss"),
        mo.md("Early on D is sure of each sample: that is the left end. Which loss still teaches?"),
    ])
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    ## 4. A GAN on a line

    Two nets of 32 units, data of two *modes*. A training step is one of D and then one of G.
    `loss` has two functions: `loss.discriminator(logits_of_real, logits_of_fake)` and
    `loss.generator(logits_of_fake)`; optimizers have `zero_grad()` and `step()`. Mind that G must
    not learn from D's loss, nor D from G's.

    **Exercise 4.** Write the step.
    """)
    return


@app.function
def train_step(generator, discriminator, adam_g, adam_d, loss, real, z):
    """A step of D on real and generator(z), then one of G on the same z."""
    ...


@app.cell(hide_code=True)
def _():
    exercise_4 = check(4, "train_step", train_step)
    exercise_4
    return (exercise_4,)


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    Does G make both modes as often as they occur in the data? We count.

    **Exercise 5.** Find the share of the samples within three standard deviations of each mode.
    """)
    return


@app.function
def shares_of_modes(samples, modes, std):
    """For each of the modes the share of the samples (n,) that lie nearer than 3 std."""
    ...


@app.cell(hide_code=True)
def _():
    exercise_5 = check(5, "shares_of_modes", shares_of_modes)
    exercise_5
    return (exercise_5,)


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    ## 5. Train it, and break it

    Each change below trains the GAN anew, in a second or two. Until your exercises are right, the
    solutions do their work here.
    """)
    return


@app.cell
def _():
    _rates = {"0.0003": 3e-4, "0.001": 1e-3, "0.002": 2e-3, "0.005": 5e-3, "0.01": 1e-2}
    loss = mo.ui.dropdown(["non-saturating", "minimax"], value="non-saturating", label="G's loss")
    rate_g = mo.ui.dropdown(_rates, value="0.001", label="rate of G")
    rate_d = mo.ui.dropdown(_rates, value="0.001", label="rate of D")
    d_steps = mo.ui.slider(1, 5, value=1, label="steps of D for one of G", show_value=True)
    steps = mo.ui.slider(100, 1000, 100, value=400, label="steps", show_value=True)
    middle = mo.ui.slider(0.0, 6.0, 0.5, value=0.0, label="middle of the data", show_value=True)
    seed = mo.ui.slider(0, 9, value=0, label="seed", show_value=True)
    mo.hstack([loss, rate_g, rate_d, d_steps, steps, middle, seed], justify="start", wrap=True)
    return d_steps, loss, middle, rate_d, rate_g, seed, steps


@app.cell
def _(d_steps, exercise_4, loss, middle, rate_d, rate_g, seed, steps):
    _step = train_step if exercise_4.right else solutions.train_step
    modes, mode_std = (middle.value - 1.5, middle.value + 1.5), 0.3
    line = np.linspace(min(modes) - 3, max(modes) + 3, 241)

    def net():
        return nn.Sequential(
            nn.Linear(1, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 1)
        )

    def real(rng, count=128):
        points = rng.choice(modes, (count, 1)) + mode_std * rng.standard_normal((count, 1))
        return tg.tensor(points, "float32")

    def train():
        """Four moments: (step, samples of G, D's answers along the line)."""
        tg.manual_seed(seed.value)
        rng, found = np.random.default_rng(seed.value), []
        g, d, of_gan = net(), net(), gan_loss(loss.value)
        adam_g = tg.optim.Adam(g.parameters(), rate_g.value, betas=(0.0, 0.99))
        adam_d = tg.optim.Adam(d.parameters(), rate_d.value, betas=(0.0, 0.99))
        z, x = tg.randn(2000, 1), tg.tensor(line[:, None], "float32")
        for step in range(steps.value + 1):
            if step in (0, steps.value // 4, steps.value // 2, steps.value):
                with tg.no_grad():
                    found.append((step, g(z).numpy()[:, 0], d(x).sigmoid().numpy()[:, 0]))
            for _ in range(d_steps.value - 1):
                with tg.no_grad():
                    fake = g(tg.randn(128, 1))
                discriminator_step(d, adam_d, of_gan, real(rng), fake)
            _step(g, d, adam_g, adam_d, of_gan, real(rng), tg.randn(128, 1))
        return found

    history = train()
    return history, line, mode_std, modes


@app.cell(hide_code=True)
def _(exercise_5, history, line, mode_std, modes):
    _count = shares_of_modes if exercise_5.right else solutions.shares_of_modes
    _steps, _samples, _answers = zip(*history, strict=True)
    _shares = [_count(samples, modes, mode_std) for samples in _samples]
    _density = sum(normal(line, mode, mode_std) for mode in modes) / 2
    mo.vstack([
        moments([f"step {step}" for step in _steps], _samples, line, _density, _answers),
        mo.md("\n".join([
            "| step | left mode | right mode | elsewhere |", "| ---: | ---: | ---: | ---: |",
            *(f"| {step} | {left:.0%} | {right:.0%} | {1 - left - right:.0%} |"
              for step, (left, right) in zip(_steps, _shares, strict=True)),
        ])),
    ])
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    Write down what you find, with the settings and the seed, and repeat it with three other seeds
    before you believe it.

    - **Mode collapse.** Give G five times the rate of D: 0.005 and 0.001. G moves all samples to
      where D is highest, D learns that, and G moves on: with the seed 0 all samples are in the
      left mode after 100 steps and in the right one after 200. Which of the seeds 0 to 4
      collapse? Now give D three steps for one of G.
    - **Saturation.** Put the middle of the data at 5.5, the rate of D at 0.005, five steps of D
      for one of G. Compare the two losses of G. Which sentence of section 3 do you see?
    - **The goal.** With the settings of the beginning, where does D's answer go, where there are
      data? And where there are none?

    ## To go on

    - `python examples/gan_theory_1d.py` does all of this at full length, and draws each moment.
    - `docs/mode-collapse.md` measures what helps, on 25 modes and on digits;
      `docs/stabilisers.md` says why.
    - Add the R1 penalty to your step (`tinygan.training.r1_penalty`): which of the broken
      settings does it mend?
    """)
    return


if __name__ == "__main__":
    app.run()
