"""Engines that run an integer network: golden, csim, verilator, icarus."""
