// SPDX-License-Identifier: Apache-2.0
//
// Events -> scores and label.  One leaky integrator per class, one class per cycle:
//
//   m' = sat(round(leak m / 2^LEAK_FRAC) + (I << GUARD) + bias)
//   score = sum of m' | last m' | largest m' of the sample | m' of each step         label = argmax
//
//   m     STATE_W bits, signed     leak    LEAK_FRAC bits, unsigned     bias   BIAS_W bits, signed
//   I     CURRENT_W bits, signed   score   SCORE_W bits, signed: wide enough for the longest sample
//
// A packet is CLASSES scores, class 0 first, then the label (the lowest class wins a tie): one
// packet per sample, with SCORE = 3 one per step.  m_last marks the last beat of a sample's last
// packet.
// Two packets fit in rfssm_packets: the next sample is swept while this one's scores leave.
//
//   WEIGHTS   as in rfssm_synapse, without COMPLEX      LEAK   word c is {bias, leak} of class c
//
// II per step: max(1, events * ceil(CLASSES / SYNAPSE_LANES), CLASSES, 8) + c, c <= 2; per packet
// also CLASSES + 6.  Latency: from a step's last event to its packet's first beat at most
// ceil(CLASSES / SYNAPSE_LANES) + CLASSES + 14 cycles.
// Cost: one rfssm_synapse, one rfssm_packets, one multiplier of STATE_W x (LEAK_FRAC + 1), three
// adders, LUT memories of CLASSES x STATE_W and CLASSES x SCORE_W (sum, max) bits.
`default_nettype none

module rfssm_readout #(
  parameter int N_IN          = 128,
  parameter int CLASSES       = 10,
  parameter int SYNAPSE_LANES = 16,  // a power of two
  parameter int VALUE_W       = 1,
  parameter int VALUE_SIGNED  = 0,
  parameter int WEIGHT_W      = 8,
  parameter int CURRENT_W     = 16,
  parameter int STATE_W       = 18,
  parameter int LEAK_FRAC     = 15,
  parameter int GUARD         = 4,
  parameter int BIAS_W        = 0,   // 0: no bias
  parameter int ROUND         = 2,   // as in rfssm_round
  parameter int SATURATE      = 1,
  parameter int SCORE         = 0,   // 0 sum, 1 last, 2 max, 3 each
  parameter int SCORE_W       = 32,
  parameter     WEIGHTS       = "readout_weights.mem",
  parameter     LEAK          = "readout_leak.mem",
  localparam int ADDR_W       = (N_IN > 1) ? $clog2(N_IN) : 1,
  localparam int CLASS_W      = (CLASSES > 1) ? $clog2(CLASSES) : 1,
  localparam int DATA_W       = (SCORE_W > CLASS_W) ? SCORE_W : CLASS_W + 1
) (
  input  wire logic               clk,
  input  wire logic               rst,

  input  wire logic               s_valid,
  output wire logic               s_ready,
  input  wire logic [ADDR_W-1:0]  s_addr,
  input  wire logic [VALUE_W-1:0] s_value,
  input  wire logic               s_step_end,
  input  wire logic               s_last,

  output wire logic                     m_valid,
  input  wire logic                     m_ready,
  output wire logic signed [DATA_W-1:0] m_data,
  output wire logic                     m_last
);
  localparam int PIPE = 9;  // cycles from issue to a score
  localparam int LOOP = 8;  // as in rfssm_cells

  initial begin
    if (CLASSES < 1) $fatal(1, "%m: CLASSES must be at least 1");
    if (STATE_W < 2 || SCORE_W < STATE_W) $fatal(1, "%m: need 2 <= STATE_W <= SCORE_W");
    if (LEAK_FRAC < 1 || GUARD < 0 || BIAS_W < 0 || BIAS_W > STATE_W)
      $fatal(1, "%m: need LEAK_FRAC >= 1, GUARD >= 0 and 0 <= BIAS_W <= STATE_W");
    if (SCORE < 0 || SCORE > 3) $fatal(1, "%m: SCORE must be 0, 1, 2 or 3");
  end

  wire logic step_valid, step_silent, step_last, step_start, step_free;
  wire logic [CLASS_W-1:0] class_now;
  wire logic signed [CURRENT_W-1:0] current;
  /* verilator lint_off UNUSEDSIGNAL */  // a readout has no skip connection
  wire logic event_valid, event_close;
  wire logic [ADDR_W-1:0] event_addr;
  wire logic [VALUE_W-1:0] event_value;
  /* verilator lint_on UNUSEDSIGNAL */
  rfssm_synapse #(
    .N_IN(N_IN), .N_OUT(CLASSES), .LANES(SYNAPSE_LANES), .READ_LANES(1), .VALUE_W(VALUE_W),
    .VALUE_SIGNED(VALUE_SIGNED), .WEIGHT_W(WEIGHT_W), .COMPLEX(0), .CURRENT_W(CURRENT_W),
    .WEIGHTS(WEIGHTS)
  ) synapse (
    .clk, .rst, .s_valid, .s_ready, .s_addr, .s_value, .s_step_end, .s_last,
    .event_valid, .event_addr, .event_value, .event_close,
    .step_valid, .step_silent, .step_last, .step_start, .step_free,
    .read_index(class_now), .current(current)
  );

  // a step that makes a packet is swept once one of the two packets' places is free
  wire logic issue, first, silent, last, end_class;
  wire logic emits = last || (SCORE == 3);
  wire logic place;  // is free
  rfssm_sweep #(.CHUNKS(CLASSES), .LOOP(LOOP)) sweep (
    .clk, .rst, .step_valid, .step_silent, .step_last, .step_start, .step_free,
    .room(!emits || place), .issue, .chunk(class_now), .first, .silent, .last,
    .end_chunk(end_class)
  );

  // -- tags that travel with a class: stage k is k cycles after issue --------------------------
  logic [CLASS_W-1:0] class_q [1:PIPE];
  logic [PIPE:1]      valid_q, emits_q, last_q, end_q;
  logic [4:1]         silent_q;
  /* verilator lint_off UNUSEDSIGNAL */  // a score that gathers nothing needs one stage
  logic [8:1]         first_q;
  /* verilator lint_on UNUSEDSIGNAL */
  always_ff @(posedge clk) begin
    valid_q  <= {valid_q[PIPE-1:1], issue};
    emits_q  <= {emits_q[PIPE-1:1], emits};
    last_q   <= {last_q[PIPE-1:1], last};
    end_q    <= {end_q[PIPE-1:1], end_class};
    silent_q <= {silent_q[3:1], silent};
    first_q  <= {first_q[7:1], first};
    class_q[1] <= class_now;
    for (int k = 2; k <= PIPE; k++) class_q[k] <= class_q[k-1];
    if (rst) valid_q <= '0;
  end

  // -- leaky integrator: the stages of rfssm_cells ---------------------------------------------
  localparam int LEAK_W = LEAK_FRAC + 1;  // signed, never negative
  localparam int PROD_W = STATE_W + LEAK_W;
  localparam int Q_W    = PROD_W + 1 - LEAK_FRAC;
  localparam int IN_W   = CURRENT_W + GUARD;
  localparam int X_W    = ((IN_W > STATE_W) ? IN_W : STATE_W) + 1;
  localparam int R_W    = ((Q_W > X_W) ? Q_W : X_W) + 1;
  (* ram_style = "distributed", ramstyle = "MLAB", syn_ramstyle = "distributed" *)
  logic [STATE_W-1:0] states [0:CLASSES-1];

  wire logic [LEAK_FRAC+BIAS_W-1:0] constants;
  logic signed [STATE_W-1:0]      m_q2, m_q8;
  wire logic signed [LEAK_W-1:0]  leak = {1'b0, constants[LEAK_FRAC-1:0]};
  wire logic signed [PROD_W-1:0]  p;
  wire logic signed [X_W-1:0]     bias;
  wire logic signed [Q_W-1:0]     rounded;
  wire logic signed [STATE_W-1:0] fitted;
  logic signed [CURRENT_W-1:0]    in_q5;
  logic signed [X_W-1:0]          x_q6;
  logic signed [PROD_W-1:0]       p_q5;
  logic signed [Q_W-1:0]          q_q6;
  logic signed [R_W-1:0]          r_q7;
  wire logic signed [X_W-1:0]     in = X_W'(in_q5) <<< GUARD;
  rfssm_rom #(.W(LEAK_FRAC + BIAS_W), .DEPTH(CLASSES), .FILE(LEAK)) leak_rom (
    .clk, .addr(class_now), .q(constants)
  );
  rfssm_mul #(.A_W(STATE_W), .B_W(LEAK_W)) mul (.clk, .a(m_q2), .b(leak), .p(p));
  rfssm_round #(.A_W(PROD_W), .SHIFT(LEAK_FRAC), .ROUND(ROUND)) round (.a(p_q5), .q(rounded));
  rfssm_saturate #(.A_W(R_W), .Y_W(STATE_W), .SATURATE(SATURATE)) saturate (.a(r_q7), .y(fitted));
  generate
    if (BIAS_W > 0) begin : g_bias
      logic signed [BIAS_W-1:0] bias_q3, bias_q4, bias_q5;
      always_ff @(posedge clk) begin
        bias_q3 <= constants[LEAK_FRAC +: BIAS_W];
        bias_q4 <= bias_q3;
        bias_q5 <= bias_q4;
      end
      assign bias = X_W'(bias_q5);
    end else begin : g_no_bias
      assign bias = '0;
    end
  endgenerate

  always_ff @(posedge clk) begin
    m_q2  <= first_q[1] ? '0 : states[class_q[1]];
    in_q5 <= silent_q[4] ? '0 : current;
    x_q6  <= in + bias;
    p_q5  <= p;
    q_q6  <= rounded;
    r_q7  <= R_W'(q_q6) + R_W'(x_q6);
    m_q8  <= fitted;
    if (valid_q[8]) states[class_q[8]] <= m_q8;
  end

  // -- scores ------------------------------------------------------------------------------------
  wire logic signed [SCORE_W-1:0] m_wide = SCORE_W'(m_q8);
  logic signed [SCORE_W-1:0] score_q9;
  generate
    if (SCORE == 0 || SCORE == 2) begin : g_gather
      (* ram_style = "distributed", ramstyle = "MLAB", syn_ramstyle = "distributed" *)
      logic [SCORE_W-1:0] scores [0:CLASSES-1];
      logic signed [SCORE_W-1:0] old_q8;
      always_ff @(posedge clk) begin
        old_q8 <= scores[class_q[7]];
        if (valid_q[9]) scores[class_q[9]] <= score_q9;
      end
      if (SCORE == 0) begin : g_sum
        always_ff @(posedge clk) score_q9 <= (first_q[8] ? '0 : old_q8) + m_wide;
      end else begin : g_max
        always_ff @(posedge clk) score_q9 <= (first_q[8] || m_wide > old_q8) ? m_wide : old_q8;
      end
    end else begin : g_now
      always_ff @(posedge clk) score_q9 <= m_wide;
    end
  endgenerate

  wire logic put = valid_q[9] && emits_q[9];
  rfssm_packets #(.CLASSES(CLASSES), .SCORE_W(SCORE_W)) packets (
    .clk, .rst, .room(place), .take(issue && emits && end_class),
    .s_valid(put), .s_class(class_q[9]), .s_score(score_q9), .s_end(end_q[9]), .s_last(last_q[9]),
    .m_valid, .m_ready, .m_data, .m_last
  );
endmodule
`default_nettype wire
