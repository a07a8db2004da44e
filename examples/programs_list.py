"""The public programs that compare_programs.py runs; none of their text is here."""

from __future__ import annotations

from dataclasses import dataclass

REPOSITORIES = {
    "PyTorch-GAN": "https://github.com/eriklindernoren/PyTorch-GAN",
    "examples": "https://github.com/pytorch/examples",
    "pytorch-tutorial": "https://github.com/yunjey/pytorch-tutorial",
    "pytorch-examples": "https://github.com/jcjohnson/pytorch-examples",
    "tutorials": "https://github.com/pytorch/tutorials",
}


@dataclass(frozen=True)
class Program:
    """A script of a repository.

    Attributes:
        folder: of the repository, among those cloned.
        path: of the script in it.
        arguments: other than its defaults.
        data: where it looks for data, from the folder of the script.
        part: of the data is put there; empty for all.
        rounds: how many are compared at most.
        smaller: arguments for the comparison of the numbers alone, where a round takes minutes.
        skipped: why it is not run at all; empty for what is.
        seconds: after which PyTorch's run is ended, and tinygan's after as many rounds.
    """

    folder: str
    path: str
    arguments: str = ""
    data: str = "../../data"
    part: str = ""
    rounds: int = 20
    smaller: str = ""
    skipped: str = ""
    seconds: float = 40

    @property
    def name(self) -> str:
        return f"{self.folder}/{self.path}"


def _gans() -> list[Program]:
    few = {"pairs": "bicyclegan discogan dualgan munit pix2pix", "domains": "cyclegan unit",
           "faces": "ccgan context_encoder", "faces_attributes": "stargan"}  # fmt: skip
    data = {name: folder for folder, names in few.items() for name in names.split()}
    smaller = dict.fromkeys(("cyclegan", "unit"), "--img_height 64 --img_width 64")
    smaller["munit"] = "--dim 16"
    names = (
        "aae acgan began bgan bicyclegan ccgan cgan cluster_gan/clustergan cogan context_encoder "
        "cyclegan dcgan discogan dragan dualgan ebgan esrgan esrgan/test_on_image gan infogan "
        "lsgan munit pix2pix pixelda relativistic_gan sgan softmax_gan srgan stargan unit wgan "
        "wgan_div wgan_gp"
    )
    programs = []
    for name in names.split():
        folder, _, script = name.partition("/")
        pretrained = "needs pretrained weights (VGG19)" if folder in ("srgan", "esrgan") else ""
        programs.append(
            Program(
                "PyTorch-GAN",
                f"implementations/{folder}/{script or folder}.py",
                f"--dataset_name {data[name]}" if name in data else "",
                smaller=smaller.get(name, ""),
                skipped=pretrained,
            )
        )
    return programs


def _others() -> list[Program]:
    at = "tutorials/"
    return [
        Program("examples", "dcgan/main.py", "--dataset mnist --dataroot ../data", "../data"),
        Program("examples", "mnist/main.py", "--no-accel --log-interval 1", "../data"),
        Program("examples", "vae/main.py", "--log-interval 1", "../data"),
        Program("examples", "regression/main.py", "", "../data"),
        Program("pytorch-tutorial", f"{at}01-basics/pytorch_basics/main.py"),
        Program("pytorch-tutorial", f"{at}01-basics/linear_regression/main.py", rounds=60),
        Program("pytorch-tutorial", f"{at}01-basics/logistic_regression/main.py", rounds=300),
        Program("pytorch-tutorial", f"{at}01-basics/feedforward_neural_network/main.py",
                rounds=300),
        Program("pytorch-tutorial", f"{at}02-intermediate/convolutional_neural_network/main.py",
                rounds=100),
        Program("pytorch-tutorial", f"{at}02-intermediate/deep_residual_network/main.py",
                rounds=101, seconds=400),
        Program("pytorch-tutorial", f"{at}02-intermediate/recurrent_neural_network/main.py",
                rounds=100),
        Program("pytorch-tutorial",
                f"{at}02-intermediate/bidirectional_recurrent_neural_network/main.py", rounds=100),
        Program("pytorch-tutorial", f"{at}03-advanced/generative_adversarial_network/main.py",
                rounds=201, seconds=300),
        Program("pytorch-tutorial", f"{at}03-advanced/variational_autoencoder/main.py", rounds=20),
        *(Program("pytorch-examples", path, rounds=500) for path in (
            "tensor/two_layer_net_numpy.py", "tensor/two_layer_net_tensor.py",
            "autograd/two_layer_net_autograd.py", "autograd/two_layer_net_custom_function.py",
            "nn/two_layer_net_nn.py", "nn/two_layer_net_optim.py", "nn/two_layer_net_module.py",
            "nn/dynamic_net.py",
        )),
    ]  # fmt: skip


def _tutorials() -> list[Program]:
    names = (
        "examples_tensor/polynomial_numpy examples_tensor/polynomial_tensor "
        "examples_autograd/polynomial_autograd examples_autograd/polynomial_custom_function "
        "examples_nn/polynomial_nn examples_nn/polynomial_optim examples_nn/polynomial_module "
        "examples_nn/dynamic_net basics/quickstart_tutorial basics/tensorqs_tutorial "
        "basics/data_tutorial basics/transforms_tutorial basics/buildmodel_tutorial "
        "basics/autogradqs_tutorial basics/optimization_tutorial basics/saveloadrun_tutorial "
        "blitz/tensor_tutorial blitz/autograd_tutorial blitz/neural_networks_tutorial "
        "blitz/cifar10_tutorial nn_tutorial dcgan_faces_tutorial"
    )
    longer = {"quickstart_tutorial": 100, "optimization_tutorial": 100, "cifar10_tutorial": 2001,
              "polynomial_optim": 2000, "polynomial_module": 2000,
              "dynamic_net": 30000}  # fmt: skip
    pretrained = "needs pretrained weights (ResNet18, VGG16)"
    return [
        Program("tutorials", f"beginner_source/{name}.py",
                data="data/celeba/all" if "faces" in name else "data",
                part="faces" if "faces" in name else "",
                seconds=300 if "cifar10" in name else 40,
                rounds=longer.get(name.rpartition("/")[2], 20),
                skipped=pretrained if name in ("blitz/autograd_tutorial",
                                               "basics/saveloadrun_tutorial") else "")
        for name in names.split()
    ]  # fmt: skip


PROGRAMS = [*_gans(), *_others(), *_tutorials()]
