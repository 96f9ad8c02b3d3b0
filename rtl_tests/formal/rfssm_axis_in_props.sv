  // Properties of rfssm_axis_in: every beat taken leaves as the event that it says, in order.
  (* anyconst *) logic [32:0] f_mark;  // tlast and tdata of the marked beat
  wire logic f_s_valid = s_axis_tvalid, f_s_ready = s_axis_tready;
  wire logic f_m_valid = m_valid, f_m_ready = m_ready;
  wire logic f_is_mark = {s_axis_tlast, s_axis_tdata} == f_mark;
  wire logic [ADDR_W+VALUE_W+1:0] f_beat = {m_last, m_step_end, m_addr, m_value};
`ifdef INVARIANTS
  (* hierconn *) wire logic [ADDR_W+VALUE_W+1:0] \skid.spare_q ;
  (* hierconn *) wire logic \skid.spare_valid_q ;
  wire logic f_spare_valid = \skid.spare_valid_q ;
`endif
`include "stream.svh"

  // the event of the marked beat
  wire logic [11:0]        f_beat_addr = f_mark[27:16];
  wire logic               f_beyond    = {20'd0, f_beat_addr} >= N_IN;
  wire logic [ADDR_W-1:0]  f_addr      = f_beat_addr[ADDR_W-1:0];
  wire logic [VALUE_W-1:0] f_value     = f_beyond ? '0 : f_mark[VALUE_W-1:0];
  wire logic               f_step_end  = f_mark[31] || f_mark[32];
  wire logic               f_last      = f_mark[32];

  always_ff @(posedge clk) if (f_past) begin
    if (f_next && m_valid) begin
      value_unchanged: assert (m_value == f_value);
      // an address beyond N_IN has no meaning: its value is 0
      if (!f_beyond) addr_unchanged: assert (m_addr == f_addr);
      end_travels: assert (m_step_end == f_step_end && m_last == f_last);
    end
    if (m_valid && m_last) last_ends_the_step: assert (m_step_end);
`ifdef INVARIANTS
    if (f_marked && f_ahead == 2'd1)
      marked_is_spare: assert (\skid.spare_q == {f_last, f_step_end, f_addr, f_value});
    if (f_spare_valid && \skid.spare_q [ADDR_W+VALUE_W+1])
      spare_last: assert (\skid.spare_q [ADDR_W+VALUE_W]);
`endif
  end
  always_ff @(posedge clk) begin
    beyond:  cover (f_past && !rst && f_next && f_beyond && f_out);
    last:    cover (f_past && !rst && f_marked && f_last && !f_mark[31] && f_ahead == 2'd1);
    a_value: cover (f_past && !rst && f_out && m_value == '1 && m_addr == ADDR_W'(N_IN - 1));
  end
