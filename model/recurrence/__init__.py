"""The second-order cell over a sequence: one interface, several kernels."""
