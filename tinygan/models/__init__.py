"""The models. Each file reads like the paper it follows."""

from tinygan.models.cgan import CGAN
from tinygan.models.cyclegan import CycleGAN
from tinygan.models.dcgan import DCGAN
from tinygan.models.deligan import ComponentGAN, DeLiGAN, MixtureLatent
from tinygan.models.deligan_mnist import mnist_500_model
from tinygan.models.deligan_toy import TOY_MODELS, TurnTaking, toy_model
from tinygan.models.gan import GAN
from tinygan.models.gawwn import GAWWN
from tinygan.models.mixture import MixtureGAN
from tinygan.models.pix2pix import Pix2Pix
from tinygan.models.same_dcgan import SameDCGAN
from tinygan.models.stargan import StarGAN

__all__ = [
    "CGAN", "DCGAN", "GAN", "GAWWN", "TOY_MODELS", "ComponentGAN", "CycleGAN", "DeLiGAN",
    "MixtureGAN", "MixtureLatent", "Pix2Pix", "SameDCGAN", "StarGAN", "TurnTaking",
    "mnist_500_model", "toy_model",
]  # fmt: skip
