  // Properties of rfssm_skid.  The source may do anything; no rule of the stream is assumed of it.
  (* anyconst *) logic [W-1:0] f_mark;  // the value of the marked beat
  (* anyseq *)   logic         f_pick;  // mark the beat that is taken now
  logic [1:0] f_occupied;               // beats inside
  logic [1:0] f_ahead;                  // beats that leave before the marked one
  logic       f_marked;                 // the marked beat is inside
  logic       f_past;
  wire logic  f_in  = s_valid && s_ready;
  wire logic  f_out = m_valid && m_ready;
  initial f_past = 1'b0;

  always_ff @(posedge clk) begin
    assume (f_past || rst);  // from any state, through one cycle of reset
    f_past <= 1'b1;
    f_occupied <= f_occupied + 2'(f_in) - 2'(f_out);
    if (f_in && f_pick && !f_marked) begin
      f_marked <= 1'b1;
      f_ahead  <= f_occupied - 2'(f_out);
      assume (s_data == f_mark);
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
    if (!$past(rst) && $past(m_valid && !m_ready))
      holds: assert (m_valid && m_data == $past(m_data));
    if ($past(rst)) reset_empties: assert (!m_valid && !s_ready);
    if (f_occupied == '0) nothing_made_up: assert (!m_valid);
    // bounds of the wait: what is inside is offered at once, and one cycle after reset ends or a
    // beat leaves the buffer takes another one
    if (f_occupied != '0) nothing_waits: assert (m_valid);
    if (!$past(rst) && (f_occupied == '0 || $past(m_ready))) takes_again: assert (s_ready);
    if (f_marked && f_ahead == '0 && m_valid) marked_unchanged: assert (m_data == f_mark);
`ifdef INVARIANTS
    occupancy: assert (f_occupied == 2'(valid_q) + 2'(spare_valid_q));
    spare_follows: assert (!spare_valid_q || (valid_q && !ready_q));
    if (f_marked) begin
      marked_is_inside: assert (f_ahead < f_occupied);
      if (f_ahead == 2'd1) marked_is_spare: assert (spare_q == f_mark);
    end
`endif
  end
  always_ff @(posedge clk) begin
    full: cover (f_past && !rst && f_marked && f_ahead == 2'd1);
    flows: cover (f_past && !rst && f_in && f_out && f_marked && f_ahead == '0);
  end
