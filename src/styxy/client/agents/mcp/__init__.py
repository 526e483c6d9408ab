"""The MCP server: Styxy's commands as tools of a model, by the official SDK."""
