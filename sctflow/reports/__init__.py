"""Report specification and figures."""
