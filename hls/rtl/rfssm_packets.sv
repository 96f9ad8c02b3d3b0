// SPDX-License-Identifier: Apache-2.0
//
// Scores -> packets: CLASSES scores, class 0 first, then the label = argmax (the lowest class wins
// a tie), for rfssm_readout.  `m_last` marks the label of a packet that came with `s_last`.
//
// Two packets have places, 0 and 1, in turn: one is filled while the other one leaves.  `room` says
// that less than two are taken: from `take`, when a packet's last score is on its way, until the
// packet's label has left.  What a place holds is told by
//
//   state of place k    full_q[k]
//   empty                   0      none of the following ones
//   filling                 0      put_q = k: scores are written; label_q[k] and best_q are the
//                                  best class and score so far, last_q[k] is the packet's flag
//   complete                0      done_q and put_q != k, for one cycle
//   ready                   1      the packet waits for the other one
//   leaving                 1      get_q = k: get_class_q is the score that is offered or, with
//                                  get_label_q, the label is
//
// Latency: 2 cycles from a packet's last score to its first beat.  II: 1 per score, CLASSES + 1
// beats per packet.
// Cost: a LUT memory of 2 * CLASSES x SCORE_W bits, one comparison of SCORE_W bits.
`default_nettype none

module rfssm_packets #(
  parameter int CLASSES  = 10,
  parameter int SCORE_W  = 32,
  localparam int CLASS_W = (CLASSES > 1) ? $clog2(CLASSES) : 1,
  localparam int DATA_W  = (SCORE_W > CLASS_W) ? SCORE_W : CLASS_W + 1
) (
  input  wire logic                      clk,
  input  wire logic                      rst,

  output wire logic                      room,
  input  wire logic                      take,

  input  wire logic                      s_valid,  // a score of the packet that is filled
  input  wire logic [CLASS_W-1:0]        s_class,
  input  wire logic signed [SCORE_W-1:0] s_score,
  input  wire logic                      s_end,    // its last one
  input  wire logic                      s_last,

  output wire logic                      m_valid,
  input  wire logic                      m_ready,
  output wire logic signed [DATA_W-1:0]  m_data,
  output wire logic                      m_last
);
  (* ram_style = "distributed", ramstyle = "MLAB", syn_ramstyle = "distributed" *)
  logic [SCORE_W-1:0] scores [0:(2<<CLASS_W)-1];
  logic [CLASS_W-1:0] label_q [0:1];
  logic [1:0]         last_q, full_q;
  logic [1:0]         taken_q;      // places
  logic               put_q, done_q, get_q, get_label_q;
  logic [CLASS_W-1:0] get_class_q;
  logic signed [SCORE_W-1:0] best_q;

  wire logic better = s_class == '0 || s_score > best_q;
  wire logic get    = m_valid && m_ready;
  wire logic gone   = get && get_label_q;
  wire logic signed [SCORE_W-1:0] score = scores[{get_q, get_class_q}];
  assign room    = !taken_q[1];
  assign m_valid = full_q[get_q];
  assign m_data  = get_label_q ? DATA_W'(label_q[get_q]) : DATA_W'(score);
  assign m_last  = get_label_q && last_q[get_q];

  always_ff @(posedge clk) begin
    if (s_valid) begin
      scores[{put_q, s_class}] <= s_score;
      last_q[put_q]            <= s_last;
      if (better) begin
        best_q         <= s_score;
        label_q[put_q] <= s_class;
      end
      if (s_end) put_q <= !put_q;
    end
    done_q <= s_valid && s_end;
    if (done_q) full_q[!put_q] <= 1'b1;
    if (get) begin
      get_class_q <= get_class_q + 1'b1;
      if (32'(get_class_q) == CLASSES - 1) get_label_q <= 1'b1;
    end
    if (gone) begin
      full_q[get_q] <= 1'b0;
      get_q         <= !get_q;
      get_class_q   <= '0;
      get_label_q   <= 1'b0;
    end
    taken_q <= taken_q + 2'(take) - 2'(gone);
    if (rst) begin
      put_q       <= 1'b0;
      get_q       <= 1'b0;
      get_class_q <= '0;
      get_label_q <= 1'b0;
      done_q      <= 1'b0;
      full_q      <= '0;
      taken_q     <= '0;
    end
  end
endmodule
`default_nettype wire
