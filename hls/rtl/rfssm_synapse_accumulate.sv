// SPDX-License-Identifier: Apache-2.0
//
// Words of weights -> sums: the second part of rfssm_synapse,
//
//   sum = (first ? 0 : old) + weight[rom_addr] * value      for each neuron and part of a word
//
// A word comes from the ROM, is multiplied by the event's value (an unsigned bit needs no
// multiplier) and added to what rfssm_synapse_read holds of it.  Products and sums matter modulo
// 2^CURRENT_W only: the currents are exact.
//
//   next_word   the word to which `sum` belongs two cycles later: `old` is read in the meantime
//   write       `sum` belongs to word number `word`
//   filled      that was the step's last word, or the step was silent
//
// Latency: 2 cycles from an issue to its sum, 1 more where a row has more words than one, 1 more
// where values need a multiplier; to step_valid 1, 1 more where values need a multiplier.  II: 1.
// Cost: one rfssm_rom of N_IN * WORDS x LANES * PARTS * WEIGHT_W bits, LANES * PARTS adders of
// CURRENT_W bits and, where values need them, multipliers of WEIGHT_W x (VALUE_W + 1).
`default_nettype none

module rfssm_synapse_accumulate #(
  parameter int N_IN         = 140,
  parameter int WORDS        = 8,   // of a row
  parameter int LANES        = 16,
  parameter int VALUE_W      = 1,
  parameter int VALUE_SIGNED = 0,
  parameter int WEIGHT_W     = 6,
  parameter int COMPLEX      = 1,
  parameter int CURRENT_W    = 14,
  parameter     WEIGHTS      = "weights.mem",
  localparam int WORD_W      = (WORDS > 1) ? $clog2(WORDS) : 1,
  localparam int DEPTH       = N_IN * WORDS,
  localparam int ROM_AW      = (DEPTH > 1) ? $clog2(DEPTH) : 1,
  localparam int NUMBERS     = LANES * (COMPLEX + 1)  // of a word
) (
  input  wire logic               clk,
  input  wire logic               rst,

  input  wire logic               add, first, close, silent, last,  // as rfssm_synapse_issue says
  input  wire logic [WORD_W-1:0]  word,
  input  wire logic [ROM_AW-1:0]  rom_addr,
  /* verilator lint_off UNUSEDSIGNAL */  // a spike's value is 1
  input  wire logic [VALUE_W-1:0] value,
  /* verilator lint_on UNUSEDSIGNAL */

  output wire logic               step_valid, step_silent, step_last,

  output wire logic [WORD_W-1:0]            next_word,
  input  wire logic [NUMBERS*CURRENT_W-1:0] old,
  output wire logic                         write,
  output wire logic                         filled,
  output wire logic [WORD_W-1:0]            write_word,
  output wire logic [NUMBERS*CURRENT_W-1:0] sum
);
  localparam int MULTIPLY = (VALUE_W > 1 || VALUE_SIGNED != 0) ? 1 : 0;
  localparam int FULL_W   = WEIGHT_W + ((MULTIPLY != 0) ? VALUE_W : 0);
  localparam int PROD_W   = (FULL_W < CURRENT_W) ? FULL_W : CURRENT_W;
  localparam int LATE     = (WORDS > 1) ? 1 : 0;  // a word of the banks is read into a register
  localparam int STAGES   = 2 + LATE + MULTIPLY;  // from issue to the sum
  localparam int ANNOUNCE = 1 + MULTIPLY;         // to step_valid

  // -- tags that travel with a word: stage k is k cycles after issue -----------------------------
  localparam int TAG_W = 5 + WORD_W;
  logic [TAG_W-1:0] tag_q [1:STAGES];
  always_ff @(posedge clk) begin
    tag_q[1] <= {close, silent, last, add, first, word};
    for (int k = 2; k <= STAGES; k++) tag_q[k] <= tag_q[k-1];
    if (rst) for (int k = 1; k <= STAGES; k++) tag_q[k] <= '0;
  end
  wire logic start;  // a step's first sum
  assign {step_valid, step_silent, step_last} = tag_q[ANNOUNCE][TAG_W-1 -: 3];
  assign {write, start, write_word} = tag_q[STAGES][WORD_W+1:0];
  assign filled = tag_q[STAGES][TAG_W-1];

  // -- weights -------------------------------------------------------------------------------------
  wire logic [ROM_AW-1:0] read_addr;
  generate
    if (LATE != 0) begin : g_late
      logic [ROM_AW-1:0] rom_addr_q2;
      always_ff @(posedge clk) rom_addr_q2 <= rom_addr;
      assign read_addr = rom_addr_q2;
      assign next_word = tag_q[STAGES-2][WORD_W-1:0];
    end else begin : g_at_once
      assign read_addr = rom_addr;
      assign next_word = '0;
    end
  endgenerate
  /* verilator lint_off UNUSEDSIGNAL */  // currents narrower than the weights need their low bits
  wire logic [NUMBERS*WEIGHT_W-1:0] weight;
  /* verilator lint_on UNUSEDSIGNAL */
  rfssm_rom #(.W(NUMBERS*WEIGHT_W), .DEPTH(DEPTH), .FILE(WEIGHTS)) weight_rom (
    .clk, .addr(read_addr), .q(weight)
  );

  // -- products, sums ------------------------------------------------------------------------------
  wire logic [NUMBERS*PROD_W-1:0] product;
  generate
    if (MULTIPLY != 0) begin : g_multiply
      logic [VALUE_W-1:0] wait_q [1:2+LATE];
      logic [NUMBERS*PROD_W-1:0] product_q;
      wire logic [VALUE_W-1:0] factor = wait_q[2+LATE];
      assign product = product_q;
      always_ff @(posedge clk) begin
        wait_q[1] <= value;
        for (int k = 2; k <= 2 + LATE; k++) wait_q[k] <= wait_q[k-1];
      end
      /* verilator lint_off UNUSEDSIGNAL */  // as weight: the product modulo 2^PROD_W
      wire logic signed [VALUE_W:0] x = {(VALUE_SIGNED != 0) && factor[VALUE_W-1], factor};
      for (genvar i = 0; i < NUMBERS; i++) begin : g_lane
        wire logic signed [WEIGHT_W-1:0] w = weight[i*WEIGHT_W +: WEIGHT_W];
        always_ff @(posedge clk) product_q[i*PROD_W +: PROD_W] <= PROD_W'(w) * PROD_W'(x);
      end
      /* verilator lint_on UNUSEDSIGNAL */
    end else begin : g_copy
      for (genvar i = 0; i < NUMBERS; i++) begin : g_lane
        assign product[i*PROD_W +: PROD_W] = weight[i*WEIGHT_W +: PROD_W];
      end
    end
  endgenerate

  for (genvar i = 0; i < NUMBERS; i++) begin : g_sum
    wire logic signed [PROD_W-1:0]    p = product[i*PROD_W +: PROD_W];
    wire logic signed [CURRENT_W-1:0] o = start ? '0 : old[i*CURRENT_W +: CURRENT_W];
    assign sum[i*CURRENT_W +: CURRENT_W] = o + CURRENT_W'(p);
  end
endmodule
`default_nettype wire
