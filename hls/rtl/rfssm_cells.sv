// SPDX-License-Identifier: Apache-2.0
//
// LANES pipelined second-order cells sweep the layer's neurons once per step, one chunk of LANES
// neurons per cycle:
//
//   u' = sat(round(a00 u + a01 v) + (I_u << GUARD) + bias_u + s R_u)
//   v' = sat(round(a10 u + a11 v) + (I_v << GUARD) + bias_v + s R_v)
//   s' = u' > threshold                                 s: the neuron's spike of the step before
//
//   u, v, R, threshold   STATE_W bits, signed    a   TRANS_W bits, TRANS_FRAC of them fraction
//   bias                 BIAS_W bits, signed     I   CURRENT_W bits, signed
//
// The two products of a row are summed exactly and rounded once (ROUND as in rfssm_round); then the
// additions, exact; then one saturation (SATURATE = 0: the low STATE_W bits).
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
  localparam int OFFSET_W      = (LANE_OFFSET_W > 0) ? LANES * LANE_OFFSET_W : 1;
  /* verilator lint_off UNUSEDSIGNAL */  // a layer without bias and reset has none
  wire logic [OFFSET_W-1:0] offset;
  /* verilator lint_on UNUSEDSIGNAL */
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
  /* verilator lint_off UNUSEDSIGNAL */  // a layer without reset does not look back
  wire logic [LANES-1:0] spiked;  // in the step before
  /* verilator lint_on UNUSEDSIGNAL */
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
  localparam int PROD_W  = STATE_W + TRANS_W;
  localparam int SUM_W   = PROD_W + 1;
  localparam int Q_W     = ((SUM_W > TRANS_FRAC + 1) ? SUM_W + 1 : TRANS_FRAC + 2) - TRANS_FRAC;
  localparam int IN_W    = CURRENT_W + GUARD;
  localparam int ADD_W   = STATE_W + ((RESET != 0 && BIAS_W != 0) ? 1 : 0);
  localparam int X_W     = ((IN_W > ADD_W) ? IN_W : ADD_W) + 1;
  localparam int R_W     = ((Q_W > X_W) ? Q_W : X_W) + 1;
  localparam int PADDING = CHUNKS * LANES - N;

  logic [LANES*STATE_W-1:0] u_q, v_q;

  for (genvar i = 0; i < LANES; i++) begin : g_lane
    wire logic signed [STATE_W-1:0] u = state[i*LANE_STATE_W +: STATE_W];
    wire logic signed [STATE_W-1:0] v = state[i*LANE_STATE_W + STATE_W +: STATE_W];
    wire logic [2*STATE_W-1:0] next;  // {v, u}

    for (genvar j = 0; j < 2; j++) begin : g_part
      // stages 2-4: products
      localparam int A_U = (ROTATION != 0) ? j : 2 * j;
      localparam int A_V = (ROTATION != 0) ? 1 - j : 2 * j + 1;
      wire logic signed [TRANS_W-1:0] a_u = coef[i*LANE_COEF_W + A_U*TRANS_W +: TRANS_W];
      wire logic signed [TRANS_W-1:0] a_v = coef[i*LANE_COEF_W + A_V*TRANS_W +: TRANS_W];
      wire logic signed [PROD_W-1:0] p_u, p_v;
      rfssm_mul #(.A_W(STATE_W), .B_W(TRANS_W)) mul_u (.clk, .a(u), .b(a_u), .p(p_u));
      rfssm_mul #(.A_W(STATE_W), .B_W(TRANS_W)) mul_v (.clk, .a(v), .b(a_v), .p(p_v));

      // stages 4-6, in the shadow of the products: what is added after rounding
      wire logic signed [ADD_W-1:0] add;
      if (RESET != 0 || (BIAS_W != 0 && j < PARTS)) begin : g_add
        wire logic signed [ADD_W-1:0] bias, r;
        if (BIAS_W != 0 && j < PARTS) begin : g_bias
          wire logic signed [BIAS_W-1:0] word = offset[i*LANE_OFFSET_W + j*BIAS_W +: BIAS_W];
          assign bias = ADD_W'(word);
        end else begin : g_no_bias
          assign bias = '0;
        end
        if (RESET != 0) begin : g_reset
          wire logic signed [STATE_W-1:0] word =
              offset[i*LANE_OFFSET_W + PARTS*BIAS_W + j*STATE_W +: STATE_W];
          assign r = spiked[i] ? ADD_W'(word) : '0;
        end else begin : g_no_reset
          assign r = '0;
        end
        logic signed [ADD_W-1:0] add_q5;
        always_ff @(posedge clk) add_q5 <= bias + r;
        assign add = add_q5;
      end else begin : g_no_add
        assign add = '0;
      end
      wire logic signed [X_W-1:0] in;
      if (j < PARTS) begin : g_in
        logic signed [CURRENT_W-1:0] in_q5;
        always_ff @(posedge clk)
          in_q5 <= silent_q[4] ? '0 : current[(i*PARTS + j)*CURRENT_W +: CURRENT_W];
        assign in = X_W'(in_q5) <<< GUARD;
      end else begin : g_no_in
        assign in = '0;
      end

      // stage 5: sum of the products; 6: the one rounding; 7: add; 8: saturate
      wire logic signed [SUM_W-1:0]   wide_u = SUM_W'(p_u);
      wire logic signed [SUM_W-1:0]   wide_v = SUM_W'(p_v);
      wire logic signed [Q_W-1:0]     rounded;
      wire logic signed [STATE_W-1:0] fitted;
      logic signed [SUM_W-1:0]   sum_q5;
      logic signed [Q_W-1:0]     q_q6;
      logic signed [X_W-1:0]     x_q6;
      logic signed [R_W-1:0]     r_q7;
      logic signed [STATE_W-1:0] next_q8;
      rfssm_round #(.A_W(SUM_W), .SHIFT(TRANS_FRAC), .ROUND(ROUND)) round (.a(sum_q5), .q(rounded));
      rfssm_saturate #(.A_W(R_W), .Y_W(STATE_W), .SATURATE(SATURATE)) saturate (
        .a(r_q7), .y(fitted)
      );
      always_ff @(posedge clk) begin
        sum_q5  <= (j == 0 && ROTATION != 0) ? wide_u - wide_v : wide_u + wide_v;
        q_q6    <= rounded;
        x_q6    <= in + X_W'(add);
        r_q7    <= R_W'(q_q6) + R_W'(x_q6);
        next_q8 <= fitted;
      end
      assign next[j*STATE_W +: STATE_W] = next_q8;
    end

    // stages 8-9: compare, write back
    wire logic signed [STATE_W-1:0] u_next = next[STATE_W-1:0];
    wire logic signed [STATE_W-1:0] limit  = limits_q8[i*STATE_W +: STATE_W];
    wire logic spike;
    if (i >= LANES - PADDING) begin : g_padding
      assign spike = (u_next > limit) && !end_q[8];  // this lane has no neuron in the last chunk
    end else begin : g_neuron
      assign spike = (u_next > limit);
    end
    assign state_next[i*LANE_STATE_W +: LANE_STATE_W] = next;
    always_ff @(posedge clk) begin
      spike_q[i] <= spike;
      u_q[i*STATE_W +: STATE_W] <= next[STATE_W-1:0];
      v_q[i*STATE_W +: STATE_W] <= next[2*STATE_W-1:STATE_W];
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
