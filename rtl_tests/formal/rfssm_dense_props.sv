  // Properties of rfssm_dense before its encoder, which is proved on its own: every beat goes in
  // once, in order, chunk by chunk, only while there is room.
  //
  //   a beat is accepted after at most CHUNKS cycles with room
  (* hierconn *) wire logic \encoder.s_valid ;
  (* hierconn *) wire logic [CHUNK_W-1:0] \encoder.s_chunk ;
  (* hierconn *) wire logic [LANES*VALUE_W-1:0] \encoder.s_values ;
  (* hierconn *) wire logic \encoder.s_step_end ;
  (* hierconn *) wire logic \encoder.s_last ;
  logic f_past = 1'b0;
  always_ff @(posedge clk) f_past <= 1'b1;
  always_comb assume (f_past || rst);

  // reference: the beat inside, and the chunk that goes next
  logic                       f_inside, f_last;
  logic [CHUNKS*PART_W-1:0]   f_data;
  logic [7:0]                 f_next, f_wait;
  wire logic f_taken = s_valid && s_ready;
  wire logic f_goes  = \encoder.s_valid ;
  wire logic f_end   = int'(f_next) == CHUNKS - 1;
  always_ff @(posedge clk) begin
    if (f_goes) begin
      f_next <= f_next + 1'b1;
      if (f_end) f_inside <= 1'b0;
    end
    if (f_taken) begin
      f_inside <= 1'b1;
      f_next   <= '0;
      f_data   <= (CHUNKS*PART_W)'(s_data);
      f_last   <= s_last;
    end
    f_wait <= (s_ready || rst) ? '0 : f_wait + 8'(room);
    if (rst) f_inside <= 1'b0;
  end
  always_ff @(posedge clk) if (f_past && !rst) begin
    if (f_goes) begin
      only_with_room: assert (room && f_inside);
      chunks_in_order: assert (8'(\encoder.s_chunk ) == f_next
                               && \encoder.s_values == f_data[f_next*PART_W +: PART_W]);
      end_is_marked: assert (\encoder.s_step_end == f_end);
      last_is_the_beats: assert (\encoder.s_last == (f_end && f_last));
    end
    taken_when_empty: assert (!f_taken || !f_inside || (f_goes && f_end));
    accepted_in_time: assert (int'(f_wait) < CHUNKS);
    two_in_a_row: cover (f_taken && f_goes && f_last && f_data[N_IN*VALUE_W-1:0] == '1);
  end
`ifdef INVARIANTS
  always_ff @(posedge clk) if (f_past && !rst) begin
    holds: assert (held_q == f_inside && (!held_q || (8'(chunk_q) == f_next && last_q == f_last
                   && int'(f_next) < CHUNKS && data_q == (f_data >> (f_next * PART_W)))));
    waits: assert (int'(f_wait) <= (held_q ? int'(f_next) : 0));
  end
`endif
