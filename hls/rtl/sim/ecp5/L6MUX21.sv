// SPDX-License-Identifier: Apache-2.0
//
// Simulation model of the ECP5's multiplexer behind two PFUMX or two L6MUX21.
`default_nettype none

module L6MUX21 (
  input  wire D0, D1, SD,
  output wire Z
);
  assign Z = SD ? D1 : D0;
endmodule
`default_nettype wire
