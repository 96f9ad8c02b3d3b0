// SPDX-License-Identifier: Apache-2.0
//
// One spiking layer: events in, events out.
//
//   synapse --currents--> cells --spikes--> [skip] --values--> encoder
//
// The synapse fills one buffer of currents while the cells read the other.  Without SKIP a value
// leaving is a spike (OUT_W = 1); with SKIP it is the spike plus the value that came in at the same
// address.
// An event stream is (addr, value, step_end, last): a step's last event carries step_end, a silent
// step is one event of value 0 with step_end, last ends the sample and clears every state on its
// way. Within a step an address appears at most once.
//
// II per step: max(1, events * ceil(N_OUT / SYNAPSE_LANES), ceil(N_OUT / NEURON_LANES), 8) + c, c
// <= 2, and never under the number of values that leave.
// Latency of one step through an idle layer, from its last event to the last one that leaves:
// ceil(N_OUT / SYNAPSE_LANES) + ceil(N_OUT / NEURON_LANES) + 16 cycles at most, 1 more with SKIP.
// Cost: see rfssm_synapse, rfssm_cells, rfssm_skip, rfssm_encoder.
`default_nettype none

module rfssm_layer #(
  parameter int N_IN          = 140,
  parameter int N_OUT         = 128,
  parameter int SYNAPSE_LANES = 16,  // NEURON_LANES times a power of two
  parameter int NEURON_LANES  = 4,   // a power of two
  parameter int VALUE_W       = 1,
  parameter int VALUE_SIGNED  = 0,
  parameter int OUT_W         = 1,   // bits of a value that leaves
  parameter int SKIP          = 0,   // needs N_IN = N_OUT
  parameter int WEIGHT_W      = 6,
  parameter int COMPLEX       = 1,
  parameter int CURRENT_W     = 14,
  parameter int STATE_W       = 18,
  parameter int TRANS_W       = 16,
  parameter int TRANS_FRAC    = 14,
  parameter int GUARD         = 3,
  parameter int BIAS_W        = 0,
  parameter int ROTATION      = 1,
  parameter int RESET         = 0,
  parameter int ROUND         = 2,
  parameter int SATURATE      = 1,
  parameter int STATE_RAM     = 0,
  parameter     WEIGHTS       = "weights.mem",
  parameter     COEF          = "coef.mem",
  parameter     OFFSET        = "offset.mem",
  parameter     THRESHOLD     = "threshold.mem",
  localparam int CHUNKS   = (N_OUT + NEURON_LANES - 1) / NEURON_LANES,
  localparam int CHUNK_W  = (CHUNKS > 1) ? $clog2(CHUNKS) : 1,
  localparam int S_ADDR_W = (N_IN > 1) ? $clog2(N_IN) : 1,
  localparam int M_ADDR_W = (N_OUT > 1) ? $clog2(N_OUT) : 1
) (
  input  wire logic                clk,
  input  wire logic                rst,

  input  wire logic                s_valid,
  output wire logic                s_ready,
  input  wire logic [S_ADDR_W-1:0] s_addr,
  input  wire logic [VALUE_W-1:0]  s_value,
  input  wire logic                s_step_end,
  input  wire logic                s_last,

  output wire logic                m_valid,
  input  wire logic                m_ready,
  output wire logic [M_ADDR_W-1:0] m_addr,
  output wire logic [OUT_W-1:0]    m_value,
  output wire logic                m_step_end,
  output wire logic                m_last,

  output wire logic                            trace_valid,  // for verification only: own spikes
  output wire logic [CHUNK_W-1:0]              trace_chunk,  // and states, chunk by chunk
  output wire logic [NEURON_LANES-1:0]         trace_spike,
  output wire logic [NEURON_LANES*STATE_W-1:0] trace_u,
  output wire logic [NEURON_LANES*STATE_W-1:0] trace_v
);
  localparam int PIPE = 9;  // of rfssm_cells

  initial begin
    if (SKIP != 0 && N_IN != N_OUT) $fatal(1, "%m: SKIP needs N_IN = N_OUT");
    if (SKIP == 0 && OUT_W != 1) $fatal(1, "%m: without SKIP a value is a spike: OUT_W must be 1");
  end

  wire logic step_valid, step_silent, step_last, step_start, step_free;
  wire logic [CHUNK_W-1:0] read_index;
  wire logic [NEURON_LANES*(COMPLEX+1)*CURRENT_W-1:0] current;
  wire logic room, c_valid, c_step_end, c_last;
  wire logic [CHUNK_W-1:0] c_chunk;
  wire logic [NEURON_LANES-1:0] c_spike;
  /* verilator lint_off UNUSEDSIGNAL */  // only a skip connection listens
  wire logic event_valid, event_close;
  wire logic [S_ADDR_W-1:0] event_addr;
  wire logic [VALUE_W-1:0] event_value;
  /* verilator lint_on UNUSEDSIGNAL */

  rfssm_synapse #(
    .N_IN(N_IN), .N_OUT(N_OUT), .LANES(SYNAPSE_LANES), .READ_LANES(NEURON_LANES),
    .VALUE_W(VALUE_W), .VALUE_SIGNED(VALUE_SIGNED), .WEIGHT_W(WEIGHT_W), .COMPLEX(COMPLEX),
    .CURRENT_W(CURRENT_W), .WEIGHTS(WEIGHTS)
  ) synapse (
    .clk, .rst, .s_valid, .s_ready, .s_addr, .s_value, .s_step_end, .s_last,
    .event_valid, .event_addr, .event_value, .event_close,
    .step_valid, .step_silent, .step_last, .step_start, .step_free, .read_index, .current
  );

  rfssm_cells #(
    .N(N_OUT), .LANES(NEURON_LANES), .STATE_W(STATE_W), .TRANS_W(TRANS_W), .TRANS_FRAC(TRANS_FRAC),
    .CURRENT_W(CURRENT_W), .GUARD(GUARD), .BIAS_W(BIAS_W), .COMPLEX(COMPLEX), .ROTATION(ROTATION),
    .RESET(RESET), .ROUND(ROUND), .SATURATE(SATURATE), .STATE_RAM(STATE_RAM),
    .COEF(COEF), .OFFSET(OFFSET), .THRESHOLD(THRESHOLD)
  ) cells (
    .clk, .rst, .step_valid, .step_silent, .step_last, .step_start, .step_free,
    .read_index, .current, .room,
    .m_valid(c_valid), .m_chunk(c_chunk), .m_spike(c_spike), .m_step_end(c_step_end),
    .m_last(c_last), .trace_u, .trace_v
  );

  wire logic                          e_valid, e_step_end, e_last;
  wire logic [CHUNK_W-1:0]            e_chunk;
  wire logic [NEURON_LANES*OUT_W-1:0] e_values;
  generate
    if (SKIP != 0) begin : g_skip
      rfssm_skip #(
        .N(N_OUT), .LANES(NEURON_LANES), .IN_W(VALUE_W), .IN_SIGNED(VALUE_SIGNED), .OUT_W(OUT_W),
        .DELAY(PIPE)
      ) skip (
        .clk, .rst, .event_valid, .event_addr, .event_value, .event_close,
        .step_start, .step_free, .read_index,
        .s_valid(c_valid), .s_chunk(c_chunk), .s_spike(c_spike), .s_step_end(c_step_end),
        .s_last(c_last),
        .m_valid(e_valid), .m_chunk(e_chunk), .m_values(e_values), .m_step_end(e_step_end),
        .m_last(e_last)
      );
    end else begin : g_no_skip
      assign e_valid    = c_valid;
      assign e_chunk    = c_chunk;
      assign e_values   = c_spike;
      assign e_step_end = c_step_end;
      assign e_last     = c_last;
    end
  endgenerate

  rfssm_encoder #(
    .N(N_OUT), .LANES(NEURON_LANES), .VALUE_W(OUT_W), .IN_FLIGHT(PIPE + 1), .DEPTH(32)
  ) encoder (
    .clk, .rst, .room, .s_valid(e_valid), .s_chunk(e_chunk), .s_values(e_values),
    .s_step_end(e_step_end), .s_last(e_last),
    .m_valid, .m_ready, .m_addr, .m_value, .m_step_end, .m_last
  );

  assign trace_valid = c_valid;
  assign trace_chunk = c_chunk;
  assign trace_spike = c_spike;
endmodule
`default_nettype wire
