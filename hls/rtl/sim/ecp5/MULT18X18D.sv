// SPDX-License-Identifier: Apache-2.0
//
// Simulation model of the ECP5's multiplier of 18 x 18 bits, with its registers.
//
//   P = A * B, each operand signed where SIGNEDA, SIGNEDB is 1
//
// REG_INPUTA_CLK, REG_INPUTB_CLK, REG_PIPELINE_CLK, REG_OUTPUT_CLK   "NONE" or the clock of a register:
//   at both operands, behind the multiplier, at the output; ..._CE and ..._RST name its enable and its
//   synchronous reset.  Registers start with 0.
// Not modelled, and refused: operands from the neighbour (SOURCEA, SOURCEB give x), the C operand's
// use, the shift outputs (no such ports).
`default_nettype none
/* verilator lint_off UNUSEDPARAM */
/* verilator lint_off UNUSEDSIGNAL */
/* verilator lint_off WIDTHEXPAND */

module MULT18X18D #(
  parameter REG_INPUTA_CLK   = "NONE", REG_INPUTA_CE   = "CE0", REG_INPUTA_RST   = "RST0",
  parameter REG_INPUTB_CLK   = "NONE", REG_INPUTB_CE   = "CE0", REG_INPUTB_RST   = "RST0",
  parameter REG_INPUTC_CLK   = "NONE", REG_INPUTC_CE   = "CE0", REG_INPUTC_RST   = "RST0",
  parameter REG_PIPELINE_CLK = "NONE", REG_PIPELINE_CE = "CE0", REG_PIPELINE_RST = "RST0",
  parameter REG_OUTPUT_CLK   = "NONE", REG_OUTPUT_CE   = "CE0", REG_OUTPUT_RST   = "RST0",
  parameter CLK0_DIV = "ENABLED", CLK1_DIV = "ENABLED", CLK2_DIV = "ENABLED", CLK3_DIV = "ENABLED",
  parameter HIGHSPEED_CLK = "NONE",
  parameter GSR           = "ENABLED",
  parameter CAS_MATCH_REG = "FALSE",
  parameter SOURCEB_MODE  = "B_SHIFT",
  parameter MULT_BYPASS   = "DISABLED",
  parameter RESETMODE     = "SYNC"
) (
  input  wire
    A17, A16, A15, A14, A13, A12, A11, A10, A9, A8, A7, A6, A5, A4, A3, A2, A1, A0,
  input  wire
    B17, B16, B15, B14, B13, B12, B11, B10, B9, B8, B7, B6, B5, B4, B3, B2, B1, B0,
  input  wire
    C17, C16, C15, C14, C13, C12, C11, C10, C9, C8, C7, C6, C5, C4, C3, C2, C1, C0,
  input  wire SIGNEDA, SIGNEDB, SOURCEA, SOURCEB,
  input  wire CLK3, CLK2, CLK1, CLK0, CE3, CE2, CE1, CE0, RST3, RST2, RST1, RST0,
  output wire
    P35, P34, P33, P32, P31, P30, P29, P28, P27, P26, P25, P24, P23, P22, P21, P20, P19, P18,
    P17, P16, P15, P14, P13, P12, P11, P10, P9, P8, P7, P6, P5, P4, P3, P2, P1, P0
);
  generate
    if (HIGHSPEED_CLK != "NONE") begin : g_highspeed
      MULT18X18D_of_this_HIGHSPEED_CLK_has_no_model refused ();
    end
    if (CAS_MATCH_REG != "FALSE") begin : g_cas_match
      MULT18X18D_of_this_CAS_MATCH_REG_has_no_model refused ();
    end
    if (SOURCEB_MODE != "B_SHIFT") begin : g_sourceb
      MULT18X18D_of_this_SOURCEB_MODE_has_no_model refused ();
    end
    if (MULT_BYPASS != "DISABLED") begin : g_bypass
      MULT18X18D_of_this_MULT_BYPASS_has_no_model refused ();
    end
    if (RESETMODE != "SYNC") begin : g_resetmode
      MULT18X18D_of_this_RESETMODE_has_no_model refused ();
    end
  endgenerate

  wire [17:0] a = {
    A17, A16, A15, A14, A13, A12, A11, A10, A9, A8, A7, A6, A5, A4, A3, A2, A1, A0
  };
  wire [17:0] b = {
    B17, B16, B15, B14, B13, B12, B11, B10, B9, B8, B7, B6, B5, B4, B3, B2, B1, B0
  };
  wire signed [18:0] a_in = SOURCEA ? 19'bx : {SIGNEDA && A17, a};
  wire signed [18:0] b_in = SOURCEB ? 19'bx : {SIGNEDB && B17, b};

  wire [3:0] clk = {CLK3, CLK2, CLK1, CLK0};
  wire [3:0] ce  = {CE3, CE2, CE1, CE0};
  wire [3:0] rst = {RST3, RST2, RST1, RST0};
  wire signed [18:0] a_q, b_q;
  wire        [35:0] product_q, p_q;
  wire signed [37:0] product = a_q * b_q;  // its low 36 bits are the same, signed or not
  MULT18X18D_register #(.W(19), .CLK(REG_INPUTA_CLK), .CE(REG_INPUTA_CE), .RST(REG_INPUTA_RST))
    input_a (.clk, .ce, .rst, .d(a_in), .q(a_q));
  MULT18X18D_register #(.W(19), .CLK(REG_INPUTB_CLK), .CE(REG_INPUTB_CE), .RST(REG_INPUTB_RST))
    input_b (.clk, .ce, .rst, .d(b_in), .q(b_q));
  MULT18X18D_register #(.W(36), .CLK(REG_PIPELINE_CLK), .CE(REG_PIPELINE_CE), .RST(REG_PIPELINE_RST))
    pipeline (.clk, .ce, .rst, .d(product[35:0]), .q(product_q));
  MULT18X18D_register #(.W(36), .CLK(REG_OUTPUT_CLK), .CE(REG_OUTPUT_CE), .RST(REG_OUTPUT_RST))
    out (.clk, .ce, .rst, .d(product_q), .q(p_q));
  assign {
    P35, P34, P33, P32, P31, P30, P29, P28, P27, P26, P25, P24, P23, P22, P21, P20, P19, P18,
    P17, P16, P15, P14, P13, P12, P11, P10, P9, P8, P7, P6, P5, P4, P3, P2, P1, P0
  } = p_q;
endmodule
`default_nettype wire
