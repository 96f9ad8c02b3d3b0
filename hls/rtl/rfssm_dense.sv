// SPDX-License-Identifier: Apache-2.0
//
// Dense beats -> events: one step per beat, channel 0 in the low VALUE_W bits.
//
// A beat is walked LANES channels per cycle into the same encoder that the layers use; zeros are no
// events, the step's last event carries step_end, a silent step is one event of value 0.
//
// Latency: ceil(N_IN / LANES) + 5 cycles to a step's last event, if nothing waits.
// II: max(ceil(N_IN / LANES), events, 1) per step.
// Cost: N_IN * VALUE_W flip-flops and one rfssm_encoder.
`default_nettype none

module rfssm_dense #(
  parameter int N_IN    = 140,
  parameter int VALUE_W = 1,
  parameter int LANES   = 8,  // a power of two
  localparam int ADDR_W = (N_IN > 1) ? $clog2(N_IN) : 1
) (
  input  wire logic                    clk,
  input  wire logic                    rst,

  input  wire logic                    s_valid,
  output wire logic                    s_ready,
  input  wire logic [N_IN*VALUE_W-1:0] s_data,
  input  wire logic                    s_last,

  output wire logic                    m_valid,
  input  wire logic                    m_ready,
  output wire logic [ADDR_W-1:0]       m_addr,
  output wire logic [VALUE_W-1:0]      m_value,
  output wire logic                    m_step_end,
  output wire logic                    m_last
);
  localparam int CHUNKS  = (N_IN + LANES - 1) / LANES;
  localparam int CHUNK_W = (CHUNKS > 1) ? $clog2(CHUNKS) : 1;
  localparam int PART_W  = LANES * VALUE_W;

  logic                     held_q, last_q;
  logic [CHUNKS*PART_W-1:0] data_q;
  logic [CHUNK_W-1:0]       chunk_q;
  wire logic room;
  wire logic issue     = held_q && room;
  wire logic end_chunk = 32'(chunk_q) == CHUNKS - 1;
  assign s_ready = !held_q || (issue && end_chunk);

  always_ff @(posedge clk) begin
    if (issue) begin
      data_q  <= (CHUNKS*PART_W)'({PART_W'(0), data_q} >> PART_W);
      chunk_q <= chunk_q + 1'b1;
      if (end_chunk) held_q <= 1'b0;
    end
    if (s_valid && s_ready) begin
      held_q  <= 1'b1;
      data_q  <= (CHUNKS*PART_W)'(s_data);
      chunk_q <= '0;
      last_q  <= s_last;
    end
    if (rst) held_q <= 1'b0;
  end

  rfssm_encoder #(.N(N_IN), .LANES(LANES), .VALUE_W(VALUE_W), .IN_FLIGHT(1), .DEPTH(16)) encoder (
    .clk, .rst, .room, .s_valid(issue), .s_chunk(chunk_q), .s_values(data_q[PART_W-1:0]),
    .s_step_end(end_chunk), .s_last(last_q && end_chunk),
    .m_valid, .m_ready, .m_addr, .m_value, .m_step_end, .m_last
  );
endmodule
`default_nettype wire
