// SPDX-License-Identifier: Apache-2.0
//
// A register of MULT18X18D that may be absent; its clock, enable and reset are chosen by name.
`default_nettype none
/* verilator lint_off UNUSEDSIGNAL */  // a register that is absent needs no clock

module MULT18X18D_register #(
  parameter W   = 18,
  parameter CLK = "NONE",
  parameter CE  = "CE0",
  parameter RST = "RST0"
) (
  input  wire [3:0]   clk, ce, rst,
  input  wire [W-1:0] d,
  output wire [W-1:0] q
);
  generate
    if (CLK == "NONE") begin : g_wire
      assign q = d;
    end else if (CLK != "CLK0" && CLK != "CLK1" && CLK != "CLK2" && CLK != "CLK3") begin : g_clk
      MULT18X18D_of_this_register_CLK_has_no_model refused ();
    end else if (CE != "CE0" && CE != "CE1" && CE != "CE2" && CE != "CE3") begin : g_ce
      MULT18X18D_of_this_register_CE_has_no_model refused ();
    end else if (RST != "RST0" && RST != "RST1" && RST != "RST2" && RST != "RST3") begin : g_rst
      MULT18X18D_of_this_register_RST_has_no_model refused ();
    end else begin : g_register
      localparam C = (CLK == "CLK0") ? 0 : (CLK == "CLK1") ? 1 : (CLK == "CLK2") ? 2 : 3;
      localparam E = (CE == "CE0") ? 0 : (CE == "CE1") ? 1 : (CE == "CE2") ? 2 : 3;
      localparam R = (RST == "RST0") ? 0 : (RST == "RST1") ? 1 : (RST == "RST2") ? 2 : 3;
      wire clock = clk[C];
      reg [W-1:0] value;
      initial value = 0;
      always @(posedge clock)
        if (rst[R]) value <= 0;
        else if (ce[E]) value <= d;
      assign q = value;
    end
  endgenerate
endmodule
`default_nettype wire
