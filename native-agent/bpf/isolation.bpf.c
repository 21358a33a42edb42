/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* Takes a cgroup off the network: every packet to or from a socket of its processes goes through here, 1 lets it on, 0 drops it.
 * A frame that is written past IP (AF_PACKET, which needs CAP_NET_RAW) does not: baldur holds it where it leaves. An object of its
 * own: it is loaded for one cgroup and stays without the agent. */
#include "include/kernel.h"
#include <bpf/bpf_helpers.h>

/* Of every network namespace. */
#define LOOPBACK_INDEX 1

/* UAPI, include/uapi/linux/bpf.h: its beginning. */
struct __sk_buff {
	__u32 before[10];
	__u32 ifindex;
};

/* Where the loopback is the host's, everybody is behind it. */
SEC("cgroup/skb")
int isolation__from_all(struct __sk_buff *packet)
{
	return 0;
}

SEC("cgroup/skb")
int isolation__from_others(struct __sk_buff *packet)
{
	return packet->ifindex == LOOPBACK_INDEX;
}

char LICENSE[] SEC("license") = "GPL";
