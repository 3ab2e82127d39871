"""Attention in bf16 on processors with AMX: C++, compiled when first used."""

from models.attention.amx.tiled import Tiled, is_possible

__all__ = ["Tiled", "is_possible"]
