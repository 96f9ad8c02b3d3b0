  // Properties of rfssm_encoder.  An item is what becomes events: a chunk with a value, one event
  // for each lane that is not 0; or the end of a step without values, one event of value 0.  An
  // arbitrary item is marked when it enters.  When all items before it have left, its own events
  // leave, lowest lane first and each once, then those of the next item.
  //
  // Assumed: the source issues a chunk only while room, and up to IN_FLIGHT chunks are on their
  // way, each for any time; last comes only with step_end; a reset reaches the source too.
  //
  //   an event whose step_end is known is offered within KNOWN_TO_OFFERED cycles
  //   room returns within NO_ROOM cycles with a ready sink
  localparam int KNOWN_TO_OFFERED = 4;
  localparam int NO_ROOM = LANES * (IN_FLIGHT + 6) + 1;

  localparam int F_W = FIFO_AW + 2;  // of numbers of items
  logic f_past, f_rst_q;
  initial f_past = 1'b0;

  function automatic [LANES-1:0] f_some(input [VALUES_W-1:0] values);
    for (int i = 0; i < LANES; i++) f_some[i] = (values[i*VALUE_W +: VALUE_W] != '0);
  endfunction
  function automatic [7:0] f_events(input [LANES-1:0] flags);  // that are still to come
    f_events = '0;
    for (int i = 0; i < LANES; i++) f_events = f_events + 8'(flags[i]);
    if (flags == '0) f_events = 8'd1;
  endfunction

  // -- the source -------------------------------------------------------------------------------
  (* anyseq *) logic f_issue;
  logic [$clog2(IN_FLIGHT+1)-1:0] f_flight;
  always_ff @(posedge clk) begin
    assume (f_past || rst);  // from any state, through one cycle of reset
    f_past  <= 1'b1;
    f_rst_q <= rst;
    if (f_issue) assume (room && int'(f_flight) < IN_FLIGHT);
    if (s_valid) assume (f_flight != '0);
    if (s_last) assume (s_step_end);
    f_flight <= f_flight + $bits(f_flight)'(f_issue) - $bits(f_flight)'(s_valid);
    if (rst) f_flight <= '0;
  end

  // -- what enters and leaves -------------------------------------------------------------------
  (* anyseq *) logic f_pick;  // mark the item that enters now
  logic             f_open;   // the step has a value and has not ended
  logic [F_W-1:0]   f_inside, f_ahead;  // items inside; those that leave before the marked one
  logic             f_final;  // the event at the output is its item's last
  logic             f_marked, f_m_known, f_m_end, f_m_last;
  logic [CHUNK_W-1:0]  f_m_chunk;
  logic [VALUES_W-1:0] f_m_values;
  logic [LANES-1:0]    f_m_rest;  // lanes of the marked item whose events have not left
  wire logic [LANES-1:0] f_s_some = f_some(s_values);
  wire logic f_enters = s_valid && (f_s_some != '0 || (s_step_end && !f_open));
  wire logic f_leaves = m_valid && m_ready;
  wire logic f_m_silent = (f_m_values == '0);
  wire logic [LANES-1:0] f_m_after = f_m_rest & (f_m_rest - 1'b1);
  logic [LANE_W-1:0] f_m_lane;
  always_comb begin
    f_m_lane = '0;
    for (int i = LANES - 1; i >= 0; i--) if (f_m_rest[i]) f_m_lane = LANE_W'(i);
  end

  always_ff @(posedge clk) begin
    if (move) f_final <= finished;
    f_inside <= f_inside + F_W'(f_enters) - F_W'(f_leaves && f_final);
    if (s_valid) f_open <= (f_open || f_s_some != '0) && !s_step_end;

    if (f_marked && f_leaves) begin
      if (f_ahead != '0) f_ahead <= f_ahead - F_W'(f_final);
      else begin
        f_m_rest <= f_m_after;
        if (f_m_after == '0) f_marked <= 1'b0;
      end
    end
    if (s_valid && f_marked && !f_m_known && (f_s_some != '0 || s_step_end)) begin
      f_m_known <= 1'b1;  // another value of its step follows, or the step ends without one
      f_m_end   <= f_s_some == '0;
      f_m_last  <= f_s_some == '0 && s_last;
    end
    if (f_enters && f_pick && !f_marked) begin
      f_marked   <= 1'b1;
      f_ahead    <= f_inside - F_W'(f_leaves && f_final);
      f_m_chunk  <= s_chunk;
      f_m_values <= s_values;
      f_m_rest   <= f_s_some;
      f_m_known  <= s_step_end;
      f_m_end    <= s_step_end;
      f_m_last   <= s_last;
    end
    if (rst) begin
      f_inside <= '0;
      f_open   <= 1'b0;
      f_marked <= 1'b0;
    end
  end

  // -- how long anything waits --------------------------------------------------------------------
  logic [3:0] f_waits;  // cycles that a known event has not been offered
  logic [7:0] f_no_room;
  wire logic f_known = int'(f_inside) > int'(f_open);
  always_ff @(posedge clk) begin
    f_waits <= (f_known && !m_valid) ? f_waits + 1'b1 : '0;
    if (room) f_no_room <= '0;
    else if (m_ready) f_no_room <= f_no_room + 1'b1;
    if (rst) begin
      f_waits   <= '0;
      f_no_room <= '0;
    end
  end

  // -- promises -----------------------------------------------------------------------------------
  always_ff @(posedge clk) if (f_past) begin
    if (!f_rst_q && $past(m_valid && !m_ready))
      holds: assert (m_valid && {m_addr, m_value, m_step_end, m_last}
                     == $past({m_addr, m_value, m_step_end, m_last}));
    if (f_rst_q) reset_empties: assert (!m_valid && !room);
    if (!f_known) nothing_made_up: assert (!m_valid);
    if (m_valid && f_marked && f_ahead == '0) begin
      value_in_its_place: assert (m_value == f_m_values[int'(f_m_lane)*VALUE_W +: VALUE_W]);
      addr_in_its_place: assert (m_addr == ADDR_W'(int'(f_m_chunk) * LANES + int'(f_m_lane)));
      all_lanes_once: assert (f_final == (f_m_after == '0));
      end_travels: assert (f_m_known && m_step_end == (f_m_end && f_m_after == '0)
                           && m_last == (f_m_last && f_m_after == '0));
    end
    if (push_q && !pop) nothing_overflows: assert (int'(count_q) < DEPTH);
    offered_in_time: assert (int'(f_waits) <= KNOWN_TO_OFFERED);
    room_returns: assert (int'(f_no_room) <= NO_ROOM);
  end
  always_ff @(posedge clk) if (f_past && !rst) begin
    silent_leaves: cover (f_leaves && f_marked && f_ahead == '0 && f_m_silent && f_m_last);
    chunk_leaves:  cover (f_leaves && m_step_end && f_marked && f_ahead == '0
                          && f_m_lane == '1 && f_m_chunk == '1);
    fills:         cover (int'(count_q) > DEPTH - IN_FLIGHT);
    room_again:    cover (room && f_no_room != '0 && count_q != '0);
  end

`ifdef INVARIANTS
  // -- where the items are, from the output back --------------------------------------------------
  wire logic f_out = m_valid && f_final;  // otherwise its item is still being taken apart
  wire logic [F_W-1:0] f_place = f_ahead - F_W'(f_out) - F_W'(left_q);  // 0: the FIFO's head
  wire logic [WORD_W-1:0] f_word = fifo[FIFO_AW'(f_place + F_W'(read_q))];
  wire logic [F_W-1:0] f_count = F_W'(count_q);
  wire logic f_in_out  = f_marked && f_ahead == '0 && f_out;
  wire logic f_in_take = f_marked && f_ahead == F_W'(f_out) && left_q;
  wire logic f_in_fifo = f_marked && f_ahead >= F_W'(f_out) + F_W'(left_q) && f_place < f_count;
  wire logic f_in_word = f_marked && f_place == f_count && push_q;
  wire logic f_in_held = f_marked && f_place == f_count + F_W'(push_q) && held_q;
  wire logic [15:0] f_chunks = 16'(count_q) + 16'(push_q) + 16'(held_q) + 16'(f_flight);
  wire logic [15:0] f_rank =
      16'(LANES) * f_chunks + (left_q ? 16'(f_events(some_q)) : 16'd1);
  wire logic [WORD_W-1:0] f_m_word = {f_m_end, f_m_last, f_m_chunk, f_m_values};

  always_ff @(posedge clk) if (f_past) begin
    counted: assert (FIFO_AW'(count_q) == FIFO_AW'(write_q - read_q) && int'(count_q) <= DEPTH);
    credit: assert (int'(f_flight) <= IN_FLIGHT && int'(f_chunks) <= DEPTH);
    all_inside: assert (f_inside == F_W'(f_out) + F_W'(left_q) + f_count + F_W'(push_q)
                                    + F_W'(held_q));
    open_is_held: assert (f_open == (held_q && !held_end_q));
    if (!held_q) nothing_held: assert (!held_end_q);
    if (open) open_has_values: assert (!held_last_q && held_values_q != '0);
    if (m_valid && !f_final) rest_is_left: assert (left_q);
    if (f_rst_q) fresh: assert (f_no_room == '0 && f_waits == '0 && f_chunks == '0);
    if (room) room_is_true: assert (int'(count_q) <= DEPTH - IN_FLIGHT - 4);
    if (!room && !f_rst_q) no_room_is_true: assert (int'(count_q) >= DEPTH - IN_FLIGHT - 5);
    if (!m_valid) on_its_way:
      assert (f_waits <= (left_q ? 4'd3 : (count_q != '0) ? 4'd2 : push_q ? 4'd1 : 4'd0));
    if (!room) drains: assert (int'(f_no_room) + int'(f_rank) <= LANES * (DEPTH + 1) + 1);
    if (f_marked) begin
      one_place: assert (f_in_out || f_in_take || f_in_fifo || f_in_word || f_in_held);
      rest_is_some: assert ((f_m_rest & ~f_some(f_m_values)) == '0);
      if (f_m_silent || !f_in_held) known: assert (f_m_known);
      if (f_m_silent) silent_ends: assert (f_m_end);
      else rest_is_not_none: assert (f_m_rest != '0);
      if (!f_in_out && !f_in_take) whole: assert (f_m_rest == f_some(f_m_values));
      if (f_in_out) out_is_last: assert (f_m_after == '0);
      if (f_in_take) begin
        take_word: assert ({end_q, last_q, chunk_q, values_q} == f_m_word);
        take_rest: assert (some_q == ((m_valid && !f_out) ? f_m_after : f_m_rest));
        if (m_valid && !f_out) take_more: assert (f_m_after != '0);
      end
      if (f_in_fifo) fifo_word: assert (f_word == f_m_word);
      if (f_in_word) word_word: assert (word_q == f_m_word);
      if (f_in_held) begin
        held_word: assert ({held_chunk_q, held_values_q} == {f_m_chunk, f_m_values});
        held_known: assert (f_m_known == held_end_q);
        if (f_m_known) held_end: assert (f_m_end && f_m_last == held_last_q);
      end
    end
  end
`endif
