"""What coding agents' hooks send and may be answered; the protocols of all agents, pure."""
