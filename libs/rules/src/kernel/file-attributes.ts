// What `value` says in rows about attributes of files, as the words of rules: modes, times, inode flags, capabilities.
import { event } from '@norn/contracts';
import type { TestEvent } from '../sigma/rule.ts';
import { bitsOf, namesOf, type FlagNames } from './flag-names.ts';

const { EventKind } = event;

/** FS_*_FL of linux/fs.h. */
export const inodeFlagNames: FlagNames = [
  [0x8, 'sync'],
  [0x10, 'immutable'],
  [0x20, 'append-only'],
  [0x40, 'no-dump'],
  [0x80, 'no-atime'],
  [0x800000, 'no-copy-on-write'],
];

/** By bit, of linux/capability.h. */
export const capabilityNames: readonly string[] = [
  ...['chown', 'dac_override', 'dac_read_search', 'fowner', 'fsetid', 'kill', 'setgid', 'setuid', 'setpcap'],
  ...['linux_immutable', 'net_bind_service', 'net_broadcast', 'net_admin', 'net_raw', 'ipc_lock', 'ipc_owner'],
  ...['sys_module', 'sys_rawio', 'sys_chroot', 'sys_ptrace', 'sys_pacct', 'sys_admin', 'sys_boot', 'sys_nice'],
  ...['sys_resource', 'sys_time', 'sys_tty_config', 'mknod', 'lease', 'audit_write', 'audit_control', 'setfcap'],
  ...['mac_override', 'mac_admin', 'syslog', 'wake_alarm', 'block_suspend', 'audit_read', 'perfmon', 'bpf'],
  'checkpoint_restore',
];

export function capabilityTexts(bits: bigint): string[] {
  // Most execs give none.
  if (bits === 0n) return [];
  return capabilityNames.filter((_, bit) => (bits >> BigInt(bit)) & 1n);
}

/** Throws for a capability that there is not. */
function capabilityBit(name: string): bigint {
  const bit = capabilityNames.indexOf(name);
  if (bit < 0) throw new RangeError(`Capability "${name}" does not exist`);
  return 1n << BigInt(bit);
}

export function capabilityBits(names: readonly string[]): bigint {
  return names.reduce((bits, name) => bits | capabilityBit(name), 0n);
}

/** Four octal digits: '4755'. */
export function modeText(mode: number): string {
  return mode.toString(8).padStart(4, '0');
}

/** To the second: '2010-01-01T00:00:00Z'. */
function timeText(us: bigint): string {
  const time = new Date(Number(us / 1_000n));
  return Number.isNaN(time.getTime()) ? '' : `${time.toISOString().slice(0, 19)}Z`;
}

interface Attribute {
  readonly field: string;
  readonly texts: (value: bigint) => readonly string[];
  /** The reverse, of an event written as fields. */
  readonly value: (texts: readonly string[]) => bigint;
}

/** The field of each kind of row; rows of other kinds have none of them. */
export const fileAttributes: ReadonlyMap<number, Attribute> = new Map<number, Attribute>([
  [
    EventKind.FILE_CHMOD,
    {
      field: 'FileMode',
      texts: (value) => [modeText(Number(value & 0o7777n))],
      value: ([mode = '0']) => BigInt(Number.parseInt(mode, 8)),
    },
  ],
  [
    EventKind.FILE_TIMES,
    {
      field: 'ModifiedTime',
      texts: (value) => [timeText(value)],
      value: ([time = '1970-01-01']) => BigInt(Date.parse(time)) * 1_000n,
    },
  ],
  [
    EventKind.FILE_FLAGS,
    {
      field: 'FileFlags',
      texts: (value) => namesOf(Number(value & 0xffff_ffffn), inodeFlagNames),
      value: (words) => BigInt(bitsOf(words, inodeFlagNames)),
    },
  ],
  [
    EventKind.FILE_CAPABILITIES,
    {
      field: 'FileCapabilities',
      texts: capabilityTexts,
      value: capabilityBits,
    },
  ],
]);

/** Of a stored row, as fields. */
export function attributeFields(kind: number, value: bigint): TestEvent {
  const attribute = fileAttributes.get(kind);
  return attribute ? { [attribute.field]: [...attribute.texts(value)] } : {};
}
