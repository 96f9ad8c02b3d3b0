// SPDX-License-Identifier: Apache-2.0
//
// Constants:  q(t+2) = word addr(t) of FILE
//
// More than BLOCK_BITS bits in all lie in block memory, whose output register the second cycle is
// for; fewer in LUTs.  No enable and no reset, so that every family can use that register.
//
// Latency 2, II 1.  Cost: DEPTH * W bits of memory, W flip-flops where the family's block memory
// has no output register.
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
  localparam int BLOCK_BITS = 1024;

  initial if (W < 1 || DEPTH < 1) $fatal(1, "%m: W and DEPTH must be at least 1");

  logic [W-1:0] word_q, word_q2;
  always_ff @(posedge clk) word_q2 <= word_q;
  assign q = word_q2;

  generate
    if (W * DEPTH > BLOCK_BITS) begin : g_block
      (* ram_style = "block", rom_style = "block", romstyle = "M20K", syn_romstyle = "block_rom" *)
      logic [W-1:0] rom [0:DEPTH-1];
      initial $readmemh(FILE, rom);
      always_ff @(posedge clk) word_q <= rom[addr];
    end else begin : g_logic
      logic [W-1:0] rom [0:DEPTH-1];
      initial $readmemh(FILE, rom);
      always_ff @(posedge clk) word_q <= rom[addr];
    end
  endgenerate
endmodule
`default_nettype wire
