// Numbers of system calls' arguments as the words of rules.
import { event } from '@norn/contracts';
import type { FlagNames } from './flag-names.ts';

const WRITTEN: number = event.EventKind.PROCESS_WRITE;

/** CLONE_NEW* of linux/sched.h, called as in /proc/PID/ns. */
export const namespaceNames: FlagNames = [
  [0x80, 'time'],
  [0x20000, 'mnt'],
  [0x2000000, 'cgroup'],
  [0x4000000, 'uts'],
  [0x8000000, 'ipc'],
  [0x10000000, 'user'],
  [0x20000000, 'pid'],
  [0x40000000, 'net'],
];

/** MS_* of linux/mount.h. */
export const mountFlagNames: FlagNames = [
  [1, 'read-only'],
  [2, 'no-setuid'],
  [4, 'no-devices'],
  [8, 'no-exec'],
  [0x20, 'remount'],
  [0x1000, 'bind'],
  [0x2000, 'move'],
  [0x4000, 'recursive'],
  [0x40000, 'private'],
  [0x80000, 'slave'],
  [0x100000, 'shared'],
];

/** Names by number. */
export type Numbered = ReadonlyMap<number, string>;

/** The requests of ptrace(2) that are told. */
export const traceNames: Numbered = new Map([
  [0, 'trace-me'],
  [4, 'write'],
  [5, 'write'],
  [13, 'set-registers'],
  [16, 'attach'],
  [0x4205, 'set-registers'],
  [0x4206, 'attach'],
]);

/** A write that is no request of ptrace(2): no number of one. */
export const WRITE = 1;
export const accessNames: Numbered = new Map([...traceNames, [WRITE, 'write']]);

/** How a row of `process_access` reaches another process: key of `accessNames`. */
export function accessOf(kind: number, flags: number): number {
  return kind === WRITTEN ? WRITE : flags;
}

/** The commands of bpf(2) that are told. */
export const bpfCommandNames: Numbered = new Map([
  [0, 'map-create'],
  [5, 'program-load'],
  [8, 'program-attach'],
  [17, 'raw-tracepoint-open'],
  [28, 'link-create'],
  [29, 'link-update'],
  [33, 'iterator-create'],
]);
export const PROGRAM_LOAD = 5;

/** BPF_PROG_TYPE_* of linux/bpf.h; 0 is none. */
export const bpfProgramTypeNames: Numbered = new Map(
  [
    ...['socket-filter', 'kprobe', 'sched-cls', 'sched-act', 'tracepoint', 'xdp', 'perf-event', 'cgroup-skb'],
    ...['cgroup-sock', 'lwt-in', 'lwt-out', 'lwt-xmit', 'sock-ops', 'sk-skb', 'cgroup-device', 'sk-msg'],
    ...['raw-tracepoint', 'cgroup-sock-addr', 'lwt-seg6local', 'lirc-mode2', 'sk-reuseport', 'flow-dissector'],
    ...['cgroup-sysctl', 'raw-tracepoint-writable', 'cgroup-sockopt', 'tracing', 'struct-ops', 'ext', 'lsm'],
    ...['sk-lookup', 'syscall', 'netfilter'],
  ].map((name, at) => [at + 1, name]),
);
