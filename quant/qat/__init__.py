"""Quantization-aware training on the integer contract."""
