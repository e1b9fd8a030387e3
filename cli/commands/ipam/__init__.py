"""``mynetctl ipam``: subnets, addresses, import and export."""
