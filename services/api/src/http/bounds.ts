// What comes in from outside, parsed and bounded at the door.
import { type PipeTransform } from '@nestjs/common';
import { invitedHostsMax } from '@norn/contracts';
import { z } from 'zod';
import { refuseNul } from './nul.ts';

export const limits = {
  bodyBytesMax: 16 * 1024,
  pageMax: 200,
  pageDefault: 50,
  searchCharactersMax: 200,
  requestsPerMinuteMax: 1200,
  loginsPerMinuteMax: 60,
  streamsPerTenantMax: 200,
  pathCharactersMax: 4096,
  pathsMax: 20,
  ruleImportBytesMax: 1024 * 1024,
  ruleFilesMax: 200,
  ruleCharactersMax: 64 * 1024,
  policyBytesMax: 1024 * 1024,
  hostGroupMembersMax: 1_000,
  hostGroupBytesMax: 288 * 1024,
  policyCharactersMax: 256 * 1024,
} as const;

export const alertId = z.string().regex(/^[0-9a-f]{32}$/, 'an id is 32 lower-case hex digits');
export const hostId = z
  .string()
  .regex(/^[\w.-]{1,100}$/, 'a host id has at most 100 letters, digits, ".", "_" and "-"');
export const loginToken = z.string().min(16).max(512);
const limit = z.coerce.number().int().min(1).max(limits.pageMax).default(limits.pageDefault);
const search = z.string().trim().min(1).max(limits.searchCharactersMax);

const stateWord = z.enum(['open', 'responding', 'remediated', 'stopped', 'failed', 'released', 'archived']);
const severityWord = z.enum(['informational', 'low', 'medium', 'high', 'critical']);
/** "open,failed" → a list; each word checked. */
function words<Word extends string>(word: z.ZodEnum<Readonly<Record<Word, Word>>>) {
  return z
    .string()
    .max(200)
    .describe(`One or more of ${word.options.join(', ')}, with commas between them`)
    .transform((text) => text.split(',').filter((part) => part !== ''))
    .pipe(
      z
        .array(z.string())
        .max(10)
        .transform((list) => list.map((part) => word.parse(part))),
    )
    .optional();
}

const container = z.string().regex(/^[0-9a-f]{1,64}$/, 'a container id, or its beginning, in hex');
const rule = z.string().max(100);

export const alertsQuery = z.object({
  state: words(stateWord),
  severity: words(severityWord),
  host: hostId.optional(),
  container: container.optional(),
  technique: z
    .string()
    .regex(/^T\d{4}(\.\d{3})?$/, 'a technique is written T1486 or T1059.006')
    .optional(),
  rule: rule.optional(),
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/, 'a SHA-256 is 64 lower-case hex digits')
    .optional(),
  image: search.optional(),
  containerImage: search.optional(),
  namespace: search.optional(),
  pod: search.optional(),
  workload: search.optional(),
  label: z
    .string()
    .max(limits.searchCharactersMax)
    .regex(/^[^=]+=.*$/, 'a label is written app=web')
    .optional(),
  q: search.optional(),
  /** What a table shows of an id; fewer digits could be those of many. */
  id: z
    .string()
    .regex(
      /^[0-9a-f]{8,32}$/,
      'an alert is named by its id, or by at least the first 8 of its 32 lower-case hex digits',
    )
    .optional(),
  limit,
  cursor: alertId.optional(),
});
export type AlertsQuery = z.output<typeof alertsQuery>;

export const detailQuery = z.object({ again: z.stringbool().default(false) });
export type DetailQuery = z.output<typeof detailQuery>;

/** Files of an alert that one can page to. */
const fileOffsetMax = 100_000;
export const filesQuery = z.object({ offset: z.coerce.number().int().min(0).max(fileOffsetMax).default(0) });
export type FilesQuery = z.output<typeof filesQuery>;

export const findingsQuery = z.object({
  since: z.iso.datetime({ message: 'a moment is written 2026-11-27T03:00:00.000Z' }),
  host: hostId.optional(),
  container: container.optional(),
  rule: rule.optional(),
  limit,
});
export type FindingsQuery = z.output<typeof findingsQuery>;

export const commandsQuery = z.object({ alert: alertId.optional(), limit, cursor: alertId.optional() });
export type CommandsQuery = z.output<typeof commandsQuery>;

/** One path is text, several are a list. */
export const conflictsQuery = z.object({
  path: z
    .union([
      z.string().max(limits.pathCharactersMax),
      z.array(z.string().max(limits.pathCharactersMax)).max(limits.pathsMax),
    ])
    .transform((paths) => (typeof paths === 'string' ? [paths] : paths))
    .default([]),
});
export type ConflictsQuery = z.output<typeof conflictsQuery>;

/** Rules to be taken in: name and YAML of each file. */
export const ruleFiles = z.strictObject({
  files: z
    .array(z.strictObject({ name: z.string().min(1).max(300), text: z.string().max(limits.ruleCharactersMax) }))
    .min(1)
    .max(limits.ruleFilesMax),
});
export const ruleId = z
  .string()
  .regex(/^[\w.-]{1,100}$/, 'a rule id has at most 100 letters, digits, ".", "_" and "-"');
/** As detection and the agents make it. */
export const findingId = alertId;
export const previewQuery = z.object({ without: findingId.optional() });
export type PreviewQuery = z.output<typeof previewQuery>;
export const exceptionId = z.uuid({ message: 'an exception has a UUID: see ./norn exceptions' });
export const ruleState = z.strictObject({ state: z.enum(['observe', 'alert', 'off']) });
export type RuleState = z.output<typeof ruleState>;
export type RuleFiles = z.output<typeof ruleFiles>;

/** A policy as YAML. */
export const policyBody = z.strictObject({ body: z.string().min(1).max(limits.policyCharactersMax) });
export type PolicyBody = z.output<typeof policyBody>;
const policyNumberMax = 1_000_000_000;
export const policyNumber = z.coerce.number().int().min(1).max(policyNumberMax);
export const policyRollback = z.strictObject({ number: z.number().int().min(1).max(policyNumberMax) });
export type PolicyRollbackBody = z.output<typeof policyRollback>;

/** As policies name it. */
export const hostGroupName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,63}$/, 'a group of hosts is called by 1 to 64 small letters, digits and "-"');
export const hostGroupBody = z.strictObject({
  /** Ids of hosts, or patterns of their names. */
  members: z
    .array(
      z.string().regex(/^[\w.*-]{1,253}$/, 'a host is given by its id, or by its name with "*" for any characters'),
    )
    .max(limits.hostGroupMembersMax),
});
export type HostGroupBody = z.output<typeof hostGroupBody>;

/** How many hosts an invitation lets in; one unless said. */
export const joinTokenBody = z
  .strictObject({ hosts: z.number().int().min(1).max(invitedHostsMax).default(1) })
  .prefault({});
export type JoinTokenBody = z.output<typeof joinTokenBody>;

export const loginQuery = z.object({ token: loginToken.optional() });

/**
 * Parses an argument with a zod schema; what does not fit is answered with 400 and the reason. So is a NUL in any text of it, unless `nul` is
 * `let be`: then who takes the argument refuses it piece by piece.
 */
export class Parsed<Schema extends z.ZodType> implements PipeTransform<unknown, z.output<Schema>> {
  constructor(
    private readonly schema: Schema,
    private readonly nul: 'refused' | 'let be' = 'refused',
  ) {}

  transform(value: unknown): z.output<Schema> {
    const parsed = this.schema.parse(value);
    if (this.nul === 'refused') refuseNul(parsed);
    return parsed;
  }
}
