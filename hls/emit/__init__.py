"""Text of SystemVerilog projects: tops, test benches, FuseSoC cores."""
