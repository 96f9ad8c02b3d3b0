// SPDX-License-Identifier: Apache-2.0
//
// Simulation model of the ECP5's distributed memory of 16 words of 4 bits: written at the clock, read
// at once.
`default_nettype none
/* verilator lint_off WIDTHEXPAND */

module TRELLIS_DPR16X4 #(
  parameter        WCKMUX  = "WCK",  // or "INV"
  parameter        WREMUX  = "WRE",  // or "INV"
  parameter [63:0] INITVAL = 64'h0
) (
  input  wire [3:0] DI, WAD, RAD,
  input  wire       WRE, WCK,
  output wire [3:0] DO
);
  generate
    if (WCKMUX != "WCK" && WCKMUX != "INV") begin : g_wckmux
      TRELLIS_DPR16X4_of_this_WCKMUX_has_no_model refused ();
    end
    if (WREMUX != "WRE" && WREMUX != "INV") begin : g_wremux
      TRELLIS_DPR16X4_of_this_WREMUX_has_no_model refused ();
    end
  endgenerate

  reg [3:0] memory [0:15];
  integer k;
  initial for (k = 0; k < 16; k = k + 1) memory[k] = INITVAL[4*k +: 4];

  wire clk   = (WCKMUX == "INV") ? !WCK : WCK;
  wire write = (WREMUX == "INV") ? !WRE : WRE;
  always @(posedge clk) if (write) memory[WAD] <= DI;
  assign DO = memory[RAD];
endmodule
`default_nettype wire
