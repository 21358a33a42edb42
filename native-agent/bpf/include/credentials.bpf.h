/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* Who logged in for a process to be there, from which terminal, and what it may do. */
#ifndef NORN_CREDENTIALS_BPF_H
#define NORN_CREDENTIALS_BPF_H

#include "core_fixes.bpf.h"
#include "record.h"

#define NOBODY 0xffffffff

/* By offset: what a set of capabilities is made of differs between kernels. */
#define cred__read_capabilities(cred, set)                                                                             \
	kernel__read_word((const char *)(cred) + bpf_core_field_offset(struct cred, set))

static __always_inline void task__read_login(struct task_struct *task, struct lifecycle_facts *facts)
{
	facts->login_user_id = NOBODY;
	facts->session_id = NOBODY;
	if (bpf_core_field_exists(task->loginuid))
		facts->login_user_id = task->loginuid.val;
	if (bpf_core_field_exists(task->sessionid))
		facts->session_id = task->sessionid;
}

static __always_inline void task__read_capabilities(struct task_struct *task, struct lifecycle_facts *facts)
{
	const struct cred *cred = task->real_cred;

	if (cred->user_ns->level != 0)
		return;
	facts->capabilities[0] = cred__read_capabilities(cred, cap_effective);
	facts->capabilities[1] = cred__read_capabilities(cred, cap_permitted);
	facts->capabilities[2] = cred__read_capabilities(cred, cap_inheritable);
	facts->capabilities[3] = cred__read_capabilities(cred, cap_ambient);
	facts->capabilities[4] = cred__read_capabilities(cred, cap_bset);
}

static __always_inline void task__read_credentials(struct task_struct *task, struct lifecycle_facts *facts)
{
	struct tty_struct *terminal = task->signal->tty;

	task__read_login(task, facts);
	task__read_capabilities(task, facts);
	if (terminal)
		bpf_probe_read_kernel_str(facts->terminal, sizeof(facts->terminal), terminal->name);
}

#endif
