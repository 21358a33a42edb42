// Why the sensor does not give what a rule asks for.
import type { AskedValue } from '../engine/possible.ts';
import type { LogSource } from '../sigma/rule.ts';

export type BlindCause = 'log source' | 'field' | 'value';

/** Something a rule asks for and the sensor does not give. */
export interface Lack {
  readonly cause: BlindCause;
  /** `service sshd`, `DestinationHostname`, `SYSCALL syslog`. */
  readonly what: string;
  /** One sentence without a full stop. */
  readonly why: string;
}

const wire = 'what passes on the wire is not looked into';
const categoryReasons: Readonly<Record<string, string>> = {
  dns: wire,
  dns_query: 'names are resolved by programs, the kernel sees packets',
  firewall: wire,
  network: wire,
  proxy: wire,
  webserver: 'logs of web servers are not read',
};

export function whyNoSource({ product, category, service }: LogSource): Lack {
  const part = (name: string, value: string | undefined): string[] => (value === undefined ? [] : [`${name} ${value}`]);
  const what = [...part('category', category), ...part('service', service)].join(', ');
  const lack = (what: string, why: string): Lack => ({ cause: 'log source', what, why });
  if (product !== undefined && product !== 'linux') return lack(`product ${product}`, 'the agent watches Linux');
  if (what === '') return lack('any log source', 'name a category or a service, or the product linux');
  if (service === undefined) return lack(what, categoryReasons[category ?? ''] ?? 'the sensor has no such event');
  return lack(what, 'what programs log is not read: the sensor tells facts of the kernel');
}

const programs = 'it is in records that programs send to auditd, and none are sent here';
const windows = 'it is known on Windows only';
const digests = 'SHA-256 is the one digest that is computed';
const fieldReasons: Readonly<Record<string, string>> = {
  destinationhostname: 'names are resolved by programs, the kernel sees addresses',
  sourceip: "of this host's end the port is in the event, its address is not",
  parentuser: 'of a parent, image and command line travel with the event, its user does not',
  targetimage: 'of a process that is reached into the pid is in the event, its image is not',
  grantedaccess: 'it is known on Windows only: ask for Access',
  key: 'keys are given by the configuration of auditd, which has no part in this',
  unit: programs,
  acct: programs,
  op: programs,
  res: programs,
  addr: programs,
  md5: digests,
  sha1: digests,
  imphash: windows,
  integritylevel: windows,
  originalfilename: windows,
  company: windows,
  product: windows,
  description: windows,
};

export function whyNoField(name: string): Lack {
  return { cause: 'field', what: name, why: fieldReasons[name.toLowerCase()] ?? 'no event of the sensor has it' };
}

const valueReasons: Readonly<Record<string, string>> = {
  type: 'such records are not about calls that the sensor sees: programs or auditd itself write them',
  SYSCALL: 'the sensor does not report this call',
  success: 'calls that failed are no events',
  nametype: 'only the file itself is told, not the directory around it',
};

export function whyNoValue({ field, value }: AskedValue): Lack {
  return { cause: 'value', what: `${field} ${value}`, why: valueReasons[field] ?? 'no event of the sensor has it' };
}

/** Of rules for whatever a Linux machine logs. */
export const LOGGED_TEXTS: Lack = {
  cause: 'log source',
  what: 'texts that programs log',
  why: 'words are looked for in command lines and file names, what programs log is not read',
};

/** Of rules that ask for records about files and not for what became of them. */
export const READ_PATHS: Lack = {
  cause: 'value',
  what: 'type PATH of files that are read',
  why: 'files that are changed or run are told; of those that are only read, the sensitive ones',
};

/** Of rules that ask for files by their names. */
export const READ_FILES: Lack = {
  cause: 'value',
  what: 'files that are read',
  why: 'opening a file to read it is told of sensitive files (libs/contracts), not of others',
};
