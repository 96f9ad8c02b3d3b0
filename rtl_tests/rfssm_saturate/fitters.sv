// SPDX-License-Identifier: Apache-2.0
//
// Every rfssm_saturate with 2 <= Y_W < A_W <= WIDTH, saturating and wrapping, side by side:
// y[((A_W * (WIDTH + 1)) + Y_W) * 2 + SATURATE], sign-extended; unused places are zero.
`default_nettype none

module fitters #(
  parameter int WIDTH = 8
) (
  input  wire logic [WIDTH-1:0]                     a,  // each takes its low bits
  output wire logic [(WIDTH+1)*(WIDTH+1)*2*16-1:0] y
);
  for (genvar i = 0; i <= WIDTH; i++) begin : g_in
    for (genvar o = 0; o <= WIDTH; o++) begin : g_out
      for (genvar s = 0; s < 2; s++) begin : g_mode
        localparam int AT = ((i * (WIDTH + 1) + o) * 2 + s) * 16;
        if (o >= 2 && o < i) begin : g_real
          wire logic signed [o-1:0] fitted;
          rfssm_saturate #(.A_W(i), .Y_W(o), .SATURATE(s)) fit (.a(a[i-1:0]), .y(fitted));
          assign y[AT +: 16] = 16'(fitted);
        end else begin : g_none
          assign y[AT +: 16] = '0;
        end
      end
    end
  end
endmodule
`default_nettype wire
