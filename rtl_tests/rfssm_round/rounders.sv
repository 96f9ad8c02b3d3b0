// SPDX-License-Identifier: Apache-2.0
//
// Every rfssm_round of up to WIDTHS bits, up to SHIFTS - 1 fraction bits and each mode, side by side:
// q[((w * SHIFTS) + s) * 4 + r] is the result for A_W = w + 1, SHIFT = s, ROUND = r, sign-extended.
`default_nettype none

module rounders #(
  parameter int WIDTHS = 7,
  parameter int SHIFTS = 9
) (
  input  wire logic [WIDTHS-1:0]               a,  // each takes its low bits
  output wire logic [WIDTHS*SHIFTS*4*16-1:0] q
);
  for (genvar w = 0; w < WIDTHS; w++) begin : g_width
    for (genvar s = 0; s < SHIFTS; s++) begin : g_shift
      for (genvar r = 0; r < 4; r++) begin : g_mode
        localparam int Q_W = ((w + 1 > s + 1) ? w + 2 : s + 2) - s;
        wire logic signed [Q_W-1:0] rounded;
        rfssm_round #(.A_W(w + 1), .SHIFT(s), .ROUND(r)) round (.a(a[w:0]), .q(rounded));
        assign q[((w * SHIFTS + s) * 4 + r) * 16 +: 16] = 16'(rounded);
      end
    end
  end
endmodule
`default_nettype wire
