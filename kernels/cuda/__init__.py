"""Shared by the rungs on NVIDIA GPUs: sources and launches, graphs, the device, NVRTC, headers."""
