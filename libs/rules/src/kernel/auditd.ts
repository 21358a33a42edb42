// The events of the sensor as what auditd would have written of them, for rules of `service: auditd`. One event stands for the whole group
// of records that auditd writes for one call, so a condition over several record types is judged over their union.
import { event } from '@norn/contracts';
import type { RuleBatch } from './batch.ts';
import { auditCredentialFields } from './credential-fields.ts';
import {
  at,
  imageOf,
  means,
  ofProcess,
  ofTable,
  ofText,
  processOf,
  sourceFile,
  targetFile,
  type FieldRow,
} from './field-row.ts';
import type { KindOfRows } from './routes.ts';

const { EventKind, ImageFlag } = event;
const EXEC: number = EventKind.EXEC;
const OPEN: number = EventKind.FILE_OPEN;
const O_CREAT = 0o100;
const O_EXCL = 0o200;
/** Of the arguments of one exec. */
export const ARGUMENTS_MAX = 32;
/** The kernel's TASK_COMM_LEN without its end, characters. */
export const COMM_MAX = 15;

/** What auditd writes of one call. */
export interface Group {
  /** Names of the calls it may have been: the sensor does not tell variants of one call apart. */
  readonly calls: readonly string[];
  readonly records: readonly string[];
}

const ofFile = (...calls: string[]): Group => ({ calls, records: ['SYSCALL', 'CWD', 'PATH', 'PROCTITLE'] });
const ofSocket = (...calls: string[]): Group => ({ calls, records: ['SYSCALL', 'SOCKADDR', 'PROCTITLE'] });
const ofCall = (...calls: string[]): Group => ({ calls, records: ['SYSCALL', 'PROCTITLE'] });

/** By event kind; the second is meant where the lowest bit of the row's flags is set. */
export const groups: ReadonlyMap<number, readonly [Group, Group?]> = new Map<number, readonly [Group, Group?]>([
  [EXEC, [{ calls: ['execve', 'execveat'], records: ['SYSCALL', 'EXECVE', 'CWD', 'PATH', 'PROCTITLE'] }]],
  [OPEN, [ofFile('open', 'openat', 'openat2', 'creat')]],
  [EventKind.FILE_READ, [ofFile('open', 'openat', 'openat2', 'open_by_handle_at')]],
  [EventKind.FILE_RENAME, [ofFile('rename', 'renameat', 'renameat2')]],
  [EventKind.FILE_LINK, [ofFile('link', 'linkat'), ofFile('symlink', 'symlinkat')]],
  [EventKind.FILE_UNLINK, [ofFile('unlink', 'unlinkat'), ofFile('rmdir', 'unlinkat')]],
  [EventKind.FILE_TRUNCATE, [ofFile('truncate', 'ftruncate')]],
  [EventKind.FILE_CHMOD, [ofFile('chmod', 'fchmod', 'fchmodat', 'fchmodat2')]],
  [EventKind.FILE_CHOWN, [ofFile('chown', 'fchown', 'fchownat', 'lchown')]],
  [EventKind.FILE_TIMES, [ofFile('utimensat', 'futimesat', 'utimes', 'utime')]],
  [EventKind.FILE_FLAGS, [ofCall('ioctl')]],
  [EventKind.FILE_CAPABILITIES, [ofFile('setxattr', 'lsetxattr', 'fsetxattr')]],
  [EventKind.FILE_MKDIR, [ofFile('mkdir', 'mkdirat')]],
  [EventKind.NET_CONNECT, [ofSocket('connect')]],
  [EventKind.NET_ACCEPT, [ofSocket('accept', 'accept4')]],
  [EventKind.NET_LISTEN, [ofCall('listen')]],
  [EventKind.MEMFD_CREATE, [ofCall('memfd_create')]],
  [EventKind.PTRACE, [ofCall('ptrace')]],
  [EventKind.PROCESS_WRITE, [ofCall('process_vm_writev')]],
  [EventKind.MODULE_LOAD, [ofCall('init_module', 'finit_module')]],
  [EventKind.MOUNT, [ofFile('mount')]],
  [EventKind.SETNS, [ofCall('setns')]],
  [EventKind.UNSHARE, [ofCall('unshare')]],
  [EventKind.BPF, [ofCall('bpf')]],
]);

