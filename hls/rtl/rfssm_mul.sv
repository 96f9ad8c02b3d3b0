// SPDX-License-Identifier: Apache-2.0
//
// Signed product, registered at both ends:  p(t+2) = a(t) * b(t)
//
//   a   A_W bits, signed      b   B_W bits, signed      p   A_W + B_W bits, exact
//
// Latency 2, II 1.  No enable and no reset, so that every FPGA family can move the registers into
// its DSP block.  Cost: one multiplier of A_W x B_W.
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

  logic signed [A_W-1:0]     a_q;
  logic signed [B_W-1:0]     b_q;
  logic signed [A_W+B_W-1:0] p_q;

  always_ff @(posedge clk) begin
    a_q <= a;
    b_q <= b;
    p_q <= a_q * b_q;
  end
  assign p = p_q;
endmodule
`default_nettype wire
