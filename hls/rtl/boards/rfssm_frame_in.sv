// SPDX-License-Identifier: Apache-2.0
//
// Bytes of the line -> contents of frames, octet-stuffed as in RFC 1662: 7E stands at both ends of a
// frame, 7D before a byte that was sent with bit 5 inverted; 7D 7E ends a frame that shall not count.
//
// Contents leave byte by byte, the CRC's two included, before it is known whether the frame is good.
// Any 7E begins a new frame, so whatever was lost or added before it harms no later frame.  Nothing
// between two 7E is no frame.
//
//   s_error            a byte was lost here: the frame is bad
//   m_valid, m_data    a byte of content
//   m_end              the frame is over: m_good, or m_lost for a byte lost, or damaged in another way
//
// Latency 1, II 1.  Cost: 31 flip-flops, one CRC.
`default_nettype none

module rfssm_frame_in (
  input  wire logic       clk,
  input  wire logic       rst,

  input  wire logic       s_valid,
  input  wire logic [7:0] s_data,
  input  wire logic       s_error,

  output wire logic       m_valid,
  output wire logic [7:0] m_data,
  output wire logic       m_end,
  output wire logic       m_good,
  output wire logic       m_lost
);
  localparam logic [7:0]  FLAG = 8'h7E, ESCAPE = 8'h7D;
  localparam logic [15:0] RESIDUE = 16'hF0B8;

  logic        escape_q;  // the byte before was 7D
  logic        some_q;    // the frame has begun
  logic        lost_q;
  logic [15:0] crc_q;
  logic        valid_q, end_q, good_q, lost_out_q;
  logic [7:0]  data_q;

  wire logic       flag    = s_valid && s_data == FLAG;
  wire logic       escape  = s_valid && s_data == ESCAPE && !escape_q;
  wire logic       content = s_valid && !flag && !escape;
  wire logic [7:0] data    = {s_data[7:6], s_data[5] ^ escape_q, s_data[4:0]};
  wire logic [15:0] crc_next;

  rfssm_crc16 check (.crc(crc_q), .data, .next(crc_next));

  assign m_valid = valid_q;
  assign m_data  = data_q;
  assign m_end   = end_q;
  assign m_good  = good_q;
  assign m_lost  = lost_out_q;

  always_ff @(posedge clk) begin
    valid_q    <= content;
    data_q     <= data;
    end_q      <= flag && some_q;
    good_q     <= crc_q == RESIDUE && !escape_q && !lost_q;
    lost_out_q <= lost_q;
    if (content || escape || s_error) some_q <= 1'b1;
    if (s_valid) escape_q <= escape;
    if (content) crc_q <= crc_next;
    if (s_error) lost_q <= 1'b1;
    if (rst || flag) begin
      some_q   <= 1'b0;
      lost_q   <= 1'b0;
      escape_q <= 1'b0;
      crc_q    <= '1;
    end
    if (rst) begin
      valid_q <= 1'b0;
      end_q   <= 1'b0;
    end
  end
endmodule
`default_nettype wire
