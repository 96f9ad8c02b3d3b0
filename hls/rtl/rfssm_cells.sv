// SPDX-License-Identifier: Apache-2.0
//
// LANES second-order cells, each an rfssm_cell, sweep the layer's neurons once per step, one chunk
// of LANES neurons per cycle.  Here are the order of the chunks, the tags that travel with them and
// the memories of states, spikes and constants; what a cell computes is in rfssm_cell.
//
// Memory words hold one chunk, lowest lane first.  A lane of COEF is {a11, a10, a01, a00} or, with
// ROTATION, {b, a} (a00 = a11 = a, a10 = -a01 = b); of OFFSET {R_v, R_u, bias_v, bias_u}, parts
// that the layer lacks left out; of THRESHOLD {threshold}.  Padding lanes of the last chunk never
// spike.
//
// A state is read one cycle after its chunk is issued: constants take two cycles to come.
//
// Latency: 9 cycles from issue to m_valid.  II: max(CHUNKS, 8) cycles per step; the next step
// follows without a gap.  The pipeline never stalls: a chunk is issued only while `room` promises a
// place for its spikes.
// Cost: 4 * LANES multipliers of STATE_W x TRANS_W; states 2 * N * STATE_W bits in LUT memory or,
// with STATE_RAM, block memory; with RESET spikes N bits in LUT memory; coefficients 4 (ROTATION:
// 2) * N * TRANS_W bits, thresholds N * STATE_W bits, resets and biases, each an rfssm_rom.
`default_nettype none

module rfssm_cells #(
  parameter int N          = 128,
  parameter int LANES      = 4,   // a power of two
  parameter int STATE_W    = 18,
  parameter int TRANS_W    = 16,
  parameter int TRANS_FRAC = 14,
  parameter int CURRENT_W  = 14,
  parameter int GUARD      = 3,
  parameter int BIAS_W     = 0,   // 0: no bias
  parameter int COMPLEX    = 1,   // 0: I_v = bias_v = 0
  parameter int ROTATION   = 1,
  parameter int RESET      = 0,
  parameter int ROUND      = 2,
  parameter int SATURATE   = 1,
  parameter int STATE_RAM  = 0,   // 0 distributed, 1 block
  parameter     COEF       = "coef.mem",
  parameter     OFFSET     = "offset.mem",
  parameter     THRESHOLD  = "threshold.mem",
  localparam int PARTS     = COMPLEX + 1,
  localparam int CHUNKS    = (N + LANES - 1) / LANES,
  localparam int CHUNK_W   = (CHUNKS > 1) ? $clog2(CHUNKS) : 1
) (
  input  wire logic clk,
  input  wire logic rst,

  input  wire logic step_valid,   // as in rfssm_sweep
  input  wire logic step_silent,
  input  wire logic step_last,
  output wire logic step_start,
  output wire logic step_free,
  output wire logic [CHUNK_W-1:0] read_index,
  input  wire logic [LANES*PARTS*CURRENT_W-1:0] current,  // four cycles after read_index

  input  wire logic               room,
  output wire logic               m_valid,
  output wire logic [CHUNK_W-1:0] m_chunk,
  output wire logic [LANES-1:0]   m_spike,
  output wire logic               m_step_end,
  output wire logic               m_last,

  output wire logic [LANES*STATE_W-1:0] trace_u,  // with m_valid; for verification only
  output wire logic [LANES*STATE_W-1:0] trace_v
);
  localparam int PIPE = 9;  // cycles from issue to m_valid
  localparam int LOOP = 8;  // cycles from reading a state until it can be read again

  initial begin
    if (N < 1) $fatal(1, "%m: N must be at least 1");
    if (LANES < 1 || (LANES & (LANES - 1)) != 0) $fatal(1, "%m: LANES must be a power of two");
    if (STATE_W < 2 || TRANS_W < 2 || CURRENT_W < 2)
      $fatal(1, "%m: STATE_W, TRANS_W and CURRENT_W must be at least 2");
    if (TRANS_FRAC < 0 || GUARD < 0 || BIAS_W < 0 || BIAS_W > STATE_W)
      $fatal(1, "%m: need TRANS_FRAC >= 0, GUARD >= 0 and 0 <= BIAS_W <= STATE_W");
  end

  wire logic issue, first, silent, last, end_chunk;
  rfssm_sweep #(.CHUNKS(CHUNKS), .LOOP(LOOP)) sweep (
    .clk, .rst, .step_valid, .step_silent, .step_last, .step_start, .step_free,
    .room, .issue, .chunk(read_index), .first, .silent, .last, .end_chunk
  );

  // -- tags that travel with a chunk: stage k is k cycles after issue --------------------------
  logic [CHUNK_W-1:0] chunk_q [1:PIPE];
  logic [PIPE:1]      valid_q, end_q, last_q;
  logic [4:1]         silent_q;
  /* verilator lint_off UNUSEDSIGNAL */  // states in LUT memory without reset need one stage
  logic [2:1]         first_q;
  /* verilator lint_on UNUSEDSIGNAL */
  always_ff @(posedge clk) begin
    valid_q  <= {valid_q[PIPE-1:1], issue};
    end_q    <= {end_q[PIPE-1:1], end_chunk};
    last_q   <= {last_q[PIPE-1:1], last && end_chunk};
    silent_q <= {silent_q[3:1], silent};
    first_q  <= {first_q[1], first};
    chunk_q[1] <= read_index;
    for (int k = 2; k <= PIPE; k++) chunk_q[k] <= chunk_q[k-1];
    if (rst) valid_q <= '0;
  end

  // -- memories --------------------------------------------------------------------------------
  localparam int LANE_COEF_W  = (ROTATION != 0 ? 2 : 4) * TRANS_W;
  localparam int LANE_STATE_W = 2 * STATE_W;
  wire logic [LANES*LANE_COEF_W-1:0]  coef;
  wire logic [LANES*STATE_W-1:0]      limits;
  logic [LANES*STATE_W-1:0]           limits_q8;
  wire logic [LANES*LANE_STATE_W-1:0] state;
  wire logic [LANES*LANE_STATE_W-1:0] state_next;
  rfssm_rom #(.W(LANES*LANE_COEF_W), .DEPTH(CHUNKS), .FILE(COEF)) coef_rom (
    .clk, .addr(read_index), .q(coef)
  );
  rfssm_rom #(.W(LANES*STATE_W), .DEPTH(CHUNKS), .FILE(THRESHOLD)) limit_rom (
    .clk, .addr(chunk_q[5]), .q(limits)
  );

  always_ff @(posedge clk) limits_q8 <= limits;  // near the lanes, wherever the ROM lies

  localparam int LANE_OFFSET_W = (RESET != 0 ? 2 * STATE_W : 0) + BIAS_W * PARTS;
  localparam int LANE_ADDED_W  = (LANE_OFFSET_W > 0) ? LANE_OFFSET_W : 1;
  localparam int OFFSET_W      = LANES * LANE_ADDED_W;
  wire logic [OFFSET_W-1:0] offset;
  generate
    if (LANE_OFFSET_W > 0) begin : g_offset
      rfssm_rom #(.W(OFFSET_W), .DEPTH(CHUNKS), .FILE(OFFSET)) offset_rom (
        .clk, .addr(chunk_q[2]), .q(offset)
      );
    end else begin : g_no_offset
      assign offset = '0;
    end
  endgenerate

  generate
    if (STATE_RAM == 0) begin : g_lutram
      (* ram_style = "distributed", ramstyle = "MLAB", syn_ramstyle = "distributed" *)
      logic [LANES*LANE_STATE_W-1:0] states [0:CHUNKS-1];
      logic [LANES*LANE_STATE_W-1:0] state_q;
      always_ff @(posedge clk) begin
        state_q <= first_q[1] ? '0 : states[chunk_q[1]];
        if (valid_q[8]) states[chunk_q[8]] <= state_next;
      end
      assign state = state_q;
    end else begin : g_blockram
      (* ram_style = "block", ramstyle = "M20K", syn_ramstyle = "block_ram" *)
      logic [LANES*LANE_STATE_W-1:0] states [0:CHUNKS-1];
      logic [LANES*LANE_STATE_W-1:0] state_q;
      always_ff @(posedge clk) begin
        state_q <= states[chunk_q[1]];
        if (valid_q[8]) states[chunk_q[8]] <= state_next;
      end
      assign state = first_q[2] ? '0 : state_q;
    end
  endgenerate

  // a spike is written a cycle after its state, and read two cycles later
  logic [LANES-1:0]      spike_q;
  wire logic [LANES-1:0] spiked;  // in the step before
  generate
    if (RESET != 0) begin : g_spikes
      (* ram_style = "distributed", ramstyle = "MLAB", syn_ramstyle = "distributed" *)
      logic [LANES-1:0] spikes [0:CHUNKS-1];
      logic [LANES-1:0] spiked_q4;
      logic first_q3;
      always_ff @(posedge clk) begin
        first_q3  <= first_q[2];
        spiked_q4 <= first_q3 ? '0 : spikes[chunk_q[3]];
        if (valid_q[9]) spikes[chunk_q[9]] <= spike_q;
      end
      assign spiked = spiked_q4;
    end else begin : g_no_spikes
      assign spiked = '0;
    end
  endgenerate

  // -- lanes -------------------------------------------------------------------------------------
  localparam int PADDING = CHUNKS * LANES - N;

  logic [LANES*STATE_W-1:0] u_q, v_q;

  for (genvar i = 0; i < LANES; i++) begin : g_lane
    wire logic signed [STATE_W-1:0] u_next, v_next;
    wire logic spike;
    rfssm_cell #(
      .STATE_W(STATE_W), .TRANS_W(TRANS_W), .TRANS_FRAC(TRANS_FRAC), .CURRENT_W(CURRENT_W),
      .GUARD(GUARD), .BIAS_W(BIAS_W), .COMPLEX(COMPLEX), .ROTATION(ROTATION), .RESET(RESET),
      .ROUND(ROUND), .SATURATE(SATURATE)
    ) lane (
      .clk,
      .u(state[i*LANE_STATE_W +: STATE_W]), .v(state[i*LANE_STATE_W + STATE_W +: STATE_W]),
      .coef(coef[i*LANE_COEF_W +: LANE_COEF_W]),
      .offset(offset[i*LANE_ADDED_W +: LANE_ADDED_W]), .spiked(spiked[i]), .silent(silent_q[4]),
      .current(current[i*PARTS*CURRENT_W +: PARTS*CURRENT_W]),
      .limit(limits_q8[i*STATE_W +: STATE_W]),
      .u_next, .v_next, .spike
    );
    assign state_next[i*LANE_STATE_W +: LANE_STATE_W] = {v_next, u_next};
    always_ff @(posedge clk) begin
      spike_q[i] <= spike && !(end_q[8] && i >= LANES - PADDING);  // no neuron in the last chunk
      u_q[i*STATE_W +: STATE_W] <= u_next;
      v_q[i*STATE_W +: STATE_W] <= v_next;
    end
  end

  assign m_valid    = valid_q[9];
  assign m_chunk    = chunk_q[9];
  assign m_spike    = spike_q;
  assign m_step_end = end_q[9];
  assign m_last     = last_q[9];
  assign trace_u    = u_q;
  assign trace_v    = v_q;
endmodule
`default_nettype wire
