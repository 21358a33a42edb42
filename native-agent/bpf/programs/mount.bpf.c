/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* MOUNT, by mount(2) and by the newer move_mount(2). */
#include "../include/call.bpf.h"
#include "../include/emit.bpf.h"
#include "../include/path.bpf.h"
#include <bpf/bpf_tracing.h>

SEC("tp_btf/sys_exit")
int BPF_PROG(mount__on_exit, struct pt_regs *regs, long result)
{
	struct scratch *scratch;

	if (result < 0 || call__is_ignored())
		return 0;
	scratch = record__begin(KIND_MOUNT);
	if (!scratch)
		return 0;
	scratch->record.flags = call__get_argument(regs, 4);
	record__append_named(scratch, SLOT_NAME, AT_FDCWD, (void *)call__get_argument(regs, 2));
	/* A device, a path or any word: as it was given. */
	record__append_user_string(scratch, SLOT_TARGET_NAME, (void *)call__get_argument(regs, 1));
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
	record__append_named(scratch, SLOT_NAME, call__get_argument(regs, 3), (void *)call__get_argument(regs, 4));
	record__append_named(scratch, SLOT_TARGET_NAME, call__get_argument(regs, 1), (void *)call__get_argument(regs, 2));
	record__send_bulk(scratch);
	return 0;
}
