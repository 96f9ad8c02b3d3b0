// SPDX-License-Identifier: Apache-2.0
//
// Contents of frames -> bytes of the line, octet-stuffed as in RFC 1662, with 7E at both ends and the
// CRC of the content before the last.
//
// Latency 0, and 1 byte (7E) before the first.  II: 1 byte per byte taken, 2 for 7D and 7E; 3 or more
// (CRC, 7E) behind the last.  Cost: 20 flip-flops, one CRC.
`default_nettype none

module rfssm_frame_out (
  input  wire logic       clk,
  input  wire logic       rst,

  input  wire logic       s_valid,
  output wire logic       s_ready,
  input  wire logic [7:0] s_data,
  input  wire logic       s_last,

  output wire logic       m_valid,
  input  wire logic       m_ready,
  output wire logic [7:0] m_data
);
  localparam logic [7:0] FLAG = 8'h7E, ESCAPE = 8'h7D;
  localparam logic [2:0] OPEN = 3'd0, BODY = 3'd1, CRC_LOW = 3'd2, CRC_HIGH = 3'd3, CLOSE = 3'd4;

  logic [2:0]  state_q;
  logic        escaped_q;  // 7D has gone out for this byte
  logic [15:0] crc_q;

  wire logic [15:0] crc_next;
  rfssm_crc16 check (.crc(crc_q), .data(s_data), .next(crc_next));

  wire logic [7:0] data = state_q == CRC_LOW  ? ~crc_q[7:0]
                        : state_q == CRC_HIGH ? ~crc_q[15:8]
                        : s_data;
  wire logic edge_byte = (state_q == OPEN || state_q == CLOSE);
  wire logic special   = (data == FLAG || data == ESCAPE) && !edge_byte;
  wire logic escape    = special && !escaped_q;
  wire logic sent      = m_valid && m_ready && !escape;  // a whole byte, its escape before it

  assign m_valid = s_valid || !(state_q == OPEN || state_q == BODY);
  assign m_data  = edge_byte ? FLAG
                 : escape ? ESCAPE
                 : {data[7:6], data[5] ^ escaped_q, data[4:0]};
  assign s_ready = state_q == BODY && m_ready && !escape;

  always_ff @(posedge clk) begin
    if (m_valid && m_ready) escaped_q <= escape;
    if (sent) begin
      case (state_q)
        OPEN:     state_q <= BODY;
        BODY:     if (s_last) state_q <= CRC_LOW;
        CRC_LOW:  state_q <= CRC_HIGH;
        CRC_HIGH: state_q <= CLOSE;
        default:  state_q <= OPEN;
      endcase
      if (state_q == BODY) crc_q <= crc_next;
      if (state_q == OPEN) crc_q <= '1;
    end
    if (rst) begin
      state_q   <= OPEN;
      escaped_q <= 1'b0;
    end
  end
endmodule
`default_nettype wire
