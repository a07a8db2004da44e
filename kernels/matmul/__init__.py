"""matmul(a, b) = a @ b for two matrices: (m, k) @ (k, n) -> (m, n), any strides, one dtype."""

from ..cuda.tensor_cores import PRECISIONS
from ..ladder import Ladder, is_float32
from . import covers
from .cases import MATMUL

matmul = Ladder("matmul", MATMUL, baseline="matmul.baseline:matmul")
matmul.rung("reference", "matmul.reference:matmul")
matmul.rung("numpy", "matmul.numpy_rungs:matmul")
matmul.rung("panels", "matmul.cpu:matmul_panels", compiled=True)
matmul.rung(
    "bf16 panels", "matmul.bf16:matmul", precision="bfloat16", covers=covers.enough_for_bf16,
    compiled=True,
)
matmul.rung("naive", "matmul.gpu:matmul_naive", device="cuda", covers=covers.columns_fit_the_grid)
matmul.rung("coalesced", "matmul.gpu:matmul_coalesced", device="cuda",
            covers=covers.rows_fit_the_grid)  # fmt: skip
matmul.rung("tiles", "matmul.gpu:matmul_tiles", device="cuda")
matmul.rung("registers", "matmul.gpu:matmul_registers", device="cuda")
for _kind, _precision in PRECISIONS.items():
    matmul.rung(
        _kind, "matmul.gpu:matmul_tensor_cores", device="cuda", precision=_precision,
        covers=is_float32, bind={"kind": _kind},
    )  # fmt: skip
    matmul.rung(
        f"{_kind} pipeline", "matmul.gpu:matmul_pipeline", device="cuda", precision=_precision,
        covers=covers.multiples_of_4, bind={"kind": _kind},
    )  # fmt: skip
# Last, because exact where the others would be slow, whichever precision is asked for.
matmul.rung("dots", "matmul.gpu:matmul_dots", device="cuda", covers=covers.few_columns)
