"""What states can become: reachable ranges, narrower words, silence."""
