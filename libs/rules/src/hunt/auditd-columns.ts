// auditd's names for what the tables `events` and `processes` hold: `kernel/auditd.ts` as SQL.
import { event, nobodyId } from '@norn/contracts';
import { ARGUMENTS_MAX, COMM_MAX, groups, nameTypes, type Group } from '../kernel/auditd.ts';
import { NO_TERMINAL } from '../kernel/credential-fields.ts';
import {
  isKnown,
  listOfBoth,
  listOfEvent,
  listOfProcess,
  numberOfProcess,
  ofEvent,
  ofKnown,
  ofProcess,
  processTable,
  sourceFile,
  targetFile,
  valid,
  type Facts,
} from './facts.ts';

const { EventKind, ImageFlag } = event;
const OPEN: number = EventKind.FILE_OPEN;
const O_CREAT = 0o100;
const O_EXCL = 0o200;

const listed = (texts: readonly string[]): string => `[${texts.map((text) => `'${text}'`).join(', ')}]`;
const isFile = ({ records }: Group): boolean => records.includes('PATH');
const isExec = `kind = ${EventKind.EXEC}`;
const isOfFile = `kind IN (${[...groups].flatMap(([kind, [group]]) => (isFile(group) ? [kind] : [])).join(', ')})`;

/** An array of texts for each kind of event. */
function byKind(textsOf: (kind: number, group: Group, variant: Group | undefined) => string): Facts {
  const cases = [...groups].map(([kind, [group, variant]]) => `kind = ${kind}, ${textsOf(kind, group, variant)}`);
  return listOfEvent(`multiIf(${cases.join(', ')}, [])`);
}

/** An open that may create says not whether the file was there. */
const openedTypes = `multiIf(bitAnd(flags, ${O_CREAT}) = 0, ['NORMAL'], bitAnd(flags, ${O_EXCL}) = 0, ['CREATE', 'NORMAL'], ['CREATE'])`;

function nameTypesOf(kind: number, group: Group): string {
  if (!isFile(group)) return '[]';
  return kind === OPEN ? openedTypes : listed(nameTypes.get(kind) ?? ['NORMAL']);
}

const commandLine = valid(`${processTable}.command_line`);
const word = (number: number): string => `splitByChar(' ', ${commandLine})[${number + 1}]`;
const comm = (path: string): string => `substringUTF8(splitByChar('/', ${path})[-1], 1, ${COMM_MAX})`;

/** Only an exec has arguments. */
const argumentFacts = Array.from(
  { length: ARGUMENTS_MAX },
  (_, number) => [`a${number}`, listOfBoth(`if(${isExec}, [${word(number)}], [])`)] as const,
);

const isItself = `${isKnown} AND bitAnd(${processTable}.image_flags, ${ImageFlag.SETUID}) = 0`;

/** Nobody's number has a name, too. */
function auditId(column: string): Facts {
  const id = `${processTable}.${column}`;
  const texts = `arrayConcat([toString(${id})], if(${id} = ${nobodyId}, ['unset'], []))`;
  return listOfProcess(`if(${isKnown}, ${texts}, [])`);
}

/** By the names of auditd's fields. */
export const auditdFacts: Readonly<Record<string, Facts>> = {
  type: byKind((_kind, { records }) => listed(records)),
  SYSCALL: byKind((_kind, { calls }, variant) =>
    variant ? `if(bitAnd(flags, 1) = 1, ${listed(variant.calls)}, ${listed(calls)})` : listed(calls),
  ),
  success: ofEvent("'yes'"),
  ...Object.fromEntries(argumentFacts),
  exe: ofEvent('image_path'),
  comm: listOfBoth(`[${comm(word(0))}, ${comm('image_path')}]`),
  proctitle: ofProcess('command_line'),
  cwd: ofProcess('working_directory'),
  pid: ofEvent('toString(pid)'),
  ppid: numberOfProcess('parent_pid'),
  uid: numberOfProcess('user_id'),
  gid: numberOfProcess('group_id'),
  euid: listOfProcess(`if(${isItself}, [toString(${processTable}.user_id)], [])`),
  auid: auditId('login_user_id'),
  ses: auditId('session_id'),
  tty: ofKnown(`if(${processTable}.terminal = '', '${NO_TERMINAL}', ${processTable}.terminal)`),
  nametype: byKind(nameTypesOf),
  name: ofEvent(`multiIf(${isExec}, image_path, ${isOfFile}, ${targetFile}, '')`),
  'name of the source': ofEvent(`if(${isOfFile}, ${sourceFile}, '')`),
};
