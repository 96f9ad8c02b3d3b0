"""From the integer network to hardware: hls4ml plugin, SystemVerilog IP, simulation engines."""
