"""What the moving average is compared with: PyTorch's update of lists."""


def average(averages, values, *, decay, updates):
    import torch

    averages = [torch.from_dlpack(a).clone() for a in averages]
    values = [torch.from_dlpack(a) for a in values]
    share = 1 - min(decay, (1 + updates) / (10 + updates))

    def update():
        torch._foreach_lerp_(averages, values, share)
        return averages

    return {"foreach": update}
