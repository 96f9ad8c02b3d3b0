// SPDX-License-Identifier: Apache-2.0
//
// Simulation model of the ECP5's flip-flop.  It starts with its reset value, as after configuration.
//
//   CEMUX    "1" always enabled, "CE", "INV"         CLKMUX   "CLK", "INV"
//   LSRMUX   "LSR", "INV"                            REGSET   value of reset and start: "RESET" 0, "SET" 1
//   SRMODE   "LSR_OVER_CE" synchronous reset, stronger than the enable; "ASYNC"
`default_nettype none
/* verilator lint_off WIDTHEXPAND */
/* verilator lint_off UNUSEDPARAM */

module TRELLIS_FF #(
  parameter GSR     = "ENABLED",  // the global reset acts during configuration only
  parameter CEMUX   = "1",
  parameter CLKMUX  = "CLK",
  parameter LSRMUX  = "LSR",
  parameter SRMODE  = "LSR_OVER_CE",
  parameter REGSET  = "RESET",
  parameter LSRMODE = "LSR"
) (
  input  wire CLK, LSR, CE, DI,
  output reg  Q
);
  generate
    if (GSR != "ENABLED" && GSR != "DISABLED" && GSR != "AUTO") begin : g_gsr
      TRELLIS_FF_of_this_GSR_has_no_model refused ();
    end
    if (CEMUX != "1" && CEMUX != "CE" && CEMUX != "INV") begin : g_cemux
      TRELLIS_FF_of_this_CEMUX_has_no_model refused ();
    end
    if (CLKMUX != "CLK" && CLKMUX != "INV") begin : g_clkmux
      TRELLIS_FF_of_this_CLKMUX_has_no_model refused ();
    end
    if (LSRMUX != "LSR" && LSRMUX != "INV") begin : g_lsrmux
      TRELLIS_FF_of_this_LSRMUX_has_no_model refused ();
    end
    if (REGSET != "RESET" && REGSET != "SET") begin : g_regset
      TRELLIS_FF_of_this_REGSET_has_no_model refused ();
    end
    if (LSRMODE != "LSR") begin : g_lsrmode
      TRELLIS_FF_of_this_LSRMODE_has_no_model refused ();
    end
    if (SRMODE != "LSR_OVER_CE" && SRMODE != "ASYNC") begin : g_srmode
      TRELLIS_FF_of_this_SRMODE_has_no_model refused ();
    end
  endgenerate

  localparam VALUE = (REGSET == "SET") ? 1'b1 : 1'b0;
  wire clk = (CLKMUX == "INV") ? !CLK : CLK;
  wire lsr = (LSRMUX == "INV") ? !LSR : LSR;
  wire ce  = (CEMUX == "1") ? 1'b1 : (CEMUX == "INV") ? !CE : CE;

  initial Q = VALUE;
  generate
    if (SRMODE == "ASYNC") begin : g_async
      always @(posedge clk or posedge lsr)
        if (lsr) Q <= VALUE;
        else if (ce) Q <= DI;
    end else begin : g_sync
      always @(posedge clk)
        if (lsr) Q <= VALUE;
        else if (ce) Q <= DI;
    end
  endgenerate
endmodule
`default_nettype wire
