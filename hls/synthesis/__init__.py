"""Yosys, nextpnr, Vivado's scripts, and what their netlists hold."""
