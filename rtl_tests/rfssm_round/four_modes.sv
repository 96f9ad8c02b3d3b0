// SPDX-License-Identifier: Apache-2.0
//
// rfssm_round in its four modes, side by side:  q[ROUND], each sign-extended to A_W + 1 bits.
`default_nettype none

module four_modes #(
  parameter int A_W   = 35,
  parameter int SHIFT = 14
) (
  input  wire logic [A_W-1:0]       a,
  output wire logic [4*(A_W+1)-1:0] q
);
  localparam int Q_W = ((A_W > SHIFT + 1) ? A_W + 1 : SHIFT + 2) - SHIFT;
  for (genvar r = 0; r < 4; r++) begin : g_mode
    wire logic signed [Q_W-1:0] rounded;
    rfssm_round #(.A_W(A_W), .SHIFT(SHIFT), .ROUND(r)) round (.a(a), .q(rounded));
    assign q[r*(A_W+1) +: A_W+1] = (A_W+1)'(rounded);
  end
endmodule
`default_nettype wire
