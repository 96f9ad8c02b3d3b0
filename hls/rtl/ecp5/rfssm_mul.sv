// SPDX-License-Identifier: Apache-2.0
//
// rfssm_mul for Lattice ECP5: the same product and the same two registers, inside MULT18X18D, where
// Yosys 0.70 never puts them (FPGA-TN-02205, sysDSP Usage Guide).
//
//   a   A_W bits, signed      b   B_W bits, signed      p   A_W + B_W bits, exact
//
// Latency 2, II 1.  Cost: one MULT18X18D; operands of more than 18 bits are left to Yosys.
`default_nettype none

module rfssm_mul #(
  parameter int A_W = 18,
  parameter int B_W = 18
) (
  input  wire logic                      clk,
  input  wire logic signed [A_W-1:0]     a,
  input  wire logic signed [B_W-1:0]     b,
  output wire logic signed [A_W+B_W-1:0] p
);
  initial if (A_W < 1 || B_W < 1) $fatal(1, "%m: A_W and B_W must be at least 1");

  generate
    if (A_W <= 18 && B_W <= 18) begin : g_block
      wire logic [17:0] x = 18'(a);
      wire logic [17:0] y = 18'(b);
      /* verilator lint_off UNUSEDSIGNAL */  // the product of narrow operands
      wire logic [35:0] z;
      /* verilator lint_on UNUSEDSIGNAL */
      assign p = z[A_W+B_W-1:0];
      MULT18X18D #(
        .REG_INPUTA_CLK("CLK0"), .REG_INPUTA_CE("CE0"), .REG_INPUTA_RST("RST0"),
        .REG_INPUTB_CLK("CLK0"), .REG_INPUTB_CE("CE0"), .REG_INPUTB_RST("RST0"),
        .REG_INPUTC_CLK("NONE"), .REG_PIPELINE_CLK("NONE"),
        .REG_OUTPUT_CLK("CLK0"), .REG_OUTPUT_CE("CE0"), .REG_OUTPUT_RST("RST0"),
        .CLK0_DIV("ENABLED"), .CLK1_DIV("ENABLED"), .CLK2_DIV("ENABLED"), .CLK3_DIV("ENABLED"),
        .GSR("DISABLED"), .SOURCEB_MODE("B_SHIFT"), .MULT_BYPASS("DISABLED"), .RESETMODE("SYNC")
      ) block (
        .A0(x[0]), .A1(x[1]), .A2(x[2]), .A3(x[3]), .A4(x[4]), .A5(x[5]), .A6(x[6]), .A7(x[7]),
        .A8(x[8]), .A9(x[9]), .A10(x[10]), .A11(x[11]), .A12(x[12]), .A13(x[13]), .A14(x[14]),
        .A15(x[15]), .A16(x[16]), .A17(x[17]),
        .B0(y[0]), .B1(y[1]), .B2(y[2]), .B3(y[3]), .B4(y[4]), .B5(y[5]), .B6(y[6]), .B7(y[7]),
        .B8(y[8]), .B9(y[9]), .B10(y[10]), .B11(y[11]), .B12(y[12]), .B13(y[13]), .B14(y[14]),
        .B15(y[15]), .B16(y[16]), .B17(y[17]),
        .P0(z[0]), .P1(z[1]), .P2(z[2]), .P3(z[3]), .P4(z[4]), .P5(z[5]), .P6(z[6]), .P7(z[7]),
        .P8(z[8]), .P9(z[9]), .P10(z[10]), .P11(z[11]), .P12(z[12]), .P13(z[13]), .P14(z[14]),
        .P15(z[15]), .P16(z[16]), .P17(z[17]), .P18(z[18]), .P19(z[19]), .P20(z[20]), .P21(z[21]),
        .P22(z[22]), .P23(z[23]), .P24(z[24]), .P25(z[25]), .P26(z[26]), .P27(z[27]), .P28(z[28]),
        .P29(z[29]), .P30(z[30]), .P31(z[31]), .P32(z[32]), .P33(z[33]), .P34(z[34]), .P35(z[35]),
        .CLK0(clk), .CE0(1'b1), .RST0(1'b0),
        .SIGNEDA(1'b1), .SIGNEDB(1'b1), .SOURCEA(1'b0), .SOURCEB(1'b0)
      );
    end else begin : g_fabric
      logic signed [A_W-1:0]     a_q;
      logic signed [B_W-1:0]     b_q;
      logic signed [A_W+B_W-1:0] p_q;
      always_ff @(posedge clk) begin
        a_q <= a;
        b_q <= b;
        p_q <= a_q * b_q;
      end
      assign p = p_q;
    end
  endgenerate
endmodule
`default_nettype wire
