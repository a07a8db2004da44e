"""Looks into a DCGAN that examples/dcgan_mnist.py has trained; docs/exploring.md explains.

    python examples/explore_dcgan.py                                    the run runs/dcgan_mnist
    python examples/explore_dcgan.py --run runs/other --out runs/look   another run
    python examples/explore_dcgan.py --quick                            a tiny net, trained now

Pictures and results.json go to --out; below each number stands what to compare it with. Needs
pip install scikit-learn.
"""

from __future__ import annotations

import command_line
import numpy as np
from explore_run import Found, Subject, subject

from tinygan import explore
from tinygan.explore import outputs, rate
from tinygan.images import grid, save_animation, save_png


def walks(s: Subject) -> Found:
    """Between two images: a net that has memorised its images would jump from one to the next."""
    found: Found = {}
    for path in (explore.lerp, explore.slerp):
        legs = [outputs(s.generator, path(s.z[i], s.z[i + 1], 20)) for i in range(0, 80, 2)]
        steps = [explore.smoothness(leg) for leg in legs]
        ratios, unrelated = [step.ratio for step in steps], explore.smoothness(s.images[:200]).mean
        found[f"{path.__name__}: largest / mean step"] = {
            "ours": rate(ratios), "nearest training images": rate(s.jumps(legs)),
            "the worst of 40": max(ratios),
        }  # fmt: skip
        means = rate([step.mean for step in steps])
        found[f"{path.__name__}: mean step"] = {"ours": means, "unrelated images": unrelated}
        s.save(f"walk_{path.__name__}.png", np.concatenate(legs[:10])[::2], 10)
    tours = [outputs(s.generator, explore.walk(s.z[[i, i + 1, i + 2, i]], 10)) for i in range(9)]
    save_animation([grid(np.stack(x)) for x in zip(*tours, strict=True)], s.out / "walk.gif")
    return found


def arithmetic(s: Subject) -> Found:
    """An attribute carried from one digit to another, and a digit itself: a - b + c."""
    found: Found = {}
    for name, score, group in (
        ("slant", explore.slant, s.read), ("thickness", explore.thickness, s.read),
        ("seven", lambda x: s.classifier.predict(x)[1][:, 7], None),
    ):  # fmt: skip
        low, high = (0.1, 0.5) if group is None else np.quantile(score(s.images), (0.25, 0.75))
        trials = explore.draw_concepts(
            s.generator, s.z, score, low, high, group, trials=len(s.fresh), seed=s.seed
        )
        rates = explore.transfer_rates(s.generator, trials, score, high, group, s.seed)
        found[f"{name} carried over"] = {"ours": rates.pop("success"), **rates}
        shown = np.concatenate([x[:10] for x in (trials.a, trials.b, trials.c, trials.result)])
        s.save(f"arithmetic_{name}.png", outputs(s.generator, shown), 10)
    return found


def filters(s: Subject) -> Found:
    """What the filters of D's last convolution respond to most, by guided backpropagation."""
    found: Found = {"filters: concentration": {}}
    for name, net in (("ours", s.discriminator), ("random filters", s.untrained)):
        responses = explore.strongest(net, s.real, layer=-1)
        found["filters: concentration"][name] = rate(explore.concentration(responses.gradient))
        s.save(f"filters_{name.split()[0]}.png", explore.patches(responses)[:128], 16, zoom=3)
    return found


def features(s: Subject) -> Found:
    """A linear classifier on D's activations, with few labels."""
    found: Found = {f"accuracy, {count} labels": {} for count in s.label_counts}
    for name, net in (("ours", s.discriminator), ("random D", s.untrained), ("pixels", None)):
        x, y = (
            explore.discriminator_features(net, images) if net else images.reshape(len(images), -1)
            for images in (s.real, s.test)
        )  # fmt: skip
        right = explore.accuracy_by_labels(x, s.real_labels, y, s.test_labels, s.label_counts)
        for count in s.label_counts:
            found[f"accuracy, {count} labels"][name] = rate(right[count])
    return found


def objects(s: Subject) -> Found:
    """Horizontal bars: the feature maps that stand for them dropped, or as many others."""
    found, some = Found(), s.images[:500]
    dropped = explore.object_maps(s.generator, s.z[:500], explore.bars(some), some[:, 0] > 0)
    whole, less = outputs(s.generator, s.fresh), explore.without_maps(s.generator, s.fresh, dropped)
    s.save("dropped.png", np.concatenate([whole[:16], less[:16]]), 16)
    faded = (whole + 1) * (explore.ink(less).mean() / explore.ink(whole).mean()) - 1
    for name, measure in (
        ("horizontal bars", explore.has_bar), ("ink", explore.ink),
        ("vertical bars", lambda x: explore.has_bar(x.transpose(0, 1, 3, 2))),
    ):  # fmt: skip
        rates = explore.drop_rates(s.generator, s.fresh, dropped, measure, seed=s.seed)
        rates["all maps, faded to this ink"] = rate(measure(faded))
        found[f"{name}, {len(dropped)} maps dropped"] = {"ours": rates.pop("dropped"), **rates}
    return found


def maps(s: Subject) -> Found:
    """Images placed by D's features: do neighbours show the same digit?"""
    found, some = Found(), s.images[:300]
    for method in ("pca", "tsne"):
        points = explore.project(explore.discriminator_features(s.discriminator, some), method)
        same, chance = explore.neighbour_agreement(points, s.read(some))
        found[f"{method}: neighbour of one class"] = {"ours": same, "any other": chance}
        save_png(explore.place_images(some, points), s.out / f"{method}.png")
    return found


def main() -> None:
    s = subject(__doc__)
    s.save("classes.png", explore.sorted_grid(s.images, s.read(s.images), 10, 16), 16)
    found: Found = {}
    for look in (walks, arithmetic, filters, features, objects, maps):
        found |= look(s)
    s.report(found)


if __name__ == "__main__":
    command_line.start(main)
