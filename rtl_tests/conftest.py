"""What the RTL tests share.  Benches (``*_tb.py``) run inside a simulator, not under pytest."""

collect_ignore_glob = ["*_tb.py"]
