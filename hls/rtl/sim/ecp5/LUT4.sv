// SPDX-License-Identifier: Apache-2.0
//
// Simulation model of the ECP5's look-up table: Z = INIT[{D, C, B, A}].
`default_nettype none

module LUT4 #(
  parameter [15:0] INIT = 16'h0000
) (
  input  wire A, B, C, D,
  output wire Z
);
`ifdef VERILATOR
  assign Z = INIT[{D, C, B, A}];
`else
  // the same as multiplexers: an undefined input that does not matter stays harmless
  wire [7:0] d = D ? INIT[15:8] : INIT[7:0];
  wire [3:0] c = C ? d[7:4] : d[3:0];
  wire [1:0] b = B ? c[3:2] : c[1:0];
  assign Z = A ? b[1] : b[0];
`endif
endmodule
`default_nettype wire
