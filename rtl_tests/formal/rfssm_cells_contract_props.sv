  // Properties of rfssm_cells: what leaves is the contract's cell, computed at once from the states
  // and the spike that were read, for any contents of the ROMs (any_rom), currents and stalls.
  // That the states read are the last ones written is proved in rfssm_cells_props.sv.
  localparam int PROD_W = STATE_W + TRANS_W;
  localparam int IN_W = CURRENT_W + GUARD;
  localparam int C_W = ((PROD_W > IN_W + TRANS_FRAC) ? PROD_W : IN_W + TRANS_FRAC) + 4;
`include "contract.svh"

  logic f_past;
  initial f_past = 1'b0;
  always_ff @(posedge clk) begin
    assume (f_past || rst);  // from any state, through one cycle of reset
    f_past <= 1'b1;
  end

  // -- what belongs to the chunk that leaves -----------------------------------------------------
  logic [LANES*LANE_STATE_W-1:0]      f_state [3:9];    // read at stage 2
  logic [LANES-1:0]                   f_spiked [5:9];   // read at stage 4
  logic [LANES*PARTS*CURRENT_W-1:0]   f_current [5:9];  // four cycles after read_index
  logic [PIPE:1] f_silent;
  always_ff @(posedge clk) begin
    f_silent     <= {f_silent[PIPE-1:1], silent};
    f_state[3]   <= state;
    f_spiked[5]  <= spiked;
    f_current[5] <= current;
    for (int k = 4; k <= 9; k++) f_state[k] <= f_state[k-1];
    for (int k = 6; k <= 9; k++) f_spiked[k] <= f_spiked[k-1];
    for (int k = 6; k <= 9; k++) f_current[k] <= f_current[k-1];
  end
  wire logic [LANES*STATE_W-1:0] f_u_next, f_v_next;
  wire logic [LANES-1:0] f_s_next;

  (* hierconn *) wire logic [CHUNKS*LANES*LANE_COEF_W-1:0] \coef_rom.words ;
  (* hierconn *) wire logic [CHUNKS*LANES*STATE_W-1:0] \limit_rom.words ;
  (* hierconn *) wire logic [CHUNKS*OFFSET_W-1:0] \g_offset.offset_rom.words ;  // may be missing
  wire logic [CHUNKS*OFFSET_W-1:0] f_offsets =
      (LANE_OFFSET_W > 0) ? \g_offset.offset_rom.words : '0;

  for (genvar l = 0; l < LANES; l++) begin : g_f
    wire logic signed [STATE_W-1:0] u = f_state[9][l*LANE_STATE_W +: STATE_W];
    wire logic signed [STATE_W-1:0] v = f_state[9][l*LANE_STATE_W + STATE_W +: STATE_W];
    wire logic s = f_spiked[9][l];
    wire logic [LANE_COEF_W-1:0] a =
        \coef_rom.words [(int'(m_chunk)*LANES + l)*LANE_COEF_W +: LANE_COEF_W];
    wire logic signed [STATE_W-1:0] limit =
        \limit_rom.words [(int'(m_chunk)*LANES + l)*STATE_W +: STATE_W];
    wire logic [OFFSET_W-1:0] o = f_offsets[int'(m_chunk)*OFFSET_W +: OFFSET_W];

    wire logic signed [TRANS_W-1:0] a00, a01, a10, a11;
    if (ROTATION != 0) begin : g_rotation
      assign {a10, a00} = a;
      assign {a01, a11} = a;  // a01 counts negative
    end else begin : g_general
      assign {a11, a10, a01, a00} = a;
    end
    wire logic signed [PROD_W-1:0] p00 = PROD_W'(u) * PROD_W'(a00);
    wire logic signed [PROD_W-1:0] p01 = PROD_W'(v) * PROD_W'(a01);
    wire logic signed [PROD_W-1:0] p10 = PROD_W'(u) * PROD_W'(a10);
    wire logic signed [PROD_W-1:0] p11 = PROD_W'(v) * PROD_W'(a11);
    wire logic signed [C_W-1:0] linear_u =
        (ROTATION != 0) ? C_W'(p00) - C_W'(p01) : C_W'(p00) + C_W'(p01);
    wire logic signed [C_W-1:0] linear_v = C_W'(p10) + C_W'(p11);

    wire logic signed [C_W-1:0] in_u, in_v, bias_u, bias_v, r_u, r_v;
    assign in_u = f_silent[9] ? '0
        : C_W'($signed(f_current[9][l*PARTS*CURRENT_W +: CURRENT_W])) <<< GUARD;
    if (COMPLEX != 0) begin : g_complex
      assign in_v = f_silent[9] ? '0
          : C_W'($signed(f_current[9][(l*PARTS + 1)*CURRENT_W +: CURRENT_W])) <<< GUARD;
    end else begin : g_real
      assign in_v = '0;
    end
    if (BIAS_W != 0) begin : g_bias
      assign bias_u = C_W'($signed(o[l*LANE_OFFSET_W +: BIAS_W]));
    end else begin : g_no_bias
      assign bias_u = '0;
    end
    if (BIAS_W != 0 && COMPLEX != 0) begin : g_bias_v
      assign bias_v = C_W'($signed(o[l*LANE_OFFSET_W + BIAS_W +: BIAS_W]));
    end else begin : g_no_bias_v
      assign bias_v = '0;
    end
    if (RESET != 0) begin : g_reset
      localparam int AT = l*LANE_OFFSET_W + PARTS*BIAS_W;
      assign r_u = s ? C_W'($signed(o[AT +: STATE_W])) : '0;
      assign r_v = s ? C_W'($signed(o[AT + STATE_W +: STATE_W])) : '0;
    end else begin : g_no_reset
      assign r_u = '0;
      assign r_v = '0;
    end

    wire logic signed [C_W-1:0] x =
        contract_round(linear_u, TRANS_FRAC, ROUND) + in_u + bias_u + r_u;
    wire logic signed [C_W-1:0] y =
        contract_round(linear_v, TRANS_FRAC, ROUND) + in_v + bias_v + r_v;
    wire logic signed [C_W-1:0] u_next = contract_fit(x, STATE_W, SATURATE);
    wire logic signed [C_W-1:0] v_next = contract_fit(y, STATE_W, SATURATE);
    assign f_u_next[l*STATE_W +: STATE_W] = STATE_W'(u_next);
    assign f_v_next[l*STATE_W +: STATE_W] = STATE_W'(v_next);
    assign f_s_next[l] = u_next > C_W'(limit) && int'(m_chunk)*LANES + l < N;
  end

  // -- promises -----------------------------------------------------------------------------------
  always_ff @(posedge clk) if (f_past && m_valid) begin
    u_is_the_contract_s: assert (trace_u == f_u_next);
    v_is_the_contract_s: assert (trace_v == f_v_next);
    spike_is_the_contract_s: assert (m_spike == f_s_next);
    spikes_again: cover (f_spiked[9][0] == (RESET != 0) && m_spike[0] && !f_silent[9]
                         && g_f[0].x != g_f[0].u_next && g_f[0].x != '0);
  end

`ifdef INVARIANTS
  (* hierconn *) wire logic [2:0] \sweep.slot_q ;
  (* hierconn *) wire logic \sweep.run_q ;
  (* hierconn *) wire logic \sweep.chunk_q ;
  (* hierconn *) wire logic \sweep.end_q ;
  always_ff @(posedge clk) if (f_past && \sweep.run_q ) slot_is: assert (
      \sweep.chunk_q == (int'(\sweep.slot_q ) < CHUNKS)
      && \sweep.end_q == (int'(\sweep.slot_q ) == CHUNKS - 1));
  always_ff @(posedge clk) if (f_past)
    for (int k = 1; k <= PIPE; k++)
      if (valid_q[k])
        assert (int'(chunk_q[k]) < CHUNKS && end_q[k] == (int'(chunk_q[k]) == CHUNKS - 1));
`endif
