// SPDX-License-Identifier: Apache-2.0
//
// rfssm_rom of any contents: what is proved with it holds for every network.
`default_nettype none

module rfssm_rom #(
  parameter int W     = 32,
  parameter int DEPTH = 32,
  parameter     FILE  = "rom.mem",
  localparam int ADDR_W = (DEPTH > 1) ? $clog2(DEPTH) : 1
) (
  input  wire logic              clk,
  input  wire logic [ADDR_W-1:0] addr,
  output wire logic [W-1:0]      q
);
  (* anyconst *) logic [W*DEPTH-1:0] words;
  logic [W-1:0] word_q, word_q2;
  always_ff @(posedge clk) begin
    word_q  <= words[int'(addr)*W +: W];
    word_q2 <= word_q;
  end
  assign q = word_q2;
endmodule
`default_nettype wire
