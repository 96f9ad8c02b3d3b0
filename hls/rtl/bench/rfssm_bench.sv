// SPDX-License-Identifier: Apache-2.0
//
// Test bench for Icarus: drives the network's top with trace ports from a file of beats.
//
// Reads    beats.txt    one beat per line, hexadecimal: tdata in bits 31:0, tlast in bit 32
// Writes   out.txt      one line per output beat: tdata in hexadecimal, tlast
//          trace.txt    with +trace, one line per cycle with a trace: trace_valid in hexadecimal, then
//                       trace_data, h and hexadecimal or b and binary digits
//          the standard output: "sample" whenever one has left; last of all "done" or what went wrong
// Takes    +expected=N  output beats to wait for
//          +idle=N      cycles without a beat after which the run counts as hung
//          +source=N    of 256: how often the source offers a beat       +sink=N   how often the sink is ready
//          +seed=N
// The macro DUT names the top (dut_axis_trace if it is not defined).  Not synthesisable.
`ifndef DUT
`define DUT dut_axis_trace
`endif
`default_nettype none

module rfssm_bench #(
  parameter int TDATA_W = 32,
  parameter int LAYERS  = 1,
  parameter int TRACE_W = 1
);
  logic aclk = 1'b0;
  always #5 aclk = !aclk;

  logic        aresetn = 1'b0;
  logic        s_axis_tvalid = 1'b0;
  logic        s_axis_tlast = 1'b0;
  logic [31:0] s_axis_tdata = '0;
  logic        m_axis_tready = 1'b0;
  wire logic   s_axis_tready, m_axis_tvalid, m_axis_tlast;
  wire logic [TDATA_W-1:0] m_axis_tdata;
  wire logic [LAYERS-1:0]  trace_valid;
  wire logic [TRACE_W-1:0] trace_data;

  `DUT dut (
    .aclk, .aresetn,
    .s_axis_tvalid, .s_axis_tready, .s_axis_tdata, .s_axis_tlast,
    .m_axis_tvalid, .m_axis_tready, .m_axis_tdata, .m_axis_tlast,
    .trace_valid, .trace_data
  );

  integer beats, out, trace;
  integer expected, idle_limit, source, sink, seed;
  integer received = 0, idle = 0, trailing = 0, found;
  logic   more = 1'b1;      // the file may hold another beat
  logic   have = 1'b0;      // a beat waits to be offered
  logic [32:0] beat;
  logic   tracing;
  logic   stalled = 1'b0;
  logic [TDATA_W:0] held;

  initial begin
    if (!$value$plusargs("expected=%d", expected)) expected = 1;
    if (!$value$plusargs("idle=%d", idle_limit)) idle_limit = 100000;
    if (!$value$plusargs("source=%d", source)) source = 256;
    if (!$value$plusargs("sink=%d", sink)) sink = 256;
    if (!$value$plusargs("seed=%d", seed)) seed = 1;
    tracing = $test$plusargs("trace");
    beats = $fopen("beats.txt", "r");
    out   = $fopen("out.txt", "w");
    if (tracing) trace = $fopen("trace.txt", "w");
    repeat (4) @(posedge aclk);
    @(negedge aclk) aresetn = 1'b1;
  end

  task next_beat;
    if (more) begin
      found = $fscanf(beats, "%h", beat);
      have  = (found == 1);
      more  = have;
    end
  endtask

  task finish_with(input integer reason);
    begin
      case (reason)
        0: $display("done");
        1: $display("the simulation hangs: no beat in %0d cycles", idle);
        2: $display("an output beat changed while it was stalled");
        3: $display("more output beats than there are scores");
        default: $display("an output is undefined");
      endcase
      $fclose(out);
      if (tracing) $fclose(trace);
      $finish;
    end
  endtask

  always @(posedge aclk) if (aresetn) begin
    idle = idle + 1;

    // what has just been transferred
    if (s_axis_tvalid && s_axis_tready) begin
      have = 1'b0;
      idle = 0;
    end
    if ((^m_axis_tvalid) === 1'bx || (^s_axis_tready) === 1'bx) finish_with(4);
    if (stalled && (!m_axis_tvalid || {m_axis_tlast, m_axis_tdata} !== held)) finish_with(2);
    stalled = m_axis_tvalid && !m_axis_tready;
    held    = {m_axis_tlast, m_axis_tdata};
    if (m_axis_tvalid && m_axis_tready) begin
      if (received == expected) finish_with(3);
      if ((^held) === 1'bx) finish_with(4);
      $fdisplay(out, "%h %b", m_axis_tdata, m_axis_tlast);
      received = received + 1;
      idle = 0;
      if (m_axis_tlast) begin
        $display("sample");
        $fflush;
      end
    end
    if (tracing && trace_valid != '0) begin
      // a layer that says nothing in this cycle may hold undefined bits: then every bit counts
      if ((^trace_data) === 1'bx) $fdisplay(trace, "%h b%b", trace_valid, trace_data);
      else $fdisplay(trace, "%h h%h", trace_valid, trace_data);
    end

    // what comes next
    if (!have) begin
      next_beat;
      s_axis_tvalid <= have && ($urandom(seed) & 255) < source;
      s_axis_tdata  <= beat[31:0];
      s_axis_tlast  <= beat[32];
    end else if (!s_axis_tvalid) begin
      s_axis_tvalid <= ($urandom(seed) & 255) < source;
    end
    m_axis_tready <= ($urandom(seed) & 255) < sink;

    if (received == expected && !have && !more) trailing = trailing + 1;
    if (trailing > 64) finish_with(0);
    if (idle > idle_limit) finish_with(1);
  end
endmodule
`default_nettype wire
