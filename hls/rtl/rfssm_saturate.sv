// SPDX-License-Identifier: Apache-2.0
//
// y = a fitted into Y_W bits: clipped to [-2^(Y_W-1), 2^(Y_W-1) - 1], or with SATURATE = 0 its low
// bits.
//
//   a   A_W bits, signed, A_W > Y_W      y   Y_W bits, signed
//
// Combinational.  Cost: one compare of A_W - Y_W + 1 equal bits and one 2:1 mux of Y_W bits, or
// nothing.
`default_nettype none

module rfssm_saturate #(
  parameter int A_W      = 24,
  parameter int Y_W      = 18,
  parameter int SATURATE = 1
) (
  /* verilator lint_off UNUSEDSIGNAL */  // wrapping drops the high bits
  input  wire logic signed [A_W-1:0] a,
  /* verilator lint_on UNUSEDSIGNAL */
  output wire logic signed [Y_W-1:0] y
);
  initial if (Y_W < 2 || A_W <= Y_W) $fatal(1, "%m: need 2 <= Y_W < A_W");

  generate
    if (SATURATE != 0) begin : g_saturate
      wire logic sign = a[A_W-1];
      wire logic over = (a[A_W-1:Y_W-1] != {(A_W-Y_W+1){sign}});
      assign y = over ? {sign, {(Y_W-1){!sign}}} : a[Y_W-1:0];
    end else begin : g_wrap
      assign y = a[Y_W-1:0];
    end
  endgenerate
endmodule
`default_nettype wire
