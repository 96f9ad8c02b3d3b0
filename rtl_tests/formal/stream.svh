  // Properties of a module with room for two beats of a stream: nothing is lost, made up or kept
  // waiting, and reset empties it.  Before this stand f_s_valid, f_s_ready, f_m_valid and f_m_ready,
  // f_is_mark (the beat offered is the marked one), f_beat (all that leaves) and f_spare_valid (the
  // second place is taken; for induction).
  (* anyseq *) logic f_pick;  // mark the beat that is taken now
  logic [1:0] f_occupied;      // beats inside
  logic [1:0] f_ahead;         // beats that leave before the marked one
  logic       f_marked;        // the marked beat is inside
  logic       f_past;
  wire logic  f_in   = f_s_valid && f_s_ready;
  wire logic  f_out  = f_m_valid && f_m_ready;
  wire logic  f_next = f_marked && f_ahead == '0;  // the marked beat leaves next
  initial f_past = 1'b0;

  always_ff @(posedge clk) begin
    assume (f_past || rst);  // from any state, through one cycle of reset
    f_past <= 1'b1;
    f_occupied <= f_occupied + 2'(f_in) - 2'(f_out);
    if (f_in && f_pick && !f_marked) begin
      f_marked <= 1'b1;
      f_ahead  <= f_occupied - 2'(f_out);
      assume (f_is_mark);
    end else if (f_marked && f_out) begin
      if (f_ahead == '0) f_marked <= 1'b0;
      else f_ahead <= f_ahead - 1'b1;
    end
    if (rst) begin
      f_occupied <= '0;
      f_marked   <= 1'b0;
    end
  end

  always_ff @(posedge clk) if (f_past) begin
    if (!$past(rst) && $past(f_m_valid && !f_m_ready))
      holds: assert (f_m_valid && f_beat == $past(f_beat));
    if ($past(rst)) reset_empties: assert (!f_m_valid && !f_s_ready);
    if (f_occupied == '0) nothing_made_up: assert (!f_m_valid);
    // bounds of the wait: what is inside is offered at once, and one cycle after reset ends or a
    // beat leaves the buffer takes another one
    if (f_occupied != '0) nothing_waits: assert (f_m_valid);
    if (!$past(rst) && (f_occupied == '0 || $past(f_m_ready))) takes_again: assert (f_s_ready);
`ifdef INVARIANTS
    occupancy: assert (f_occupied == 2'(f_m_valid) + 2'(f_spare_valid));
    spare_follows: assert (!f_spare_valid || (f_m_valid && !f_s_ready));
    if (f_marked) marked_is_inside: assert (f_ahead < f_occupied);
`endif
  end
