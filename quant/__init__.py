"""From a trained network to integers: quantization-aware training, the integer network, the golden model."""
