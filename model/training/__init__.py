"""Training of a network: the loop, checkpoints, curves."""
