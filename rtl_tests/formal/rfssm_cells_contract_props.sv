  // Properties of rfssm_cells: what leaves is the contract's cell, computed at once and beside it from
  // the chunk's own states, for any contents of the ROMs (any_rom), any currents and any stalls.
  localparam int C_W = STATE_W + TRANS_W + TRANS_FRAC + CURRENT_W + GUARD + 4;
`include "contract.svh"

  logic f_past;
  initial f_past = 1'b0;
  always_ff @(posedge clk) begin
    assume (f_past || rst);  // from any state, through one cycle of reset
    f_past <= 1'b1;
  end

  // -- what belongs to the chunk that leaves: its step's flags, its currents, its states ------------
  logic [PIPE:1] f_first, f_silent;
  logic [LANES*PARTS*CURRENT_W-1:0] f_current [5:9];
  always_ff @(posedge clk) begin
    f_first  <= {f_first[PIPE-1:1], first};
    f_silent <= {f_silent[PIPE-1:1], silent};
    f_current[5] <= current;  // four cycles after read_index
    for (int k = 6; k <= 9; k++) f_current[k] <= f_current[k-1];
  end

  logic [LANES*STATE_W-1:0] f_u [0:CHUNKS-1];
  logic [LANES*STATE_W-1:0] f_v [0:CHUNKS-1];
  logic [LANES-1:0]         f_s [0:CHUNKS-1];
  wire logic [LANES*STATE_W-1:0] f_u_next, f_v_next;
  wire logic [LANES-1:0] f_s_next;
  always_ff @(posedge clk) if (m_valid) begin
    f_u[m_chunk] <= f_u_next;
    f_v[m_chunk] <= f_v_next;
    f_s[m_chunk] <= f_s_next;
  end

  (* hierconn *) wire logic [CHUNKS*LANES*LANE_COEF_W-1:0] \coef_rom.words ;
  (* hierconn *) wire logic [CHUNKS*LANES*STATE_W-1:0] \limit_rom.words ;
  wire logic [CHUNKS*OFFSET_W-1:0] f_offsets;
  generate
    if (LANE_OFFSET_W > 0) begin : g_f_offset
      (* hierconn *) wire logic [CHUNKS*OFFSET_W-1:0] \offset_rom.words ;
      assign f_offsets = \offset_rom.words ;
    end else begin : g_f_no_offset
      assign f_offsets = '0;
    end
  endgenerate

  for (genvar l = 0; l < LANES; l++) begin : g_f
    wire logic f_zero = f_first[9];
    wire logic signed [STATE_W-1:0] u = f_zero ? '0 : f_u[m_chunk][l*STATE_W +: STATE_W];
    wire logic signed [STATE_W-1:0] v = f_zero ? '0 : f_v[m_chunk][l*STATE_W +: STATE_W];
    wire logic s = !f_zero && f_s[m_chunk][l];
    wire logic [LANE_COEF_W-1:0] a =
        \coef_rom.words [(int'(m_chunk)*LANES + l)*LANE_COEF_W +: LANE_COEF_W];
    wire logic signed [STATE_W-1:0] limit =
        \limit_rom.words [(int'(m_chunk)*LANES + l)*STATE_W +: STATE_W];
    wire logic [OFFSET_W-1:0] o = f_offsets[int'(m_chunk)*OFFSET_W +: OFFSET_W];

    wire logic signed [TRANS_W:0] a00, a01, a10, a11;  // a bit wider: -b has no overflow
    if (ROTATION != 0) begin : g_rotation
      assign a00 = (TRANS_W+1)'($signed(a[0 +: TRANS_W]));
      assign a10 = (TRANS_W+1)'($signed(a[TRANS_W +: TRANS_W]));
      assign a01 = -a10;
      assign a11 = a00;
    end else begin : g_general
      assign a00 = (TRANS_W+1)'($signed(a[0 +: TRANS_W]));
      assign a01 = (TRANS_W+1)'($signed(a[TRANS_W +: TRANS_W]));
      assign a10 = (TRANS_W+1)'($signed(a[2*TRANS_W +: TRANS_W]));
      assign a11 = (TRANS_W+1)'($signed(a[3*TRANS_W +: TRANS_W]));
    end
    wire logic signed [PROD_W:0] p00 = (PROD_W+1)'(a00) * (PROD_W+1)'(u);
    wire logic signed [PROD_W:0] p01 = (PROD_W+1)'(a01) * (PROD_W+1)'(v);
    wire logic signed [PROD_W:0] p10 = (PROD_W+1)'(a10) * (PROD_W+1)'(u);
    wire logic signed [PROD_W:0] p11 = (PROD_W+1)'(a11) * (PROD_W+1)'(v);
    wire logic signed [C_W-1:0] linear_u = C_W'(p00) + C_W'(p01);
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
    spikes_again: cover (!f_first[9] && f_s[m_chunk][0] && m_spike[0] && !f_silent[9]
                         && trace_u[STATE_W-1:0] != f_u[m_chunk][STATE_W-1:0]);
  end

`ifdef INVARIANTS
  // -- a chunk's states are read when their last write is done -----------------------------------
  localparam int F_SLOT_W = $clog2((CHUNKS > LOOP) ? CHUNKS : LOOP);
  localparam int F_SWEEP  = (CHUNKS > LOOP) ? CHUNKS : LOOP;
  (* hierconn *) wire logic [F_SLOT_W-1:0] \sweep.slot_q ;
  (* hierconn *) wire logic \sweep.run_q ;
  (* hierconn *) wire logic \sweep.first_q ;
  (* hierconn *) wire logic \sweep.fresh_q ;
  (* hierconn *) wire logic \sweep.chunk_q ;
  (* hierconn *) wire logic \sweep.end_q ;
  (* hierconn *) wire logic \sweep.final_q ;
  wire logic f_run = \sweep.run_q ;
  wire int f_slot = int'(\sweep.slot_q );
  always_ff @(posedge clk) if (f_past && f_run) begin
    slot_is: assert (\sweep.chunk_q == (f_slot < CHUNKS) && \sweep.end_q == (f_slot == CHUNKS - 1)
                     && \sweep.final_q == (f_slot == F_SWEEP - 1) && f_slot < F_SWEEP);
  end

  for (genvar c = 0; c < CHUNKS; c++) begin : g_f_chunk
    logic issued, done;  // since reset
    logic [3:0] since;   // cycles since its last issue, up to 15
    wire logic is_out = valid_q[9] && int'(chunk_q[9]) == c;  // written, but not yet beside it
    wire logic [LANES*LANE_STATE_W-1:0] state_is, state_out, state_is_beside;
    wire logic [LANES-1:0] spikes_are;
    if (STATE_RAM == 0) begin : g_lutram_is
      assign state_is = g_lutram.states[c];
    end else begin : g_blockram_is
      assign state_is = g_blockram.states[c];
    end
    if (RESET != 0) begin : g_spikes_are
      assign spikes_are = g_spikes.spikes[c];
    end else begin : g_no_spikes_are
      assign spikes_are = f_s[c];
    end
    for (genvar l = 0; l < LANES; l++) begin : g_lane_is
      assign state_out[l*LANE_STATE_W +: LANE_STATE_W] =
          {v_q[l*STATE_W +: STATE_W], u_q[l*STATE_W +: STATE_W]};
      assign state_is_beside[l*LANE_STATE_W +: LANE_STATE_W] =
          {f_v[c][l*STATE_W +: STATE_W], f_u[c][l*STATE_W +: STATE_W]};
    end
    always_ff @(posedge clk) begin
      if (issue && int'(read_index) == c) begin
        issued <= 1'b1;
        since  <= 4'd1;
      end else if (since != '1) since <= since + 1'b1;
      if (is_out) done <= 1'b1;
      if (rst) begin
        issued <= 1'b0;
        done   <= 1'b0;
        since  <= '1;
      end
      if (f_past) begin  // labels would be given twice
        // slots pass one per cycle at most
        assert (int'(since) >= (!f_run ? LOOP - c
                                : (f_slot > c) ? f_slot - c : LOOP - c + f_slot));
        if (f_run ? (!\sweep.first_q || c < f_slot) : !\sweep.fresh_q ) assert (issued);
        if (issued && int'(since) > 9) assert (done);
        if (is_out) assert (state_is == state_out);
        else if (done) assert (state_is == state_is_beside);
        if (done) assert (spikes_are == f_s[c]);
        for (int k = 1; k < PIPE; k++)
          assert ((valid_q[k] && int'(chunk_q[k]) == c) == (int'(since) == k));
        if (int'(since) == 9) assert (is_out);
        if (is_out) assert (issued && (int'(since) == 9 || int'(since) == 1));
      end
    end
  end
`endif