const all = [...groups.values()].flat().filter((group) => group !== undefined);
const distinct = (texts: readonly string[]): string[] => [...new Set(texts)];

/** Kind and variant of a row as an entry of the table of groups. */
function groupEntry(batch: RuleBatch, row: number): number {
  const kind = at(batch.kind, row);
  return kind * 2 + (groups.get(kind)?.[1] ? at(batch.flags, row) & 1 : 0);
}

const groupOf = (entry: number): Group | undefined => groups.get(entry >> 1)?.[(entry & 1) as 0 | 1];

const isOfFile = (batch: RuleBatch, row: number): boolean =>
  groups.get(at(batch.kind, row))?.[0].records.includes('PATH') ?? false;

/** What became of the files of each kind of event; of all others it is NORMAL. */
export const nameTypes: ReadonlyMap<number, readonly string[]> = new Map<number, readonly string[]>([
  [EventKind.FILE_RENAME, ['DELETE', 'CREATE']],
  [EventKind.FILE_LINK, ['CREATE']],
  [EventKind.FILE_MKDIR, ['CREATE']],
  [EventKind.FILE_UNLINK, ['DELETE']],
]);

function nameTypeEntry(batch: RuleBatch, row: number): number {
  const kind = at(batch.kind, row);
  return isOfFile(batch, row) ? kind * 4 + (kind === OPEN ? (at(batch.flags, row) & (O_CREAT | O_EXCL)) >> 6 : 0) : 0;
}

/** An open that may create says not whether the file was there. */
function nameTypeTexts(entry: number): readonly string[] {
  if (entry === 0) return [];
  const [kind, flags] = [entry >> 2, entry & 3];
  if (kind === OPEN && flags !== 0) return flags === 3 ? ['CREATE'] : flags === 1 ? ['CREATE', 'NORMAL'] : ['NORMAL'];
  return nameTypes.get(kind) ?? ['NORMAL'];
}

/** Only an exec has arguments; the entry beyond the table holds nothing. */
const execEntry = (batch: RuleBatch, row: number): number =>
  at(batch.kind, row) === EXEC ? processOf(batch, row) : batch.listCount;

const commandLineOf = (batch: RuleBatch, process: number): string =>
  batch.text(at(batch.imageCommandLine, at(batch.processImage, process)));

const words = new WeakMap<RuleBatch, (readonly string[] | undefined)[]>();

/** Split once for all arguments. */
function wordsOf(batch: RuleBatch, process: number): readonly string[] {
  let known = words.get(batch);
  if (!known) words.set(batch, (known = []));
  return (known[process] ??= commandLineOf(batch, process).split(' ', ARGUMENTS_MAX));
}

const argumentFields = Array.from({ length: ARGUMENTS_MAX }, (_, number) =>
  ofTable(`a${number}`, means('process.cmd_line', 'EventColumns.image_command_line', 'process.command_args'), {
    entry: execEntry,
    texts: (batch, process) => (process < batch.listCount ? [wordsOf(batch, process)[number] ?? ''] : []),
  }),
);

/** The kernel calls a process by the name it was started by, which may be that of a link to its file. */
function commTexts(batch: RuleBatch, process: number): string[] {
  const file = batch.text(at(batch.imagePath, at(batch.processImage, process)));
  const [called = ''] = wordsOf(batch, process);
  return distinct([called, file].map((path) => shortened(path.slice(path.lastIndexOf('/') + 1))));
}

/** Not in the middle of a character that UTF-16 has in two parts. */
function shortened(name: string): string {
  return name.length > COMM_MAX ? Array.from(name).slice(0, COMM_MAX).join('') : name;
}

