"""Resonate-and-fire state space networks: from training to FPGA IP, bit for bit."""
