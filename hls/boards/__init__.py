"""Development boards: tops, the protocol of their serial line, the host's end of it."""
