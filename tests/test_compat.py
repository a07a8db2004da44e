"""Programs that were written for PyTorch, run as they stand by ``tinygan run``."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import tinygan
from tinygan import cli, nn
from tinygan.compat import missing_names
from tinygan.compat.modules import _modules

HERE = Path(__file__).parent
PROGRAM = HERE / "pytorch_program.py"


def output(*command, cwd=HERE):
    result = subprocess.run([sys.executable, *map(str, command)], cwd=cwd, capture_output=True,
                            text=True)  # fmt: skip
    assert result.returncode == 0, result.stderr
    return result.stdout, result.stderr


def test_a_gan_prints_what_it_prints_with_pytorch():
    ours, said = output("-m", "tinygan", "run", PROGRAM, "--steps", "4")
    assert ours.count("[Batch") == 4 and "do not exist here" not in said
    if find_spec("torch") is None:
        pytest.skip("needs PyTorch: pip install torch")
    theirs, _ = output(PROGRAM, "--steps", "4")
    assert ours == theirs.replace("torch.Size([4, 1, 16, 16])", "(4, 1, 16, 16)").replace(
        "torch.float32", "float32"
    )


def test_the_names_are_there_in_this_process_only(tmp_path):
    (tmp_path / "mine.py").write_text("NAME = 'beside the program'\n")
    program = tmp_path / "program.py"
    program.write_text(
        "import sys, mine, torch, torchvision.transforms as T\n"
        "from torch.utils.data import DataLoader\n"
        "print(torch.nn.Sequential(torch.nn.Linear(2, 1)))\n"
        "print(mine.NAME, sys.argv, torch.__version__.split()[0], __name__, torch.Tensor([1, 2]))\n"
    )
    text, said = output("-m", "tinygan", "run", program, "a", "--b", cwd=tmp_path)
    assert text == (
        "Sequential(\n  (0): Linear(in_features=2, out_features=1, bias=True)\n)\n"
        f"beside the program ['{program}', 'a', '--b'] tinygan __main__ tensor([1., 2.])\n"
    )
    assert said == ""
    assert "torch" not in sys.modules or not hasattr(sys.modules["torch"], "_modules")


def test_missing_names_are_said_beforehand(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        "import torch\nimport torch.nn as nn\nfrom torch.nn import LSTM as R, Linear\n"
        "from torchvision.models import vgg19\nprint('runs')\n"
        "def later():\n    return nn.GRU(1, 1), torch.fft.fft, torch.nn.Linear\n"
    )
    result = subprocess.run([sys.executable, "-m", "tinygan", "run", str(program)],
                            capture_output=True, text=True)  # fmt: skip
    first, last = result.stderr.splitlines()
    assert first.startswith("tinygan: program.py uses torch.nn.LSTM, torchvision.models.vgg19, ")
    assert "torch.nn.GRU" in first and "torch.fft," in first and "torch.nn.Linear" not in first
    assert first.endswith("which do not exist here; see docs/from-pytorch.md")
    assert last == (
        "tinygan: program.py ended in line 3: torch.nn.LSTM does not exist in tinygan: there are "
        "no recurrent layers; see docs/from-pytorch.md"
    )
    assert result.returncode == 1


def test_every_facade_leads_somewhere():
    modules = _modules()
    for text in (
        "import torch\ntorch.randn, torch.float32, torch.long, torch.device, torch.no_grad",
        "import torch.nn.functional as F\nF.relu, F.interpolate, F.cross_entropy, F.dropout",
        "from torch import nn, optim, autograd\nnn.utils.clip_grad_norm_, optim.Adam",
        "from torch.autograd import Function, Variable\nfrom torch.nn import Parameter, init",
        "import torch.optim.lr_scheduler as s\ns.StepLR, s.LambdaLR",
        "import torch.backends.cudnn as cudnn\ncudnn.benchmark",
        "from torch.utils.data.sampler import SubsetRandomSampler\n"
        "from torch.utils.data.dataset import random_split\nimport torch.utils.data.dataloader",
        "import torchvision.transforms.functional as TF\nTF.to_tensor, TF.hflip\n"
        "from torchvision import transforms as T, utils\nT.functional.pad, utils.make_grid",
        "import torchvision.datasets as dset\ndset.LSUN, dset.CelebA, dset.FakeData",
        "import torch.nn.parallel as p, torch.functional\np.data_parallel, torch.nn.DataParallel",
        "from torch.nn.modules.conv import Conv2d\nfrom torch.utils.data.sampler import Sampler",
        "from torch.nn.modules.conv import _ConvNd\nfrom torch.optim.optimizer import Optimizer\n"
        "from torch.nn.modules.batchnorm import _BatchNorm\n"
        "from torch.optim.lr_scheduler import _LRScheduler",
        "from torch.nn.utils.parametrizations import spectral_norm\nfrom torchvision.io import "
        "read_image",
    ):
        assert missing_names(text, modules) == []


def test_a_program_may_import_everything(tmp_path, capfd):
    program = tmp_path / "program.py"
    program.write_text(
        "from torch import *\nfrom torch.nn import *\nfrom torch.optim import *\n"
        "from torch.utils.data import *\nfrom torchvision.transforms import *\n"
        "from torch.nn.modules.conv import _ConvNd\nimport io, torch\n"
        "net = Sequential(Linear(2, 3), ReLU(), Conv2d(1, 1, 1))\n"
        "opt, chain = Adam(net.parameters()), Compose([ToTensor()])\n"
        "print(isinstance(net[2], _ConvNd), TensorDataset(ones(3, 2))[0][0].tolist())\n"
        "file = io.BytesIO()\ntorch.save({'x': ones(2), 'n': 3}, file)\nfile.seek(0)\n"
        "print(torch.load(file)['x'].tolist(), where(ones(2) > 0)[0].tolist())\n"
        "with torch.no_grad():\n    print(net[0].weight.numpy().shape)\n"
    )
    result = subprocess.run([sys.executable, "-m", "tinygan", "run", str(program)],
                            capture_output=True, text=True)  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines() == ["True [1.0, 1.0]", "[1.0, 1.0] [0, 1]", "(3, 2)"]


def test_a_module_of_data_sets_says_itself_what_to_write():
    with pytest.raises(AttributeError, match=r"torchvision\.datasets\.SVHN .*write datasets.Image"):
        _modules()["torchvision"].datasets.SVHN  # noqa: B018


def test_a_file_that_the_program_misses_is_its_own_error(tmp_path):
    program = tmp_path / "program.py"
    program.write_text("import torch\ntorch.load('weights.pth')\n")
    result = subprocess.run([sys.executable, "-m", "tinygan", "run", str(program)],
                            capture_output=True, text=True)  # fmt: skip
    assert result.returncode == 1 and "program.py\", line 2" in result.stderr
    assert "usage:" not in result.stderr and "no file weights.pth" in result.stderr


@pytest.mark.parametrize(("statement", "why"), [
    ("torch.nn.LSTM", "no recurrent layers"), ("from torch.nn import GRUCell", "no recurrent"),
    ("torch.nn.LazyLinear", "write the number of inputs"), ("import torch.jit", "nor exported"),
    ("import torch.hub", "no pretrained models"), ("torch.linalg.norm", "NumPy's"),
    ("import torchvision; torchvision.models.alexnet()", "no pretrained"),
    ("import torch.distributions", "draw with randn"), ("torch.sparse_coo_tensor", "dense"),
    ("torch.quantization", "no quantisation"), ("torch.qint8", "no quantisation"),
    ("torch.unheard_of", "may stand in"), ("torch.cuda.amp.GradScaler()", "need no scaling"),
    ("from torch.amp import autocast", "tinygan.autocast"), ("torch.nn.functional.fold", "may"),
    ("torch.ones(2).svd()", "take x.numpy()"), ("from torch.nn.utils.rnn import a", "no recurrent"),
    ("import torch.utils.tensorboard", "from tensorboardX import"),
])  # fmt: skip
def test_what_does_not_exist_is_named_with_the_reason_and_its_page(
    statement, why, monkeypatch, tmp_path, capsys
):
    program = tmp_path / "program.py"
    program.write_text(f"import torch\n{statement}\n")
    monkeypatch.setattr(sys, "argv", sys.argv)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(nn.Module, "_shows_counts", True)
    hidden = {n: m for n, m in sys.modules.items() if n.partition(".")[0].startswith("torch")}
    try:
        assert cli.main(["run", str(program)]) == 1
    finally:
        for name in [n for n in sys.modules if n.partition(".")[0].startswith("torch")]:
            del sys.modules[name]
        sys.modules.update(hidden)
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("tinygan: program.py ended in line 2: torch")
    assert last.count("does not exist") == 1
    assert why in last and last.endswith("docs/from-pytorch.md")


def test_programs_ask_for_devices_that_are_not_there(monkeypatch):
    def no_device(name):
        raise RuntimeError(f"no {name}")

    monkeypatch.setattr("tinygan.cuda.check_device", no_device)
    torch = _modules()["torch"]
    assert not torch.accelerator.is_available() and torch.accelerator.device_count() == 0
    assert torch.accelerator.current_accelerator() is None
    assert not torch.backends.mps.is_available()
    x = torch.ones(2)
    assert (x.is_cuda, x.is_xpu, x.is_mps) == (False, False, False)
    torch.set_default_device("cpu")
    torch.use_deterministic_algorithms(True)
    with pytest.raises(ValueError, match=r"set_default_device: got 'cuda'.* write device=\.\.\."):
        torch.set_default_device(torch.device("cuda"))


def test_a_module_for_several_gpus_is_the_module(gpu):
    torch = _modules()["torch"]
    assert torch.accelerator.current_accelerator().type == "cuda"
    torch.accelerator.synchronize()
    layer = torch.nn.Linear(2, 3)
    net, x = torch.nn.DataParallel(layer), torch.ones(4, 2)
    assert net.module is layer and list(net.state_dict()) == ["module.weight", "module.bias"]
    assert net(x).tolist() == layer(x).tolist()
    assert torch.nn.parallel.data_parallel(layer, x, [0]).tolist() == layer(x).tolist()
    with pytest.raises(ValueError, match=r"DataParallel: device_ids is \[0, 1\]; a module runs on"):
        torch.nn.DataParallel(layer, device_ids=[0, 1])


def test_the_class_of_tensors_stands_for_float32():
    x = tinygan.ones(2).double()
    assert x.type(_modules()["torch"].Tensor).dtype == tinygan.float32


def test_the_command(capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["--version"])
    assert ended.value.code == 0 and tinygan.__version__ in capsys.readouterr().out
    with pytest.raises(SystemExit) as ended:
        cli.main(["run", "nowhere.py"])
    assert ended.value.code == 2 and "there is no file nowhere.py" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("look", "name", "why"),
    [
        (lambda: tinygan.fft, "tinygan.fft", "where no gradient is needed, take"),
        (lambda: nn.LSTM, "tinygan.nn.LSTM", "there are no recurrent layers"),
        (lambda: nn.LazyLinear, "tinygan.nn.LazyLinear", "write the number of inputs"),
        (lambda: nn.functional.fold, "tinygan.nn.functional.fold", "may stand in"),
        (lambda: tinygan.functional.fold, "tinygan.nn.functional.fold", "may stand in"),
        (lambda: tinygan.optim.LBFGS, "tinygan.optim.LBFGS", "may stand in"),
    ],
)
def test_a_name_that_is_missing_leads_to_the_page(look, name, why):
    with pytest.raises(AttributeError) as caught:
        look()
    text = str(caught.value)
    assert text.startswith(f"{name} does not exist in tinygan") and why in text
    assert text.endswith("docs/from-pytorch.md")


def test_what_python_asks_for_has_no_page():
    with pytest.raises(AttributeError, match=r"^tinygan has no '__path_hooks__'$"):
        _ = tinygan.__path_hooks__
