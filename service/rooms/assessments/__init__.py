"""Room: judgements of payments, the counted exemption, and what proves a decision afterwards."""
