"""What is said of a name that PyTorch has and tinygan has not."""

from __future__ import annotations

from fnmatch import fnmatchcase

PAGE = "docs/from-pytorch.md"

# (patterns of names below torch or torchvision, why there is no such name)
_LEFT_OUT = [
    ("nn.LSTM* nn.GRU* nn.RNN* nn.utils.rnn*", "there are no recurrent layers"),
    ("nn.Lazy* nn.*.Lazy*",
     "there are no lazy layers: write the number of inputs, as in Linear(784, 10)"),
    ("nn.Transformer* nn.MultiheadAttention", "there are no layers of transformers"),
    ("nn.Conv3d nn.*Pool3d", "images have two dimensions here"),
    ("nn.DataParallel", "a program runs on one device: call the net itself"),
    ("models* hub* utils.model_zoo*",
     "there are no pretrained models; weights of your own nets can be loaded"),
    ("ops*", "its operations on boxes and regions serve detection"),
    ("distributions* distribution*",
     "there are no distributions: draw with randn, rand, normal, bernoulli or multinomial"),
    ("sparse* Tensor.to_sparse", "tensors are dense"),
    ("complex* view_as_complex view_as_real", "tensors hold real numbers"),
    ("float16 half bfloat16",
     "tensors are float32 or float64; for products in 16 bits see tinygan.autocast"),
    ("amp* cuda.amp* Tensor.bfloat16",
     "for products in 16 bits see tinygan.autocast; losses need no scaling there"),
    ("quantization* ao* quantize* qint* quint*", "there is no quantisation"),
    ("jit* compile fx* _dynamo* onnx* export*", "programs are neither compiled nor exported"),
    ("distributed* multiprocessing* nn.parallel.Distributed*", "a program runs in one process"),
    ("linalg* fft* special* svd det inverse Tensor.svd Tensor.det Tensor.inverse",
     "where no gradient is needed, take x.numpy() and NumPy's function"),
    ("utils.tensorboard*",
     "pip install tensorboardX, and write: from tensorboardX import SummaryWriter"),
]  # fmt: skip


def sentence(name: str, otherwise: str = "") -> str:
    """Says that the full `name`, as torch.nn.LSTM or tinygan.nn.LSTM, does not exist here, and why,
    where that was decided; or else `otherwise`, or where to look."""
    below = name.partition(".")[2]
    for patterns, why in _LEFT_OUT:
        if any(fnmatchcase(below, pattern) for pattern in patterns.split()):
            return f"{name} does not exist in tinygan: {why}; see {PAGE}"
    otherwise = otherwise or f"what to write instead may stand in {PAGE}"
    return f"{name} does not exist in tinygan; {otherwise}"


def missing(place: str, name: str) -> str:
    """The message of the AttributeError for ``place.name``."""
    if name.startswith("__"):  # asked for by Python and by other libraries
        return f"{place} has no {name!r}"
    return sentence(f"{place}.{name}")
