// SPDX-License-Identifier: Apache-2.0
//
// Events -> currents,  I[n] = sum over the step's events of weight[n][addr] * value.
//
// Each event adds one row of weights, LANES neurons per cycle, to the currents of the running step;
// an event with value 0 (a silent step) takes one cycle and reads nothing.
//
//   WEIGHTS   word addr * WORDS + k holds neurons k * LANES .. k * LANES + LANES - 1, lowest first,
//             each {v, u}, or {u} without COMPLEX; WEIGHT_W bits, signed; padding neurons have 0
//   value     VALUE_W bits, signed or unsigned; an unsigned bit needs no multiplier
//   current   CURRENT_W bits, signed, exact: wide enough for every partial sum
//
// Currents are double-buffered.  `step_valid` pulses when a step will be complete by the time that
// it can be read; the reader answers with `step_start` when it turns to that step, at the earliest
// in the next cycle, and with `step_free` when it has read the last of it.  Nothing is ever
// cleared: the first event of a step overwrites, `step_silent` says there was none.  The pipeline
// never stalls; only the issue of a new row word waits for a free buffer.
//
// Three parts: rfssm_synapse_issue takes events apart into words of rows, rfssm_synapse_accumulate
// has the weights and the adders, rfssm_synapse_read the currents.  From a step's last event on,
// with two words in a row, values that need no multiplier and a reader that waits (rfssm_sweep):
//
//   cycle       0    1    2    3    4    5    6    7    8    9    10
//   s_valid     1
//   issue            w0   w1
//   sum                             w0   w1
//   step_valid                 1
//   step_start                      1
//   read_index                           0    1
//   bank read                                      w0   w1
//   current                                                  w0   w1
//
// A sum is written at the end of its cycle.  With more words the sums come later by as much as
// step_valid does, with a multiplier they and step_valid by one cycle: no word is read too early.
//
// Latency: WORDS + 1 cycles from a step's last event to step_valid, 1 more where values need a
// multiplier.  II: WORDS cycles per event, 1 for an event of value 0.  WORDS = ceil(N_OUT / LANES).
// Cost: one block memory of N_IN * WORDS x LANES * PARTS * WEIGHT_W bits, LANES * PARTS adders of
// CURRENT_W bits, two LUT memories of WORDS x LANES * PARTS * CURRENT_W bits (registers if WORDS =
// 1).
`default_nettype none

module rfssm_synapse #(
  parameter int N_IN         = 140,
  parameter int N_OUT        = 128,
  parameter int LANES        = 16,  // READ_LANES times a power of two
  parameter int READ_LANES   = 4,   // a power of two
  parameter int VALUE_W      = 1,
  parameter int VALUE_SIGNED = 0,
  parameter int WEIGHT_W     = 6,
  parameter int COMPLEX      = 1,
  parameter int CURRENT_W    = 14,
  parameter     WEIGHTS      = "weights.mem",
  localparam int ADDR_W      = (N_IN > 1) ? $clog2(N_IN) : 1,
  localparam int PARTS       = COMPLEX + 1,
  localparam int READS       = (N_OUT + READ_LANES - 1) / READ_LANES,
  localparam int READ_W      = (READS > 1) ? $clog2(READS) : 1
) (
  input  wire logic               clk,
  input  wire logic               rst,

  input  wire logic               s_valid,
  output wire logic               s_ready,
  input  wire logic [ADDR_W-1:0]  s_addr,
  input  wire logic [VALUE_W-1:0] s_value,
  input  wire logic               s_step_end,
  input  wire logic               s_last,

  output wire logic               event_valid,  // an event of value other than 0 is being used
  output wire logic [ADDR_W-1:0]  event_addr,
  output wire logic [VALUE_W-1:0] event_value,
  output wire logic               event_close,  // the step's last event has been used up

  output wire logic               step_valid,
  output wire logic               step_silent,
  output wire logic               step_last,
  input  wire logic               step_start,
  input  wire logic               step_free,

  input  wire logic [READ_W-1:0]  read_index,  // current is valid four cycles later
  output wire logic [READ_LANES*PARTS*CURRENT_W-1:0] current
);
  localparam int WORDS  = (N_OUT + LANES - 1) / LANES;
  localparam int WORD_W = (WORDS > 1) ? $clog2(WORDS) : 1;
  localparam int DEPTH  = N_IN * WORDS;
  localparam int ROM_AW = (DEPTH > 1) ? $clog2(DEPTH) : 1;
  localparam int CUR_W  = LANES * PARTS * CURRENT_W;

  initial begin
    if (N_IN < 1 || N_OUT < 1) $fatal(1, "%m: N_IN and N_OUT must be at least 1");
    if (READ_LANES < 1 || (READ_LANES & (READ_LANES - 1)) != 0)
      $fatal(1, "%m: READ_LANES must be a power of two");
    if (LANES < READ_LANES || (LANES & (LANES - 1)) != 0)
      $fatal(1, "%m: LANES must be READ_LANES times a power of two");
    if (VALUE_W < 1 || WEIGHT_W < 2 || CURRENT_W < 2)
      $fatal(1, "%m: need VALUE_W >= 1, WEIGHT_W >= 2 and CURRENT_W >= 2");
  end

  wire logic add, first, close, silent, last;
  wire logic [WORD_W-1:0]  word;
  wire logic [ROM_AW-1:0]  rom_addr;
  wire logic [VALUE_W-1:0] value;
  rfssm_synapse_issue #(.N_IN(N_IN), .WORDS(WORDS), .VALUE_W(VALUE_W)) issuer (
    .clk, .rst, .s_valid, .s_ready, .s_addr, .s_value, .s_step_end, .s_last,
    .event_valid, .event_addr,
    .add, .first, .close, .silent, .last, .word, .rom_addr, .value, .step_free
  );
  assign event_value = value;
  assign event_close = close;

  wire logic [WORD_W-1:0] next_word, write_word;
  wire logic [CUR_W-1:0]  old, sum;
  wire logic              write, filled;
  rfssm_synapse_accumulate #(
    .N_IN(N_IN), .WORDS(WORDS), .LANES(LANES), .VALUE_W(VALUE_W), .VALUE_SIGNED(VALUE_SIGNED),
    .WEIGHT_W(WEIGHT_W), .COMPLEX(COMPLEX), .CURRENT_W(CURRENT_W), .WEIGHTS(WEIGHTS)
  ) accumulator (
    .clk, .rst, .add, .first, .close, .silent, .last, .word, .rom_addr, .value,
    .step_valid, .step_silent, .step_last,
    .next_word, .old, .write, .filled, .write_word, .sum
  );

  rfssm_synapse_read #(
    .N_OUT(N_OUT), .LANES(LANES), .READ_LANES(READ_LANES), .COMPLEX(COMPLEX),
    .CURRENT_W(CURRENT_W)
  ) reader (
    .clk, .rst, .next_word, .old, .write, .filled, .write_word, .sum,
    .step_start, .step_free, .read_index, .current
  );
endmodule
`default_nettype wire
