"""From a trained network to integers: QAT, the integer network, the golden model."""
