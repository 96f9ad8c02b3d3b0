// SPDX-License-Identifier: Apache-2.0
//
// Chunks of LANES values -> events, lowest address first, one event per cycle.  Zero is no event.
//
// Empty chunks vanish at the entrance; the newest chunk with a value is held back until the next
// one or the end of the step, so that a step's last event carries step_end.  A step without values
// is one event of value 0.  The chunks need no handshake: the source issues only while `room`, and
// up to IN_FLIGHT chunks may still be on their way when it falls.
//
//   values   VALUE_W bits per lane, lowest lane first; signed or unsigned makes no difference here
//
// Latency: 5 cycles from the chunk that closes a step to its last event, if nothing waits.
// II: 1 chunk per cycle in, 1 event per cycle out.
// Cost: a FIFO of DEPTH x (LANES * VALUE_W + chunk + 2) bits, 2 chunks of registers, one LANES-bit
// lowest-bit-first encoder.
`default_nettype none

module rfssm_encoder #(
  parameter int N         = 128,  // values per step
  parameter int LANES     = 4,    // a power of two
  parameter int VALUE_W   = 1,
  parameter int IN_FLIGHT = 8,
  parameter int DEPTH     = 32,   // a power of two, more than IN_FLIGHT + 7
  localparam int CHUNKS  = (N + LANES - 1) / LANES,
  localparam int CHUNK_W = (CHUNKS > 1) ? $clog2(CHUNKS) : 1,
  localparam int ADDR_W  = (N > 1) ? $clog2(N) : 1
) (
  input  wire logic                     clk,
  input  wire logic                     rst,

  output wire logic                     room,
  input  wire logic                     s_valid,
  input  wire logic [CHUNK_W-1:0]       s_chunk,
  input  wire logic [LANES*VALUE_W-1:0] s_values,
  input  wire logic                     s_step_end,
  input  wire logic                     s_last,

  output wire logic                     m_valid,
  input  wire logic                     m_ready,
  output wire logic [ADDR_W-1:0]        m_addr,
  output wire logic [VALUE_W-1:0]       m_value,
  output wire logic                     m_step_end,
  output wire logic                     m_last
);
  localparam int LANE_W   = (LANES > 1) ? $clog2(LANES) : 1;
  localparam int FIFO_AW  = $clog2(DEPTH);
  localparam int VALUES_W = LANES * VALUE_W;
  localparam int WORD_W   = CHUNK_W + VALUES_W + 2;

  initial begin
    if (N < 1 || VALUE_W < 1) $fatal(1, "%m: N and VALUE_W must be at least 1");
    if (LANES < 1 || (LANES & (LANES - 1)) != 0) $fatal(1, "%m: LANES must be a power of two");
    if ((DEPTH & (DEPTH - 1)) != 0 || DEPTH <= IN_FLIGHT + 7)
      $fatal(1, "%m: DEPTH must be a power of two above IN_FLIGHT + 7");
  end

  // -- hold the newest chunk back ---------------------------------------------------------------
  logic                held_q, held_end_q, held_last_q;
  logic [CHUNK_W-1:0]  held_chunk_q;
  logic [VALUES_W-1:0] held_values_q;
  wire logic some = (s_values != '0);
  wire logic open = held_q && !held_end_q;  // a later chunk of the same step may follow
  wire logic take = s_valid && (some || (s_step_end && !open));
  wire logic push = held_q && (held_end_q || (s_valid && some));

  always_ff @(posedge clk) begin
    if (push) held_q <= 1'b0;
    if (take) begin
      held_q        <= 1'b1;
      held_chunk_q  <= s_chunk;
      held_values_q <= s_values;
    end
    if (s_valid) begin
      held_end_q  <= s_step_end;
      held_last_q <= s_last;
    end else if (push) begin
      held_end_q <= 1'b0;
    end
    if (rst) begin
      held_q     <= 1'b0;
      held_end_q <= 1'b0;
    end
  end

  // -- FIFO of chunks ---------------------------------------------------------------------------
  (* ram_style = "distributed", ramstyle = "MLAB", syn_ramstyle = "distributed" *)
  logic [WORD_W-1:0] fifo [0:DEPTH-1];
  logic [FIFO_AW-1:0] write_q, read_q;
  logic [FIFO_AW:0]   count_q;
  logic               room_q;
  logic               push_q;
  logic [WORD_W-1:0]  word_q;
  wire logic pop;
  wire logic [WORD_W-1:0] head = fifo[read_q];
  assign room = room_q;

  always_ff @(posedge clk) begin
    push_q <= push;
    word_q <= {held_end_q, held_last_q, held_chunk_q, held_values_q};
    if (push_q) begin
      fifo[write_q] <= word_q;
      write_q <= write_q + 1'b1;
    end
    if (pop) read_q <= read_q + 1'b1;
    count_q <= count_q + (FIFO_AW+1)'(push_q) - (FIFO_AW+1)'(pop);
    // 4: one is held, one is pushed, and room_q and count_q are a cycle late
    room_q  <= 32'(count_q) < DEPTH - IN_FLIGHT - 4;
    if (rst) begin
      write_q <= '0;
      read_q  <= '0;
      count_q <= '0;
      room_q  <= 1'b0;
      push_q  <= 1'b0;
    end
  end

  // -- one event per cycle ------------------------------------------------------------------------
  logic                left_q;    // a chunk is being taken apart
  logic [LANES-1:0]    some_q;    // lanes that still hold an event
  /* verilator lint_off UNUSEDSIGNAL */  // a bit is its own flag
  logic [VALUES_W-1:0] values_q;
  /* verilator lint_on UNUSEDSIGNAL */
  logic [CHUNK_W-1:0]  chunk_q;
  logic                end_q, last_q;
  wire logic [LANES-1:0] rest = some_q & (some_q - 1'b1);
  wire logic finished = (rest == '0);
  logic [LANE_W-1:0] lane;
  always_comb begin
    lane = '0;
    for (int i = LANES - 1; i >= 0; i--) if (some_q[i]) lane = LANE_W'(i);
  end
  wire logic [LANES-1:0] head_some;
  for (genvar i = 0; i < LANES; i++) begin : g_some
    assign head_some[i] = (head[i*VALUE_W +: VALUE_W] != '0);
  end
  wire logic [VALUE_W-1:0] value;
  generate
    if (VALUE_W == 1) begin : g_bit
      assign value = (some_q != '0);
    end else begin : g_value
      assign value = values_q[32'(lane)*VALUE_W +: VALUE_W];
    end
  endgenerate

  logic               out_valid_q, out_end_q, out_last_q;
  logic [VALUE_W-1:0] out_value_q;
  logic [ADDR_W-1:0]  out_addr_q;
  wire logic move = m_ready || !out_valid_q;
  assign pop = (count_q != '0) && (!left_q || (move && finished));

  always_ff @(posedge clk) begin
    if (move) begin
      out_valid_q <= left_q;
      out_addr_q  <= ADDR_W'(32'(chunk_q) * LANES + 32'(lane));
      out_value_q <= value;
      out_end_q   <= end_q && finished;
      out_last_q  <= last_q && finished;
      some_q      <= rest;
      if (finished) left_q <= 1'b0;
    end
    if (pop) begin
      left_q <= 1'b1;
      some_q <= head_some;
      {end_q, last_q, chunk_q, values_q} <= head;
    end
    if (rst) begin
      left_q      <= 1'b0;
      out_valid_q <= 1'b0;
    end
  end

  assign m_valid    = out_valid_q;
  assign m_addr     = out_addr_q;
  assign m_value    = out_value_q;
  assign m_step_end = out_end_q;
  assign m_last     = out_last_q;
endmodule
`default_nettype wire
