"""Numbers and layouts of rtnetlink that requests, replies and notifications share.

Sources: rtnetlink(7), linux/rtnetlink.h, linux/if_link.h, linux/if_addr.h.
"""

import struct
from typing import Final

RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK, RTM_SETLINK = 16, 17, 18, 19
RTM_NEWADDR, RTM_DELADDR, RTM_GETADDR = 20, 21, 22
RTM_NEWROUTE, RTM_DELROUTE, RTM_GETROUTE = 24, 25, 26
RTM_NEWNEIGH, RTM_DELNEIGH, RTM_GETNEIGH = 28, 29, 30
RTM_NEWNETCONF, RTM_NEWNSID, RTM_GETNSID = 80, 88, 90
RTM_NEWLINKPROP, RTM_DELLINKPROP = 108, 109

# The fixed parts of messages, between the nlmsghdr and the attributes.
IFINFOMSG = struct.Struct("@BxHiII")  # family, type, index, flags, change
IFADDRMSG = struct.Struct("@BBBBI")  # family, prefix length, flags, scope, index
# family, lengths of destination and source, TOS, table, protocol, scope, type, flags
RTMSG = struct.Struct("@BBBBBBBBI")
NDMSG = struct.Struct("@B3xiHBB")  # family, index, state, flags, type

IFF_UP, IFF_NOARP, IFF_MULTICAST, IFF_LOWER_UP = 0x1, 0x80, 0x1000, 0x10000
IFLA_ADDRESS, IFLA_IFNAME, IFLA_MTU, IFLA_LINK, IFLA_MASTER = 1, 3, 4, 5, 10
IFLA_PROTINFO: Final = 12
IFLA_LINKINFO, IFLA_IFALIAS, IFLA_AF_SPEC, IFLA_GROUP = 18, 20, 26, 27
IFLA_NET_NS_FD, IFLA_EXT_MASK, IFLA_LINK_NETNSID = 28, 29, 37
IFLA_TARGET_NETNSID, IFLA_PROP_LIST, IFLA_ALT_IFNAME = 46, 52, 53
IFLA_INFO_KIND, IFLA_INFO_DATA, IFLA_INFO_SLAVE_KIND, IFLA_INFO_SLAVE_DATA = 1, 2, 4, 5
IFLA_BRPORT_MODE, IFLA_BRPORT_LEARNING, IFLA_BRPORT_UNICAST_FLOOD = 4, 8, 9
IFLA_BRPORT_GROUP_FWD_MASK, IFLA_BRPORT_ISOLATED, IFLA_BRPORT_LOCKED = 31, 33, 39

# The state of entries in forwarding databases: of a port or bridge itself, and static ones.
NUD_PERMANENT, NUD_NOARP = 0x80, 0x40

IFA_ADDRESS, IFA_LOCAL, IFA_BROADCAST = 1, 2, 4

RTA_DST, RTA_OIF, RTA_GATEWAY, RTA_PRIORITY, RTA_PREFSRC, RTA_MULTIPATH = 1, 4, 5, 6, 7, 9
RT_TABLE_MAIN, RT_TABLE_LOCAL = 254, 255
RTPROT_KERNEL, RTPROT_STATIC, RTPROT_RA = 2, 4, 9
RTN_UNICAST, RTN_LOCAL, RTN_BROADCAST, RTN_MULTICAST = 1, 2, 3, 5
RTN_BLACKHOLE, RTN_UNREACHABLE, RTN_PROHIBIT, RTN_THROW = 6, 7, 8, 9
