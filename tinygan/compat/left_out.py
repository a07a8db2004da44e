"""What tinygan leaves out of PyTorch on purpose, and what to write instead."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase

PAGE = "docs/from-pytorch.md"

# (patterns of full names, why there is no such name)
LEFT_OUT = [
    ("torch.nn.LSTM* torch.nn.GRU* torch.nn.RNN* torch.nn.utils.rnn*",
     "there are no recurrent layers"),
    ("torch.nn.Lazy* torch.nn.*.Lazy*",
     "there are no lazy layers: write the number of inputs, as in Linear(784, 10)"),
    ("torch.nn.Transformer* torch.nn.MultiheadAttention", "there are no layers of transformers"),
    ("torchvision.models* torch.hub* torch.utils.model_zoo*",
     "there are no pretrained models; weights of your own nets can be loaded"),
    ("torchvision.io* torchvision.ops*", "pictures are read by Pillow"),
    ("torch.distributions* torch.distribution*",
     "there are no distributions: draw with randn, rand, normal, bernoulli or multinomial"),
    ("torch.sparse* torch.Tensor.to_sparse", "tensors are dense"),
    ("torch.complex* torch.view_as_complex torch.view_as_real", "tensors hold real numbers"),
    ("torch.quantization* torch.ao* torch.quantize* torch.qint* torch.quint*",
     "there is no quantisation"),
    ("torch.jit* torch.compile torch.fx* torch._dynamo* torch.onnx* torch.export*",
     "programs are neither compiled nor exported"),
    ("torch.distributed* torch.multiprocessing* torch.nn.parallel.Distributed*",
     "a program runs in one process"),
    ("torch.linalg* torch.fft* torch.svd torch.det torch.inverse torch.special*",
     "where no gradient is needed, take x.numpy() and NumPy's function"),
    ("torch.utils.tensorboard*",
     "pip install tensorboardX, and write: from tensorboardX import SummaryWriter"),
]  # fmt: skip


def sentence(name: str) -> str:
    """Says that the full `name`, as torch.nn.LSTM, does not exist here, and why, where that was
    decided."""
    for patterns, why in LEFT_OUT:
        if any(fnmatchcase(name, pattern) for pattern in patterns.split()):
            return f"{name} does not exist in tinygan: {why}; see {PAGE}"
    return f"{name} does not exist in tinygan; what to write instead may stand in {PAGE}"


def of_import(error: ImportError) -> str:
    """The same of the name that an import statement did not find."""
    found = re.match(r"cannot import name '(\w+)' from '([\w.]+)'", str(error))
    return sentence(f"{found[2]}.{found[1]}" if found else str(error.name))
