"""Images of other sizes."""

from __future__ import annotations

import tinygan.functional as F
from op_cases.case import TF, OpCase, normal
from tinygan import zeros


def both(name, shape, more=None, **options):
    return OpCase(
        f"interpolate {name}", lambda x: F.interpolate(x, **options), [normal(*shape)],
        torch=lambda x: TF.interpolate(x, **options), **(more or {}),
    )  # fmt: skip


ERRORS = [
    (lambda: F.interpolate(zeros(1, 1, 2, 2), 4, mode="cubic"),
     "interpolate: mode must be one of 'nearest', 'nearest-exact', 'area', 'linear', 'bilinear', "
     "'bicubic', 'trilinear', got 'cubic'"),
    (lambda: F.interpolate(zeros(1, 1, 2, 2), 4, antialias=True),
     "interpolate: antialias is not supported"),
    (lambda: F.interpolate(zeros(2, 2), 4),
     "interpolate: mode 'nearest' needs (n, c, ...), got shape (2, 2)"),
    (lambda: F.interpolate(zeros(1, 2, 2), 4, mode="bicubic"),
     "interpolate: mode 'bicubic' needs (n, c, h, w) images, got shape (1, 2, 2)"),
    (lambda: F.interpolate(zeros(1, 1, 2, 2), 4, align_corners=True),
     "interpolate: align_corners needs mode 'linear', 'bilinear', 'bicubic' or 'trilinear'"),
    (lambda: F.interpolate(zeros(1, 1, 2, 2)), "interpolate: give either size or scale_factor"),
    (lambda: F.interpolate(zeros(1, 1, 2, 2), 4, 2),
     "interpolate: give either size or scale_factor"),
    (lambda: F.interpolate(zeros(1, 1, 2, 2), (4, 4, 4)),
     "interpolate: size must be a positive number or 2 of them, got (4, 4, 4)"),
    (lambda: F.interpolate(zeros(1, 1, 2, 2), scale_factor=-1),
     "interpolate: scale_factor must be a positive number or 2 of them, got -1"),
    (lambda: F.interpolate(zeros(1, 1, 2, 2), scale_factor=0.1),
     "interpolate: scale_factor 0.1 of sizes (2, 2) leaves nothing"),
]  # fmt: skip

IMAGES = (2, 2, 3, 4)
BILINEAR = dict(mode="bilinear")
KEPT = dict(batch=True, channels_last="kept")
CASES = [
    OpCase("interpolate", lambda x: F.interpolate(x, scale_factor=2), [normal(*IMAGES)],
           numpy=lambda x: x.repeat(2, 2).repeat(2, 3),
           torch=lambda x: TF.interpolate(x, scale_factor=2), errors=ERRORS, **KEPT),
    both("factors", IMAGES, scale_factor=(3, 1)),
    both("size", IMAGES, size=(6, 8)),
    both("odd size", IMAGES, size=(7, 3)),
    both("one size", IMAGES, size=5),
    both("odd factor", IMAGES, scale_factor=1.7),
    both("odd factor recomputed", IMAGES, scale_factor=1.7, recompute_scale_factor=True),
    both("smaller", (1, 2, 5, 7), scale_factor=0.6),
    both("3-D", (2, 3, 4), scale_factor=2),
    *(
        both(f"bilinear {name} {corners}", (2, 2, 4, 3), align_corners=corners, **BILINEAR, **how)
        for corners in (True, False)
        for name, how in {
            "twice": dict(scale_factor=2), "factor": dict(scale_factor=1.7),
            "odd": dict(size=(7, 5)), "smaller": dict(size=(2, 1)), "as it is": dict(size=(4, 3)),
        }.items()
    ),
    *(
        both(f"{mode} {name}", shape, mode=mode, **how)
        for mode, shape, name, how in (
            ("bicubic", (2, 2, 4, 3), "twice", dict(scale_factor=2)),
            ("bicubic", (1, 2, 5, 4), "factor", dict(scale_factor=1.7)),
            ("bicubic", (1, 2, 5, 4), "corners", dict(size=(8, 1), align_corners=True)),
            ("bicubic", (1, 1, 6, 7), "smaller", dict(size=(2, 3))),
            ("linear", (2, 3, 4), "odd", dict(size=7)),
            ("linear", (2, 3, 4), "corners", dict(scale_factor=2, align_corners=True)),
            ("trilinear", (1, 2, 2, 3, 2), "twice", dict(scale_factor=2)),
            ("area", (1, 2, 5, 6), "smaller", dict(size=(2, 3))),
            ("area", (1, 2, 3), "larger", dict(size=5)),
            ("nearest-exact", (1, 2, 5, 4), "smaller", dict(size=(3, 3))),
            ("nearest-exact", (1, 2, 5, 4), "factor", dict(scale_factor=1.7)),
            ("nearest-exact", (1, 2, 3), "twice", dict(scale_factor=2)),
        )
    ),
    both("bilinear recomputed", (2, 2, 4, 3), scale_factor=1.7, recompute_scale_factor=True,
         **BILINEAR),
    both("bilinear batch", (2, 2, 4, 3), dict(batch=True), size=6, **BILINEAR),
    OpCase("pixel_shuffle", lambda x: F.pixel_shuffle(x, 2), [normal(2, 8, 2, 3)],
           numpy=lambda x: x.reshape(2, 2, 2, 2, 2, 3).transpose(0, 1, 4, 2, 5, 3).reshape(
               2, 2, 4, 6),
           torch=lambda x: TF.pixel_shuffle(x, 2), batch=True, errors=[
        (lambda: F.pixel_shuffle(zeros(1, 6, 2, 2), 2), "pixel_shuffle: input of shape (1, 6, 2, 2)"
         " is no (n, c, h, w) whose channels are a multiple of 2^2"),
    ]),
    OpCase("pixel_unshuffle", lambda x: F.pixel_unshuffle(x, 2), [normal(2, 2, 4, 6)],
           torch=lambda x: TF.pixel_unshuffle(x, 2), batch=True, errors=[
        (lambda: F.pixel_unshuffle(zeros(1, 6, 2, 3), 2), "pixel_unshuffle: input of shape "
         "(1, 6, 2, 3) is no (n, c, h, w) whose height and width are multiples of 2"),
    ]),
]  # fmt: skip
