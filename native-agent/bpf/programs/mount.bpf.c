/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* MOUNT, by mount(2) and by the newer move_mount(2). */

SEC("tp_btf/sys_exit")
int BPF_PROG(mount__on_exit, struct pt_regs *regs, long result)
{
	struct scratch *scratch;

	if (result < 0 || call__is_ignored())
		return 0;
	scratch = record__begin(KIND_MOUNT);
	if (!scratch)
		return 0;
	scratch->record.flags = regs->r10;
	record__append_named(scratch, SLOT_NAME, AT_FDCWD, (void *)regs->si);
	/* A device, a path or any word: as it was given. */
	record__append_user_string(scratch, SLOT_TARGET_NAME, (void *)regs->di);
	record__send_bulk(scratch);
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(mount__on_move, struct pt_regs *regs, long result)
{
	struct scratch *scratch;

	if (result < 0 || call__is_ignored())
		return 0;
	scratch = record__begin(KIND_MOUNT);
	if (!scratch)
		return 0;
	record__append_named(scratch, SLOT_NAME, regs->dx, (void *)regs->r10);
	record__append_named(scratch, SLOT_TARGET_NAME, regs->di, (void *)regs->si);
	record__send_bulk(scratch);
	return 0;
}
