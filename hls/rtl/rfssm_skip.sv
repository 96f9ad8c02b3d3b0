// SPDX-License-Identifier: Apache-2.0
//
// Skip connection: adds the layer's input to its spikes,  out[n] = spike[n] + in[n].
//
// The values of a step's events wait in a double-buffered memory, one per lane, until the cells
// have swept that step.  A flip-flop per value says whether it is there: reset and the end of a
// sweep clear a whole buffer at once.  The buffers change hands with the currents of rfssm_synapse.
//
//   in    IN_W bits, signed or unsigned (IN_SIGNED)
//   out   OUT_W bits, wide enough for in + 1
//
// Latency: 1 cycle from spikes to values; the input value is read DELAY cycles before its spike
// comes.
// II 1.  Cost: 2 * N flip-flops, LANES memories of 2 * ceil(N / LANES) x IN_W bits, LANES
// adders of OUT_W bits, LANES * IN_W * DELAY bits of shift register.
`default_nettype none

module rfssm_skip #(
  parameter int N         = 128,
  parameter int LANES     = 4,  // a power of two
  parameter int IN_W      = 1,
  parameter int IN_SIGNED = 0,
  parameter int OUT_W     = 2,
  parameter int DELAY     = 8,  // cycles from read_index to s_valid
  localparam int ADDR_W  = (N > 1) ? $clog2(N) : 1,
  localparam int CHUNKS  = (N + LANES - 1) / LANES,
  localparam int CHUNK_W = (CHUNKS > 1) ? $clog2(CHUNKS) : 1
) (
  input  wire logic                   clk,
  input  wire logic                   rst,

  input  wire logic                   event_valid,  // an event of value other than 0 is being used
  input  wire logic [ADDR_W-1:0]      event_addr,
  input  wire logic [IN_W-1:0]        event_value,
  input  wire logic                   event_close,  // this event, or an empty one, ends its step
  input  wire logic                   step_start,   // as in rfssm_sweep
  input  wire logic                   step_free,
  input  wire logic [CHUNK_W-1:0]     read_index,

  input  wire logic                   s_valid,
  input  wire logic [CHUNK_W-1:0]     s_chunk,
  input  wire logic [LANES-1:0]       s_spike,
  input  wire logic                   s_step_end,
  input  wire logic                   s_last,

  output wire logic                   m_valid,
  output wire logic [CHUNK_W-1:0]     m_chunk,
  output wire logic [LANES*OUT_W-1:0] m_values,
  output wire logic                   m_step_end,
  output wire logic                   m_last
);
  localparam int LANE_W = $clog2(LANES);
  localparam int PADDED = CHUNKS * LANES;

  initial begin
    if (DELAY < 2) $fatal(1, "%m: DELAY must be at least 2");
    if (OUT_W < 2 || OUT_W < IN_W) $fatal(1, "%m: OUT_W must be at least 2 and IN_W");
  end

  // -- whose turn: the buffers follow the order of the steps ------------------------------------
  logic fill_q, read_q;  // buffer being filled, buffer being read
  always_ff @(posedge clk) begin
    if (event_close) fill_q <= !fill_q;
    if (step_start)  read_q <= !read_q;
    if (rst) begin
      fill_q <= 1'b0;
      read_q <= 1'b1;
    end
  end

  // -- which values are there -------------------------------------------------------------------
  logic [PADDED-1:0] there0_q, there1_q;
  always_ff @(posedge clk) begin
    if (step_free && !read_q) there0_q <= '0;
    if (step_free &&  read_q) there1_q <= '0;
    if (event_valid && !fill_q) there0_q[event_addr] <= 1'b1;
    if (event_valid &&  fill_q) there1_q[event_addr] <= 1'b1;
    if (rst) begin
      there0_q <= '0;
      there1_q <= '0;
    end
  end

  wire logic [CHUNK_W-1:0] event_chunk = CHUNK_W'(32'(event_addr) >> LANE_W);
  wire logic [LANES-1:0]   there = read_q ? there1_q[32'(read_index)*LANES +: LANES]
                                          : there0_q[32'(read_index)*LANES +: LANES];

  for (genvar i = 0; i < LANES; i++) begin : g_lane
    (* ram_style = "distributed", ramstyle = "MLAB", syn_ramstyle = "distributed" *)
    logic [IN_W-1:0] values [0:(2<<CHUNK_W)-1];
    logic [DELAY*IN_W-1:0]  wait_q;  // newest value lowest
    logic [OUT_W-1:0]       sum_q;
    wire logic mine = (LANES == 1) || (32'(event_addr) % LANES == i);
    wire logic [OUT_W-1:0] in;
    if (IN_SIGNED != 0) begin : g_signed
      assign in = OUT_W'($signed(wait_q[(DELAY-1)*IN_W +: IN_W]));
    end else begin : g_unsigned
      assign in = OUT_W'(wait_q[(DELAY-1)*IN_W +: IN_W]);
    end
    always_ff @(posedge clk) begin
      if (event_valid && mine) values[{fill_q, event_chunk}] <= event_value;
      wait_q <= {wait_q[(DELAY-1)*IN_W-1:0], there[i] ? values[{read_q, read_index}] : IN_W'(0)};
      sum_q  <= in + OUT_W'(s_spike[i]);
    end
    assign m_values[i*OUT_W +: OUT_W] = sum_q;
  end

  // -- tags ---------------------------------------------------------------------------------------
  logic               valid_q, end_q, last_q;
  logic [CHUNK_W-1:0] chunk_q;
  always_ff @(posedge clk) begin
    valid_q <= s_valid;
    chunk_q <= s_chunk;
    end_q   <= s_step_end;
    last_q  <= s_last;
    if (rst) valid_q <= 1'b0;
  end
  assign m_valid    = valid_q;
  assign m_chunk    = chunk_q;
  assign m_step_end = end_q;
  assign m_last     = last_q;
endmodule
`default_nettype wire
