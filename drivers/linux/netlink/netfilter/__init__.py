"""Messages of nftables and of connection tracking."""
