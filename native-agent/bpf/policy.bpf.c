/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* Refuses connections, datagrams and binds by the tenant's policy, without asking user space. A line is one way in which a rule
 * matches; each side of a line (network, port, protocol, user, program) gives a mask of the lines it fits. What is left when
 * all are ANDed are the lines that match, and the lowest of them decides. An object of its own: a new policy is a new one. */
#include "include/policy.bpf.h"

#include "programs/policy_request.bpf.c"
#include "programs/policy_program.bpf.c"

/* The layout as this compiler made it, compared with Rust's in a test. */
const volatile __u32 policy_layout[] = {
	sizeof(struct rights),
	sizeof(struct settings),
	__builtin_offsetof(struct settings, denies),
	__builtin_offsetof(struct settings, guarded),
	sizeof(struct network),
	sizeof(struct expected),
	sizeof(struct denial),
	__builtin_offsetof(struct denial, line),
	__builtin_offsetof(struct denial, address),
	__builtin_offsetof(struct denial, pid),
	__builtin_offsetof(struct denial, port),
	__builtin_offsetof(struct denial, kind),
	sizeof(struct counters),
};

char LICENSE[] SEC("license") = "GPL";
