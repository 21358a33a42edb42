// What comes in from outside, parsed and bounded at the door.
import { type PipeTransform } from '@nestjs/common';
import { z } from 'zod';
import { refuseNul } from './nul.ts';

export const limits = {
  bodyBytesMax: 16 * 1024,
  pageMax: 200,
  pageDefault: 50,
  searchCharactersMax: 200,
  requestsPerMinuteMax: 1200,
  /** Beyond these, a wrong one-time link is answered 429; a right one works. */
  loginsPerMinuteMax: 60,
  streamsPerTenantMax: 200,
  /** Connections at once: all of them, and those from which no whole request has come yet. */
  connectionsMax: 4_096,
  strangersMax: 256,
  /** A whole request comes within this. */
  requestMs: 30_000,
  /** Streams say something every 5 s, hunts ten times a second. */
  quietMs: 60_000,
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
/** Of a group of hosts, as policies name it. */
export const hostGroupName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,63}$/, 'a group of hosts is called by 1 to 64 small letters, digits and "-"');
/** Of a page of a list. */
export const pageLimit = z.coerce.number().int().min(1).max(limits.pageMax).default(limits.pageDefault);
export const searchText = z.string().trim().min(1).max(limits.searchCharactersMax);

export const containerId = z.string().regex(/^[0-9a-f]{1,64}$/, 'a container id, or its beginning, in hex');
export const ruleName = z.string().max(100);

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
