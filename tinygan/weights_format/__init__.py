"""The files that hold weights: how PyTorch and safetensors name and lay out what is in them."""
