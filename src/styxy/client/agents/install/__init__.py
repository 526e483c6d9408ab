"""Install the hooks where each agent looks for them, and remove them without a trace."""
