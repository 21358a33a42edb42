/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* AGENT_TOUCHED: signals to the agent, its limits and processors, handles of it. Its BPF objects: bpf_call.bpf.c. */
#include "../include/agent.bpf.h"
#include "../include/call.bpf.h"
#include "../include/path.bpf.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#define SIGKILL 9
#define SIGPIPE 13
#define SIGALRM 14
#define SIGCHLD 17
#define SIGCONT 18
#define SIGURG 23
#define SIGWINCH 28
#define SIGIO 29

/* Instead of a siginfo: sent by a process without one, sent by the kernel. */
#define SEND_SIG_NOINFO 0
#define SEND_SIG_PRIV 1

#define PRIO_PROCESS 0

/* What processes get every day and go on. */
static __always_inline bool signal__is_harmless(int number)
{
	switch (number) {
	case 0:
	case SIGPIPE:
	case SIGALRM:
	case SIGCHLD:
	case SIGCONT:
	case SIGURG:
	case SIGWINCH:
	case SIGIO:
		return true;
	default:
		return false;
	}
}

/* By a process, and not by a timer or a fault of the agent's own; or an end by the kernel, who names who was running. */
static __always_inline bool signal__is_sent(int number, struct kernel_siginfo *info)
{
	if ((unsigned long)info == SEND_SIG_NOINFO)
		return true;
	if ((unsigned long)info == SEND_SIG_PRIV)
		return number == SIGKILL;
	return BPF_CORE_READ(info, si_code) <= 0;
}

SEC("tp_btf/signal_generate")
int BPF_PROG(agent__on_signal, int number, struct kernel_siginfo *info, struct task_struct *target)
{
	__u32 tgid = target->tgid;

	if (!agent__has(tgid) || signal__is_harmless(number) || !signal__is_sent(number, info))
		return 0;
	/* As the host counts pids, other than the calls below. */
	agent__send_touch(TOUCH_SIGNAL, tgid, number);
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(agent__on_limits, struct pt_regs *regs, long result)
{
	__u32 pid = call__get_argument(regs, 1);

	if (result == 0 && call__get_argument(regs, 3) && agent__has(pid) && !call__is_ignored())
		agent__send_touch(TOUCH_LIMITS, pid, call__get_argument(regs, 2));
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(agent__on_processors, struct pt_regs *regs, long result)
{
	__u32 pid = call__get_argument(regs, 1);

	if (result >= 0 && agent__has(pid) && !call__is_ignored())
		agent__send_touch(TOUCH_PROCESSORS, pid, 0);
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(agent__on_scheduling, struct pt_regs *regs, long result)
{
	__u32 pid = call__get_argument(regs, 1);

	if (result >= 0 && agent__has(pid) && !call__is_ignored())
		agent__send_touch(TOUCH_SCHEDULING, pid, call__get_argument(regs, 2));
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(agent__on_priority, struct pt_regs *regs, long result)
{
	__u32 pid = call__get_argument(regs, 2);

	if (result == 0 && call__get_argument(regs, 1) == PRIO_PROCESS && agent__has(pid) && !call__is_ignored())
		agent__send_touch(TOUCH_SCHEDULING, pid, 0);
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(agent__on_handle, struct pt_regs *regs, long result)
{
	__u32 pid = call__get_argument(regs, 1);

	if (result >= 0 && agent__has(pid) && !call__is_ignored())
		agent__send_touch(TOUCH_HANDLE, pid, result);
	return 0;
}

static __always_inline bool pid__is_agents(struct pid *pid)
{
	return pid && agent__has(kernel__read(pid, pid, numbers[0].nr));
}

/* Since 6.9 (cb12fd8e0dab) a pidfd has an inode of its own, which knows whom it stands for; before, the file does. */
static __always_inline bool pidfd__is_agents(int descriptor)
{
	struct file *file = task__get_file(bpf_get_current_task_btf(), descriptor);
	struct inode *inode;

	if (!file)
		return false;
	inode = kernel__read(file, file, f_inode);
	return pid__is_agents(kernel__read(inode, inode, i_private)) ||
	       pid__is_agents(kernel__read(file, file, private_data));
}

/* With one of the agent's descriptors its marks can be taken away. Who has got one is ended before he uses it. */
SEC("tp_btf/sys_exit")
int BPF_PROG(agent__on_descriptor, struct pt_regs *regs, long result)
{
	__u32 pidfd = call__get_argument(regs, 1);
	bool is_killed;

	if (result < 0 || call__is_ignored() || agent__has(bpf_get_current_pid_tgid() >> 32))
		return 0;
	is_killed = pidfd__is_agents(pidfd) && bpf_send_signal(SIGKILL) == 0;
	agent__send_touch(is_killed ? TOUCH_DESCRIPTOR_KILLED : TOUCH_DESCRIPTOR, 0, pidfd);
	return 0;
}
