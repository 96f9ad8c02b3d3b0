// SPDX-License-Identifier: Apache-2.0
//
// Stands for rfssm_rom in proofs: any word at any time.  The properties of the module around it
// assume what they need of its contents, so a proof holds for every table.
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
  (* anyseq *) logic [W-1:0] f_word;
  assign q = f_word;
endmodule
`default_nettype wire
