  // Properties of rfssm_axis_out: every score taken leaves as a beat of the same value, in order.
  (* anyconst *) logic signed [DATA_W-1:0] f_mark;  // the marked score, and whether it is the last
  (* anyconst *) logic f_mark_last;
  (* anyseq *)   logic f_pick;     // mark the score that is taken now
  logic [1:0] f_occupied;          // scores inside
  logic [1:0] f_ahead;             // scores that leave before the marked one
  logic       f_marked;            // the marked score is inside
  logic       f_past;
  wire logic  f_in  = s_valid && s_ready;
  wire logic  f_out = m_axis_tvalid && m_axis_tready;
  wire logic [TDATA_W-1:0] f_data;  // the marked score, sign-extended
  for (genvar f = 0; f < TDATA_W; f++) begin : g_f_data
    assign f_data[f] = (f < DATA_W) ? f_mark[f] : f_mark[DATA_W-1];
  end
  initial f_past = 1'b0;

  always_ff @(posedge clk) begin
    assume (f_past || rst);  // from any state, through one cycle of reset
    f_past <= 1'b1;
    f_occupied <= f_occupied + 2'(f_in) - 2'(f_out);
    if (f_in && f_pick && !f_marked) begin
      f_marked <= 1'b1;
      f_ahead  <= f_occupied - 2'(f_out);
      assume (s_data == f_mark && s_last == f_mark_last);
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
    if (!$past(rst) && $past(m_axis_tvalid && !m_axis_tready))
      holds: assert (m_axis_tvalid
                     && {m_axis_tdata, m_axis_tlast} == $past({m_axis_tdata, m_axis_tlast}));
    if ($past(rst)) reset_empties: assert (!m_axis_tvalid && !s_ready);
    if (f_occupied == '0) nothing_made_up: assert (!m_axis_tvalid);
    // bounds of the wait, as of rfssm_skid
    if (f_occupied != '0) nothing_waits: assert (m_axis_tvalid);
    if (!$past(rst) && (f_occupied == '0 || $past(m_axis_tready))) takes_again: assert (s_ready);
    if (f_marked && f_ahead == '0 && m_axis_tvalid) begin
      marked_unchanged: assert (m_axis_tdata == f_data);
      last_travels: assert (m_axis_tlast == f_mark_last);
    end
  end
  always_ff @(posedge clk) begin
    negative: cover (f_past && !rst && f_out && f_marked && f_ahead == '0 && f_mark[DATA_W-1]);
    last:     cover (f_past && !rst && f_marked && f_mark_last && f_ahead == 2'd1);
  end
`ifdef INVARIANTS
  (* hierconn *) wire logic [TDATA_W:0] \skid.spare_q ;
  (* hierconn *) wire logic \skid.spare_valid_q ;
  always_ff @(posedge clk) if (f_past) begin
    occupancy: assert (f_occupied == 2'(m_axis_tvalid) + 2'(\skid.spare_valid_q ));
    spare_follows: assert (!\skid.spare_valid_q || (m_axis_tvalid && !s_ready));
    if (f_marked) begin
      marked_is_inside: assert (f_ahead < f_occupied);
      if (f_ahead == 2'd1) marked_is_spare: assert (\skid.spare_q == {f_mark_last, f_data});
    end
  end
`endif