/** The sensor tells the real user; the effective one is another where the image is set-uid, and then not known. */
function effectiveUser(batch: RuleBatch, process: number): string[] {
  const flags = at(batch.imageFlags, at(batch.processImage, process));
  return (flags & ImageFlag.SETUID) === 0 ? [String(at(batch.processUserId, process))] : [];
}

/** Fields of auditd's records by their names there. */
export const auditdFields: readonly FieldRow[] = [
  ofTable('type', means('metadata.log_name', 'EventColumns.kind'), {
    entry: groupEntry,
    texts: (_batch, entry) => groupOf(entry)?.records ?? [],
    values: distinct(all.flatMap(({ records }) => records)),
  }),
  ofTable('SYSCALL', means('api.operation', 'EventColumns.kind EventColumns.flags'), {
    entry: groupEntry,
    texts: (_batch, entry) => groupOf(entry)?.calls ?? [],
    values: distinct(all.flatMap(({ calls }) => calls)),
  }),
  // Failed calls are no events.
  ofTable('success', means('status', 'EventColumns.result'), {
    entry: () => 0,
    texts: () => ['yes'],
    values: ['yes'],
  }),
  ...argumentFields,
  ofText('exe', means('process.file.path', 'EventColumns.image_path', 'process.executable.path'), (batch, row) =>
    at(batch.imagePath, imageOf(batch, row)),
  ),
  ofProcess(
    'comm',
    means('process.name', 'EventColumns.image_command_line EventColumns.image_path', 'process.title'),
    commTexts,
  ),
  ofText(
    'proctitle',
    means('process.cmd_line', 'EventColumns.image_command_line', 'process.command_line'),
    (batch, row) => at(batch.imageCommandLine, imageOf(batch, row)),
  ),
  ofText(
    'cwd',
    means('process.working_directory', 'EventColumns.image_working_directory', 'process.working_directory'),
    (batch, row) => at(batch.imageWorkingDirectory, imageOf(batch, row)),
  ),
  ofProcess('pid', means('process.pid', 'EventColumns.pid', 'process.pid'), (batch, process) => [
    String(at(batch.processPid, process)),
  ]),
  ofProcess(
    'ppid',
    means('process.parent_process.pid', 'EventColumns.parent_pid', 'process.parent_pid'),
    (batch, process) => [String(at(batch.processParentPid, process))],
  ),
  ofProcess('uid', means('process.user.uid', 'EventColumns.user_id', 'process.real_user.id'), (batch, process) => [
    String(at(batch.processUserId, process)),
  ]),
  ofProcess('gid', means('process.group.uid', 'EventColumns.group_id'), (batch, process) => [
    String(at(batch.processGroupId, process)),
  ]),
  ofProcess(
    'euid',
    means('process.euid', 'EventColumns.user_id EventColumns.image_flags', 'process.user.id'),
    effectiveUser,
  ),
  ...auditCredentialFields,
  ofTable('nametype', means('activity_id', 'EventColumns.kind EventColumns.flags'), {
    entry: nameTypeEntry,
    texts: (_batch, entry) => nameTypeTexts(entry),
    values: ['NORMAL', 'CREATE', 'DELETE'],
  }),
];

/** PATH records: the file's name, that of the image at an exec, and the former name or what a link points to. */
export const pathFields: readonly FieldRow[] = [
  ofText(
    'name',
    means('file.path', 'EventColumns.path EventColumns.target EventColumns.image_path', 'file.path'),
    (batch, row) => {
      if (at(batch.kind, row) === EXEC) return at(batch.imagePath, imageOf(batch, row));
      return isOfFile(batch, row) ? targetFile(batch, row) : 0;
    },
  ),
  ofText('name of the source', means('file_result.path', 'EventColumns.path EventColumns.target'), (batch, row) =>
    isOfFile(batch, row) ? sourceFile(batch, row) : 0,
  ),
];

export const AUDITD = 'auditd';

export const auditdRows: readonly KindOfRows[] = [...groups.keys()].map((kind) => ({
  kind,
  stream: AUDITD,
  succeeded: true,
}));
