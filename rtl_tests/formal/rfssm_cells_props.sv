  // Properties of rfssm_cells, whatever the products and the constants are.  Assumed: at most two
  // complete steps are not freed (proved of rfssm_synapse).  Reference: the flags of the last steps
  // by number; states and spikes of one chunk and lane, any, as they left.

  // -- environment --
  logic f_past = 1'b0;
  always_ff @(posedge clk) f_past <= 1'b1;
  always_comb assume (f_past || rst);

  // steps, counted modulo 8: announced, started, freed, left
  logic [2:0] f_announced, f_started, f_freed, f_left;
  logic       f_fresh;  // the next step to come is a sample's first
  logic [7:0] f_silents, f_lasts, f_firsts;
`ifdef TOP_rfssm_cells
  always_comb if (step_valid) assume (3'(f_announced - f_freed) < 3'd2);
`else
  always_ff @(posedge clk) if (f_past && !rst && step_valid)
    two_buffers: assert (3'(f_announced - f_freed) < 3'd2);
`endif
  always_ff @(posedge clk) begin
    f_announced <= f_announced + 3'(step_valid);
    f_started   <= f_started + 3'(step_start);
    f_freed     <= f_freed + 3'(step_free);
    f_left      <= f_left + 3'(m_valid && m_step_end);
    if (step_valid) begin
      f_silents[f_announced] <= step_silent;
      f_lasts[f_announced]   <= step_last;
      f_firsts[f_announced]  <= f_fresh;
      f_fresh <= step_last;
    end
    if (rst) begin
      {f_announced, f_started, f_freed, f_left} <= '0;
      f_fresh <= 1'b1;
    end
  end

  // -- reference: chunks as they leave --
  logic [CHUNK_W-1:0] f_next;
  always_ff @(posedge clk) begin
    if (m_valid) f_next <= m_step_end ? '0 : f_next + 1'b1;
    if (rst) f_next <= '0;
  end

  // -- reference: state and spike of an arbitrary chunk and lane, as they last left --
  localparam int F_LANE_W = (LANES > 1) ? $clog2(LANES) : 1;
  (* anyconst *) logic [CHUNK_W-1:0]  f_chunk;
  (* anyconst *) logic [F_LANE_W-1:0] f_lane;
  always_comb assume ({16'd0, 16'(f_chunk)} < CHUNKS && {16'd0, 16'(f_lane)} < LANES);
  logic [2*STATE_W-1:0] f_state;
  logic                 f_spike;
  always_ff @(posedge clk) if (m_valid && m_chunk == f_chunk) begin
    f_state <= {trace_v[int'(f_lane)*STATE_W +: STATE_W], trace_u[int'(f_lane)*STATE_W +: STATE_W]};
    f_spike <= m_spike[f_lane];
  end

  // -- reference: number of the step that a stage works on --
  logic [2:0] f_step [1:PIPE];
  logic [LANES*PARTS*CURRENT_W-1:0] f_current_q;
  always_ff @(posedge clk) begin
    f_step[1] <= f_started - 3'd1;
    for (int k = 2; k <= PIPE; k++) f_step[k] <= f_step[k-1];
    f_current_q <= current;
  end
  logic [PIPE:1]      f_issued;
  logic [CHUNK_W-1:0] f_index [1:PIPE];
  always_ff @(posedge clk) begin
    f_issued   <= rst ? '0 : {f_issued[PIPE-1:1], issue};
    f_index[1] <= read_index;
    for (int k = 2; k <= PIPE; k++) f_index[k] <= f_index[k-1];
  end
  wire logic f_here2 = valid_q[2] && chunk_q[2] == f_chunk;
  wire logic f_here4 = valid_q[4] && chunk_q[4] == f_chunk;

  (* hierconn *) wire logic [CURRENT_W-1:0] \g_lane[0].lane.g_part[0].in_q5 ;
  always_ff @(posedge clk) if (f_past && !rst) begin
    // every step leaves once, in order, chunk by chunk, last where it was
    if (m_valid) begin
      left_was_announced: assert (f_left != f_announced);
      chunks_in_order: assert (m_chunk == f_next);
      end_is_marked: assert (m_step_end == ({16'd0, 16'(f_next)} == CHUNKS - 1));
      last_is_the_steps: assert (m_last == (m_step_end && f_lasts[f_left]));
    end
    leaves_pipe_later: assert (m_valid == f_issued[PIPE] && (!m_valid || m_chunk == f_index[PIPE]));
    // a state is read after it was written, as zero in a sample's first step
    if (f_here2)
      state_is_the_last: assert (state[int'(f_lane)*LANE_STATE_W +: LANE_STATE_W]
                                 == (f_firsts[f_step[2]] ? '0 : f_state));
    if (f_here4 && RESET != 0)
      spike_is_the_last: assert (spiked[f_lane] == (!f_firsts[f_step[4]] && f_spike));
    if (valid_q[5])
      silent_is_zero: assert (\g_lane[0].lane.g_part[0].in_q5
                              == (f_silents[f_step[5]] ? '0 : f_current_q[CURRENT_W-1:0]));
    if (m_valid && m_step_end && PADDING != 0)
      padding_is_silent: assert (m_spike[LANES-1:LANES-((PADDING != 0) ? PADDING : 1)] == '0);
    all_counted: assert (3'(f_announced - f_left) <= 3'd4);
  end
`ifdef TOP_rfssm_cells
  always_ff @(posedge clk) if (f_past && !rst) begin
    second_step: cover (f_here2 && f_state != '0 && !f_firsts[f_step[2]] && f_lasts[f_step[2]]
                        && f_firsts[3'(f_step[2] - 3'd1)]);
    next_sample: cover (f_here2 && f_state != '0 && f_firsts[f_step[2]]);
  end
`endif
`ifdef INVARIANTS
  (* hierconn *) wire logic [1:0] \sweep.f_count ;
  (* hierconn *) wire logic [1:0] \sweep.f_queue0 ;
  (* hierconn *) wire logic [1:0] \sweep.f_queue1 ;
  (* hierconn *) wire logic [1:0] \sweep.f_open ;
  (* hierconn *) wire logic [7:0] \sweep.f_next ;
  (* hierconn *) wire logic \sweep.f_run ;
  (* hierconn *) wire logic \sweep.f_fresh ;
  (* hierconn *) wire logic \sweep.f_silent ;
  (* hierconn *) wire logic \sweep.f_last ;
  (* hierconn *) wire logic \sweep.f_first ;
  (* hierconn *) wire logic [7:0] \sweep.f_age ;
  wire logic [2:0] f_now = f_started - 3'd1;
  wire logic [2:0] f_after = f_started + 3'd1;
  // the chunk and step that a stage must work on, from the last stage to the first
  logic [7:0] f_at [1:PIPE+1];
  logic [2:0] f_of [1:PIPE+1];
  logic [PIPE:1] f_tags;
  always_comb begin
    f_at[PIPE+1] = 8'(f_next);
    f_of[PIPE+1] = f_left;
    for (int k = PIPE; k >= 1; k--) begin
      f_at[k] = f_at[k+1];
      f_of[k] = f_of[k+1];
      f_tags[k] = 1'b1;
      if (valid_q[k]) begin
        f_tags[k] = 8'(chunk_q[k]) == f_at[k+1] && end_q[k] == (int'(f_at[k+1]) == CHUNKS - 1)
                    && f_step[k] == f_of[k+1] && last_q[k] == (end_q[k] && f_lasts[f_of[k+1]]);
        f_at[k] = end_q[k] ? '0 : f_at[k+1] + 1'b1;
        f_of[k] = f_of[k+1] + 3'(end_q[k]);
      end
    end
  end
  // where the chunk is in the pipe, once at most; it left before it is issued again
  logic [PIPE:1] f_mine;
  logic [PIPE:1] f_indices;
  always_comb for (int k = 1; k <= PIPE; k++) f_indices[k] = !valid_q[k]
      || chunk_q[k] == f_index[k];
  always_comb for (int k = 1; k <= PIPE; k++)
    f_mine[k] = valid_q[k] && chunk_q[k] == f_chunk;
  wire logic [LANES*LANE_STATE_W-1:0] f_row;
  wire logic [LANES-1:0] f_spikes;
  wire logic f_first3;
  generate
    if (STATE_RAM == 0) begin : g_f_lutram
      assign f_row = g_lutram.states[f_chunk];
    end else begin : g_f_blockram
      assign f_row = g_blockram.states[f_chunk];
    end
    if (RESET != 0) begin : g_f_spikes
      assign f_spikes = g_spikes.spikes[f_chunk];
      assign f_first3 = g_spikes.first_q3;
    end else begin : g_f_no_spikes
      assign f_spikes = '0;
      assign f_first3 = 1'b0;
    end
  endgenerate
  logic [4:1] f_flags;
  always_comb for (int k = 1; k <= 4; k++)
    f_flags[k] = !valid_q[k] || (silent_q[k] == f_silents[f_step[k]]
                 && (k > 2 || first_q[(k > 2) ? 2 : k] == f_firsts[f_step[k]]));
  (* hierconn *) wire logic [CHUNK_W-1:0] \sweep.f_chunk ;
  always_comb assume (\sweep.f_chunk == f_chunk);  // its arbitrary chunk is ours
  logic f_known, f_once, f_born;  // since reset the chunk has left, been issued; a step been freed
  always_ff @(posedge clk) begin
    if (m_valid && m_chunk == f_chunk) f_known <= 1'b1;
    if (issue && read_index == f_chunk) f_once <= 1'b1;
    if (step_free) f_born <= 1'b1;
    if (rst) {f_known, f_once, f_born} <= '0;
  end
  wire logic [2*STATE_W-1:0] f_written = f_row[int'(f_lane)*LANE_STATE_W +: LANE_STATE_W];
  logic [PIPE:1] f_place, f_before;
  always_comb for (int k = 1; k <= PIPE; k++) begin
    f_place[k]  = !f_mine[k] || 8'(k) == \sweep.f_age || (k == PIPE && \sweep.f_age == 8'd1);
    f_before[k] = !f_mine[k] || f_firsts[f_step[k]] || f_known || (k == 1 && f_mine[PIPE]);
  end
  always_ff @(posedge clk) if (f_past && !rst) begin
    indices: assert (valid_q == f_issued && (&f_indices));
    places: assert (&f_place);
    before: assert (&f_before);
    once: assert (f_once == (f_known || f_mine != '0));
    born: assert (f_born ? f_once : (\sweep.f_run ? \sweep.f_first : \sweep.f_fresh ));
    once_swept: assert (f_once || !(\sweep.f_run && \sweep.f_next > 8'(f_chunk)));
    written: assert (f_mine[PIPE] ? f_written == {v_q[int'(f_lane)*STATE_W +: STATE_W],
                                                  u_q[int'(f_lane)*STATE_W +: STATE_W]}
                                  : (!f_known || f_written == f_state));
    if (RESET != 0) begin
      spikes_written: assert (!f_known || f_spikes[f_lane] == f_spike);
    end
    tags: assert (&f_tags);
    flags: assert (&f_flags && (RESET == 0 || !valid_q[3] || f_first3 == f_firsts[f_step[3]]));
    issuing: assert ((\sweep.f_run && int'(\sweep.f_next ) < CHUNKS)
                     ? (f_at[1] == \sweep.f_next && f_of[1] == f_now)
                     : (f_at[1] == '0 && f_of[1] == f_started));
    counts: assert (3'(f_announced - f_started) == 3'(\sweep.f_count )
                    && 3'(f_started - f_freed) == 3'(\sweep.f_run )
                    && 3'(f_announced - f_freed) <= 3'd2 && int'(f_next) < CHUNKS);
    waiting_flags: assert ((\sweep.f_count == '0
        || \sweep.f_queue0 == {f_silents[f_started], f_lasts[f_started]})
        && (\sweep.f_count != 2'd2 || \sweep.f_queue1 == {f_silents[f_after], f_lasts[f_after]}));
    running_flags: assert (!\sweep.f_run || {\sweep.f_silent , \sweep.f_last , \sweep.f_first }
        == {f_silents[f_now], f_lasts[f_now], f_firsts[f_now]});
    fresh: assert (\sweep.f_count == '0 ? \sweep.f_fresh == f_fresh
        : \sweep.f_fresh == f_firsts[f_started]
          && (\sweep.f_count == 2'd1 ? f_fresh == f_lasts[f_started]
              : f_firsts[f_after] == f_lasts[f_started] && f_fresh == f_lasts[f_after]));
  end
`endif
