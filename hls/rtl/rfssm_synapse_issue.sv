// SPDX-License-Identifier: Apache-2.0
//
// Events -> words of their rows of weights, one per cycle: the first part of rfssm_synapse.
//
// An event asks for WORDS words, from address s_addr * WORDS on.  An event of value 0 (a silent
// step) takes one cycle and asks for none.
//
//   add      rom_addr is the address of word number `word`, to be multiplied by `value` and added
//   first    no event of this step has been added before: the sum begins with this word
//   close    the step's last event is used up in this cycle; `silent`: no event of the step was
//            added, `last`: the step is its sample's last
//
// What follows never stalls, so all waiting is here: no word is issued while two steps are closed
// and not freed, for which there are buffers.
//
// Latency: 1 cycle from an event to its first word.  II: WORDS cycles per event, 1 for one of
// value 0.
// Cost: registers of an event, its address in the ROM and its flags; one adder for the next
// address, and one for each bit but one that is set in WORDS.
`default_nettype none

module rfssm_synapse_issue #(
  parameter int N_IN    = 140,
  parameter int WORDS   = 8,   // of a row
  parameter int VALUE_W = 1,
  localparam int ADDR_W = (N_IN > 1) ? $clog2(N_IN) : 1,
  localparam int WORD_W = (WORDS > 1) ? $clog2(WORDS) : 1,
  localparam int DEPTH  = N_IN * WORDS,
  localparam int ROM_AW = (DEPTH > 1) ? $clog2(DEPTH) : 1
) (
  input  wire logic               clk,
  input  wire logic               rst,

  input  wire logic               s_valid,
  output wire logic               s_ready,
  input  wire logic [ADDR_W-1:0]  s_addr,
  input  wire logic [VALUE_W-1:0] s_value,
  input  wire logic               s_step_end,
  input  wire logic               s_last,

  output wire logic               event_valid,  // the first word of an event
  output wire logic [ADDR_W-1:0]  event_addr,

  output wire logic               add, first, close, silent, last,
  output wire logic [WORD_W-1:0]  word,
  output wire logic [ROM_AW-1:0]  rom_addr,
  output wire logic [VALUE_W-1:0] value,
  input  wire logic               step_free
);
  logic               ev_q;         // an event is held
  logic [ADDR_W-1:0]  addr_q;
  logic [ROM_AW-1:0]  rom_addr_q;
  logic [WORD_W-1:0]  word_q;
  logic [VALUE_W-1:0] value_q;
  logic               zero_q, end_q, last_q;
  logic               first_q;      // no event of this step yet
  logic [1:0]         closed_q;     // steps complete but not yet read to their end

  wire logic issue = ev_q && !closed_q[1];
  wire logic done  = issue && (zero_q || 32'(word_q) == WORDS - 1);
  wire logic load  = s_valid && s_ready;
  assign s_ready = !ev_q || done;

  // s_addr * WORDS of shifts and adds: as a product it would take a multiplier block
  logic [ROM_AW-1:0] row_start;
  always_comb begin
    row_start = '0;
    for (int k = 0; k <= WORD_W; k++)
      if (WORDS[k]) row_start = row_start + (ROM_AW'(s_addr) << k);
  end

  always_ff @(posedge clk) begin
    if (issue) begin
      rom_addr_q <= rom_addr_q + 1'b1;
      word_q     <= word_q + 1'b1;
    end
    if (done) ev_q <= 1'b0;
    if (done) first_q <= end_q || (first_q && zero_q);
    if (load) begin
      ev_q       <= 1'b1;
      addr_q     <= s_addr;
      rom_addr_q <= row_start;
      word_q     <= '0;
      value_q    <= s_value;
      zero_q     <= (s_value == '0);
      end_q      <= s_step_end || s_last;
      last_q     <= s_last;
    end
    closed_q <= closed_q + 2'(close) - 2'(step_free);
    if (rst) begin
      ev_q     <= 1'b0;
      first_q  <= 1'b1;
      closed_q <= '0;
    end
  end

  assign add         = issue && !zero_q;
  assign first       = first_q;
  assign close       = done && end_q;
  assign silent      = first_q && zero_q;
  assign last        = last_q;
  assign word        = word_q;
  assign rom_addr    = rom_addr_q;
  assign value       = value_q;
  assign event_valid = add && word_q == '0;
  assign event_addr  = addr_q;
endmodule
`default_nettype wire
