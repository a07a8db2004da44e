"""Shared by the CUDA rungs on tensor cores: kinds of factors, and the sizes of a pipeline."""

# {name of the rungs: the template argument}
KINDS = {"tf32": "Kind::tf32", "bf16": "Kind::bf16", "fp16": "Kind::f16"}
PRECISIONS = {"tf32": "tf32", "bf16": "bfloat16", "fp16": "float16"}
SIDES = (64, 128)  # of a pipeline's tiles
_STAGES, _DEPTH, _BANKS_APART = 4, 16, 8


def pipeline_bytes(kind: str, side: int, *along: bool) -> int:
    """Shared memory of a pipeline (tensor_pipeline.cuh), whose operands lie along k or
    not."""
    per_word = 1 if kind == "tf32" else 2
    rows = (side if each else side + _BANKS_APART // per_word for each in along)
    return _STAGES * 4 * _DEPTH * sum(rows)


def flag(value: bool) -> str:
    """As a template argument."""
    return "true" if value else "false"
