"""A GAN as it is written for PyTorch, in the manner of many tutorials; test_compat.py runs it with
tinygan and with PyTorch. Its weights and data come from NumPy, so that both print the same."""

import argparse

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.autograd import Variable

parser = argparse.ArgumentParser()
parser.add_argument("--steps", type=int, default=5)
options = parser.parse_args()
rng = np.random.RandomState(0)
Tensor = torch.cuda.FloatTensor if torch.cuda.is_available() else torch.FloatTensor


class Generator(nn.Module):
    def __init__(self):
        super(Generator, self).__init__()  # noqa: UP008
        self.l1 = nn.Sequential(nn.Linear(10, 16 * 4 * 4))
        self.blocks = nn.Sequential(
            nn.BatchNorm2d(16),
            nn.Upsample(scale_factor=2),
            nn.Conv2d(16, 8, 3, stride=1, padding=1),
            nn.BatchNorm2d(8, 0.8),
            nn.LeakyReLU(0.2, inplace=True),
            nn.ConvTranspose2d(8, 1, 4, 2, 1, bias=False),
            nn.Tanh(),
        )

    def forward(self, z):
        out = self.l1(z)
        out = out.view(out.shape[0], 16, 4, 4)
        return self.blocks(out)


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.model = nn.Sequential(
            nn.Conv2d(1, 8, 3, 2, 1),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(8, 16, 3, 2, 1),
            nn.BatchNorm2d(16, 0.8),
            nn.ReLU(True),
        )
        self.adv_layer = nn.Sequential(nn.Linear(16 * 16, 1), nn.Sigmoid())

    def forward(self, img):
        out = self.model(img)
        return self.adv_layer(out.view(out.size(0), -1))


def init(m):
    if m.__class__.__name__.find("Conv") != -1:
        values = rng.normal(0, 0.1, tuple(m.weight.shape)).astype("f")
        m.weight.data = torch.from_numpy(values)
    elif isinstance(m, nn.Linear):
        values = torch.tensor(rng.normal(0, 0.1, tuple(m.weight.shape)), dtype=torch.float32)
        m.weight.data.copy_(values)
    if getattr(m, "bias", None) is not None:
        nn.init.constant_(m.bias.data, 0.0)


generator, discriminator = Generator(), Discriminator()
generator.apply(init)
discriminator.apply(init)
adversarial_loss = nn.BCELoss()
betas = (0.5, 0.999)
optimizer_G = torch.optim.Adam(generator.parameters(), lr=2e-3, betas=betas)
optimizer_D = torch.optim.Adam(discriminator.parameters(), lr=2e-3, betas=betas)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer_G, step_size=2, gamma=0.5)

for i in range(options.steps):
    real = Variable(Tensor(rng.normal(0, 1, (8, 1, 16, 16))))
    valid = Variable(Tensor(8, 1).fill_(1.0), requires_grad=False)
    fake = Variable(Tensor(8, 1).fill_(0.0), requires_grad=False)

    optimizer_G.zero_grad()
    z = Variable(Tensor(rng.normal(0, 1, (8, 10))))
    gen_imgs = generator(z)
    g_loss = adversarial_loss(discriminator(gen_imgs), valid)
    g_loss.backward()
    optimizer_G.step()
    scheduler.step()

    optimizer_D.zero_grad()
    real_loss = adversarial_loss(discriminator(real), valid)
    fake_loss = adversarial_loss(discriminator(gen_imgs.detach()), fake)
    d_loss = (real_loss + fake_loss) / 2
    d_loss.backward()
    optimizer_D.step()
    for p in discriminator.parameters():
        p.data.clamp_(-0.5, 0.5)
    print("[Batch %d] [D loss: %.4f] [G loss: %.4f]" % (i, d_loss.item(), g_loss.item()))  # noqa: UP031

with torch.no_grad():
    generator.eval()
    samples = generator(torch.ones(4, 10))
    print(f"{samples.mean():.4f} {samples.std():.4f}", samples.size(), F.relu(samples).dtype)
print(isinstance(samples, torch.Tensor), samples.argmax().item(), samples.data.cpu().numpy().shape)
