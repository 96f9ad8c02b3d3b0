// SPDX-License-Identifier: Apache-2.0
//
// rfssm_mul for Lattice iCE40 UltraPlus: the same product and the same two registers, inside
// SB_MAC16 (FPGA-TN-02007, DSP Function Usage Guide).  Nothing is left to Yosys' own packing, which
// takes the sum behind a product into the block and cuts it at 32 bits.
//
//   a   A_W bits, signed      b   B_W bits, signed      p   A_W + B_W bits, exact
//
// Latency 2, II 1.  Cost: one SB_MAC16; two and an adder behind them where one operand has 17 to 32
// bits and the other one at most 16; wider products are left to Yosys, as logic.
`default_nettype none

module rfssm_mul #(
  parameter int A_W = 16,
  parameter int B_W = 16
) (
  input  wire logic                      clk,
  input  wire logic signed [A_W-1:0]     a,
  input  wire logic signed [B_W-1:0]     b,
  output wire logic signed [A_W+B_W-1:0] p
);
  localparam int P_W    = A_W + B_W;
  localparam int WIDE   = (A_W > B_W) ? A_W : B_W;
  localparam int NARROW = (A_W > B_W) ? B_W : A_W;

  initial if (A_W < 1 || B_W < 1) $fatal(1, "%m: A_W and B_W must be at least 1");

  generate
    if (NARROW <= 16 && WIDE <= 32) begin : g_block
      // x: the wide operand in pieces of 16 bits, of which the last one is signed
      localparam int PIECES = (WIDE > 16) ? 2 : 1;
      wire logic [16*PIECES-1:0] x = (16*PIECES)'((A_W > B_W) ? a : b);
      wire logic [15:0]          y = 16'((A_W > B_W) ? b : a);
      /* verilator lint_off UNUSEDSIGNAL */  // the product of narrow operands
      wire logic [32*PIECES-1:0] z;
      /* verilator lint_on UNUSEDSIGNAL */
      for (genvar i = 0; i < PIECES; i++) begin : g_piece
        SB_MAC16 #(
          .A_REG(1'b1), .B_REG(1'b1), .C_REG(1'b0), .D_REG(1'b0),
          .TOP_8x8_MULT_REG(1'b0), .BOT_8x8_MULT_REG(1'b0),
          .PIPELINE_16x16_MULT_REG1(1'b0), .PIPELINE_16x16_MULT_REG2(1'b1),
          .TOPOUTPUT_SELECT(2'b11), .BOTOUTPUT_SELECT(2'b11),
          .A_SIGNED((i == PIECES - 1) ? 1'b1 : 1'b0), .B_SIGNED(1'b1),
          .NEG_TRIGGER(1'b0), .MODE_8x8(1'b0)
        ) block (
          .CLK(clk), .CE(1'b1), .A(x[16*i +: 16]), .B(y), .C(16'b0), .D(16'b0),
          .AHOLD(1'b0), .BHOLD(1'b0), .CHOLD(1'b0), .DHOLD(1'b0),
          .IRSTTOP(1'b0), .IRSTBOT(1'b0), .ORSTTOP(1'b0), .ORSTBOT(1'b0),
          .OLOADTOP(1'b0), .OLOADBOT(1'b0), .ADDSUBTOP(1'b0), .ADDSUBBOT(1'b0),
          .OHOLDTOP(1'b0), .OHOLDBOT(1'b0), .CI(1'b0), .ACCUMCI(1'b0), .SIGNEXTIN(1'b0),
          .O(z[32*i +: 32])
        );
      end
      if (PIECES == 1) begin : g_one
        assign p = z[P_W-1:0];
      end else begin : g_two
        // the low product is below 2^31 in size, so that 32 bits hold it with its sign
        wire logic signed [P_W-1:0] low  = P_W'($signed(z[31:0]));
        wire logic signed [P_W-1:0] high = P_W'($signed(z[63:32]));
        assign p = (high <<< 16) + low;
      end
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
