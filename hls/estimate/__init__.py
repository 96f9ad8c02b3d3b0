"""Cells, memories, cycles and clock rate of a design, without synthesis."""
