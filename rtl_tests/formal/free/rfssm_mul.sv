// SPDX-License-Identifier: Apache-2.0
//
// Stands for rfssm_mul in proofs of what happens when: any product at any time.
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
  (* anyseq *) logic [A_W+B_W-1:0] f_product;
  assign p = f_product;
endmodule
`default_nettype wire
