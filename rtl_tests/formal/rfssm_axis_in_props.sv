  // Properties of rfssm_axis_in: every beat taken leaves as the event that it says, in order.
  (* anyconst *) logic [32:0] f_mark;  // tlast and tdata of the marked beat
  (* anyseq *)   logic        f_pick;  // mark the beat that is taken now
  logic [1:0] f_occupied;              // beats inside
  logic [1:0] f_ahead;                 // beats that leave before the marked one
  logic       f_marked;                // the marked beat is inside
  logic       f_past;
  wire logic  f_in  = s_axis_tvalid && s_axis_tready;
  wire logic  f_out = m_valid && m_ready;

  // the event of the marked beat
  wire logic [11:0]        f_beat_addr = f_mark[27:16];
  wire logic               f_beyond    = {20'd0, f_beat_addr} >= N_IN;
  wire logic [ADDR_W-1:0]  f_addr      = f_beat_addr[ADDR_W-1:0];
  wire logic [VALUE_W-1:0] f_value     = f_beyond ? '0 : f_mark[VALUE_W-1:0];
  wire logic               f_step_end  = f_mark[31] || f_mark[32];
  wire logic               f_last      = f_mark[32];
  initial f_past = 1'b0;

  always_ff @(posedge clk) begin
    assume (f_past || rst);  // from any state, through one cycle of reset
    f_past <= 1'b1;
    f_occupied <= f_occupied + 2'(f_in) - 2'(f_out);
    if (f_in && f_pick && !f_marked) begin
      f_marked <= 1'b1;
      f_ahead  <= f_occupied - 2'(f_out);
      assume ({s_axis_tlast, s_axis_tdata} == f_mark);
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
      holds: assert (m_valid && {m_addr, m_value, m_step_end, m_last}
                     == $past({m_addr, m_value, m_step_end, m_last}));
    if ($past(rst)) reset_empties: assert (!m_valid && !s_axis_tready);
    if (f_occupied == '0) nothing_made_up: assert (!m_valid);
    // bounds of the wait, as of rfssm_skid
    if (f_occupied != '0) nothing_waits: assert (m_valid);
    if (!$past(rst) && (f_occupied == '0 || $past(m_ready))) takes_again: assert (s_axis_tready);
    if (f_marked && f_ahead == '0 && m_valid) begin
      value_unchanged: assert (m_value == f_value);
      // an address beyond N_IN has no meaning: its value is 0
      if (!f_beyond) addr_unchanged: assert (m_addr == f_addr);
      end_travels: assert (m_step_end == f_step_end && m_last == f_last);
    end
    if (m_valid && m_last) last_ends_the_step: assert (m_step_end);
  end
  always_ff @(posedge clk) begin
    beyond:  cover (f_past && !rst && f_marked && f_beyond && f_out && f_ahead == '0);
    last:    cover (f_past && !rst && f_marked && f_last && !f_mark[31] && f_ahead == 2'd1);
    a_value: cover (f_past && !rst && f_out && m_value == '1 && m_addr == ADDR_W'(N_IN - 1));
  end
`ifdef INVARIANTS
  (* hierconn *) wire logic [ADDR_W+VALUE_W+1:0] \skid.spare_q ;
  (* hierconn *) wire logic \skid.spare_valid_q ;
  always_ff @(posedge clk) if (f_past) begin
    occupancy: assert (f_occupied == 2'(m_valid) + 2'(\skid.spare_valid_q ));
    spare_follows: assert (!\skid.spare_valid_q || (m_valid && !s_axis_tready));
    if (f_marked) begin
      marked_is_inside: assert (f_ahead < f_occupied);
      if (f_ahead == 2'd1)
        marked_is_spare: assert (\skid.spare_q == {f_last, f_step_end, f_addr, f_value});
    end
    if (\skid.spare_valid_q && \skid.spare_q [ADDR_W+VALUE_W+1])
      spare_last: assert (\skid.spare_q [ADDR_W+VALUE_W]);
  end
`endif
