"""Float models of resonate-and-fire state space networks, their data and their training."""
