"""Attention on a GPU: kernels in Triton."""

from models.attention.gpu.fused import Fused, Layout

__all__ = ["Fused", "Layout"]
