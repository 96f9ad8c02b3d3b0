// SPDX-License-Identifier: Apache-2.0
//
// Walks the chunks of a layer once per complete step, one per cycle while `room`.
//
// A sweep lasts max(CHUNKS, LOOP) slots, so that a state is never read before its last write;
// sweeps follow each other without a gap.  Slots beyond CHUNKS need no room.  Up to two complete
// steps wait.
//
// Latency: step_valid to step_start 1 cycle, to the first issue 2.  II: max(CHUNKS, LOOP) per step.
// Cost: about 20 flip-flops.
`default_nettype none

module rfssm_sweep #(
  parameter int CHUNKS = 32,
  parameter int LOOP   = 8,  // cycles from reading a state until it can be read again
  localparam int CHUNK_W = (CHUNKS > 1) ? $clog2(CHUNKS) : 1
) (
  input  wire logic clk,
  input  wire logic rst,

  input  wire logic step_valid,   // a step is complete
  input  wire logic step_silent,  // it had no event
  input  wire logic step_last,    // it ends a sample
  output wire logic step_start,   // turned to the oldest complete step
  output wire logic step_free,    // its last chunk has been issued

  input  wire logic               room,
  output wire logic               issue,
  output wire logic [CHUNK_W-1:0] chunk,
  output wire logic               first,   // first step of a sample: states count as zero
  output wire logic               silent,
  output wire logic               last,
  output wire logic               end_chunk
);
  localparam int SWEEP  = (CHUNKS > LOOP) ? CHUNKS : LOOP;
  localparam int SLOT_W = $clog2(SWEEP);

  initial if (CHUNKS < 1 || LOOP < 2) $fatal(1, "%m: need CHUNKS >= 1 and LOOP >= 2");

  // waiting steps: the older one's flags in [0]
  logic [1:0]        wait_q, wait_silent_q, wait_last_q;
  logic              run_q, silent_q, last_q, first_q;
  logic              fresh_q;  // the next step to start is a sample's first
  logic [SLOT_W-1:0] slot_q;
  // what the slot is, compared a cycle ahead: much hangs on it
  logic              chunk_q, end_q, final_q;

  wire logic go       = run_q && (room || !chunk_q);
  wire logic final_go = go && final_q;
  assign step_start = wait_q[0] && (!run_q || final_go);
  assign step_free  = final_go;
  assign issue      = go && chunk_q;
  assign chunk      = CHUNK_W'(slot_q);
  assign first      = first_q;
  assign silent     = silent_q;
  assign last       = last_q;
  assign end_chunk  = end_q;

  always_ff @(posedge clk) begin
    if (go) begin
      slot_q  <= slot_q + 1'b1;
      chunk_q <= $signed(32'(slot_q)) < CHUNKS - 1;
      end_q   <= 32'(slot_q) == CHUNKS - 2;
      final_q <= 32'(slot_q) == SWEEP - 2;
    end
    if (final_go) run_q <= 1'b0;
    if (step_start) begin
      run_q    <= 1'b1;
      slot_q   <= '0;
      chunk_q  <= 1'b1;
      end_q    <= CHUNKS == 1;
      final_q  <= 1'b0;
      silent_q <= wait_silent_q[0];
      last_q   <= wait_last_q[0];
      first_q  <= fresh_q;
      fresh_q  <= wait_last_q[0];
      wait_q   <= {1'b0, wait_q[1]};
      wait_silent_q[0] <= wait_silent_q[1];
      wait_last_q[0]   <= wait_last_q[1];
    end
    if (step_valid) begin
      if (step_start ? wait_q[1] : wait_q[0]) begin  // another one still waits before it
        wait_q[1]        <= 1'b1;
        wait_silent_q[1] <= step_silent;
        wait_last_q[1]   <= step_last;
      end else begin
        wait_q[0]        <= 1'b1;
        wait_silent_q[0] <= step_silent;
        wait_last_q[0]   <= step_last;
      end
    end
    if (rst) begin
      run_q   <= 1'b0;
      wait_q  <= '0;
      fresh_q <= 1'b1;
      slot_q  <= '0;
    end
  end
endmodule
`default_nettype wire
