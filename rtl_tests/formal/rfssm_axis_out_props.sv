  // Properties of rfssm_axis_out: every score taken leaves as a beat of the same value, in order.
  (* anyconst *) logic signed [DATA_W-1:0] f_mark;  // the marked score, and whether it is the last
  (* anyconst *) logic f_mark_last;
  wire logic f_s_valid = s_valid, f_s_ready = s_ready;
  wire logic f_m_valid = m_axis_tvalid, f_m_ready = m_axis_tready;
  wire logic f_is_mark = s_data == f_mark && s_last == f_mark_last;
  wire logic [TDATA_W:0] f_beat = {m_axis_tlast, m_axis_tdata};
`ifdef INVARIANTS
  (* hierconn *) wire logic [TDATA_W:0] \skid.spare_q ;
  (* hierconn *) wire logic \skid.spare_valid_q ;
  wire logic f_spare_valid = \skid.spare_valid_q ;
`endif
`include "stream.svh"

  wire logic [TDATA_W-1:0] f_data;  // the marked score, sign-extended
  for (genvar f = 0; f < TDATA_W; f++) begin : g_f_data
    assign f_data[f] = (f < DATA_W) ? f_mark[f] : f_mark[DATA_W-1];
  end

  always_ff @(posedge clk) if (f_past) begin
    if (f_next && m_axis_tvalid) begin
      marked_unchanged: assert (m_axis_tdata == f_data);
      last_travels: assert (m_axis_tlast == f_mark_last);
    end
`ifdef INVARIANTS
    if (f_marked && f_ahead == 2'd1)
      marked_is_spare: assert (\skid.spare_q == {f_mark_last, f_data});
`endif
  end
  always_ff @(posedge clk) begin
    negative: cover (f_past && !rst && f_out && f_next && f_mark[DATA_W-1]);
    last:     cover (f_past && !rst && f_marked && f_mark_last && f_ahead == 2'd1);
  end
