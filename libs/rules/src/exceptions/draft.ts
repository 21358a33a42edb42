// An exception as a person writes it, checked: what would silence more than one behaviour of one process is refused, with the cure.
import { NornError, messageOf } from '@norn/base';
import { Document, Scalar, parse, visit } from 'yaml';
import { z } from 'zod';
import { EVIDENCE_MAX } from '../engine/engine.ts';
import type { ExceptionScope } from './exception.ts';

export const exceptionLimits = {
  reasonCharactersMax: 500,
  evidenceMax: 16,
  /** Characters of a path, a command line, a value. */
  textMax: 1_024,
  daysDefault: 30,
  daysMax: 365,
  fileCharactersMax: 16 * 1024,
} as const;

const dayMs = 86_400_000;
const text = z.string().max(exceptionLimits.textMax);
const path = text.regex(/^($|\/)/, 'a path begins with "/"').default('');

/** What `POST exceptions` and a file of `./norn exceptions add` hold. */
export const exceptionDraft = z.strictObject({
  ruleId: z.string().regex(/^[\w.-]{1,100}$/, 'a rule id has at most 100 letters, digits, ".", "_" and "-"'),
  process: z.strictObject({
    sha256: z
      .string()
      .regex(/^$|^[0-9a-f]{64}$/, 'a SHA-256 is 64 lower-case hex digits')
      .default(''),
    imagePath: path,
    package: text.default(''),
    parentImage: path,
    commandLine: text.default(''),
  }),
  place: z
    .strictObject({
      containerImage: text.default(''),
      hostId: text.default(''),
      hostGroup: text.default(''),
      pathPrefix: path,
    })
    .default({ containerImage: '', hostId: '', hostGroup: '', pathPrefix: '' }),
  evidence: z
    .array(z.strictObject({ field: z.string().min(1).max(128), value: text }))
    .max(exceptionLimits.evidenceMax)
    .default([]),
  reason: z.string().trim().min(1, 'say why: the next one will ask').max(exceptionLimits.reasonCharactersMax),
  /** 30 days from now unless told. */
  expiresAt: z.iso.datetime({ message: 'a moment is written 2026-11-27T03:00:00.000Z' }).optional(),
});

export type ExceptionDraft = z.output<typeof exceptionDraft>;

/** One that is only tried needs no reason yet. */
export const triedException = exceptionDraft.extend({
  reason: z.string().max(exceptionLimits.reasonCharactersMax).default(''),
});

function checkProcess({ sha256, imagePath, package: name }: ExceptionScope['process']): void {
  if (sha256 === '' && imagePath === '') throw tooWide('names no process: give process.sha256 or process.imagePath');
  // Whoever is root in a container writes its lists of packages; what lies at a path of the image he does not choose.
  if (name !== '' && imagePath === '') throw tooWide('names a package without a program of it: give process.imagePath');
}

/** Throws `exception_of_reflex`, `exception_too_wide`, `exception_value_cut`. */
export function checkScope({ ruleId, process, place, evidence }: ExceptionScope): void {
  // An interpreter's hash alone would be every script.
  const isOneProgram = process.sha256 !== '' || process.package !== '';
  if (ruleId.startsWith('reflex.') && (!isOneProgram || process.commandLine === ''))
    throw new NornError(
      'exception_of_reflex',
      `${ruleId} is a reflex: its alert is left out for one program run in one way. Give process.sha256 or process.package, and process.commandLine, or release the alert, and it never fires again on the same evidence`,
    );
  checkProcess(process);
  const isSomewhere = place.containerImage + place.hostId + place.hostGroup + place.pathPrefix !== '';
  if (!isSomewhere && evidence.length === 0)
    throw tooWide(
      'names no place: give place.containerImage, place.hostId, place.hostGroup or place.pathPrefix, or evidence',
    );
  if (place.pathPrefix !== '' && !/^\/[^/]+\/[^/]/.test(place.pathPrefix))
    throw tooWide(`covers all of ${place.pathPrefix}: give place.pathPrefix at least two directories`);
  if (place.pathPrefix.split('/').includes('..'))
    throw tooWide('goes up in place.pathPrefix: write the path without ".."');
  for (const { field, value } of evidence) {
    if (value.length < EVIDENCE_MAX) continue;
    throw new NornError(
      'exception_value_cut',
      `The evidence ${field} has ${value.length} characters, and of a value ${EVIDENCE_MAX} are kept: what begins alike would be excepted, too; leave it out`,
    );
  }
}

function tooWide(why: string): NornError {
  return new NornError('exception_too_wide', `An exception is for one process in one place, and this one ${why}`);
}

/** Throws `exception_expiry` for one that is over already, or lasts longer than a year. */
export function expiryOf({ expiresAt }: Pick<ExceptionDraft, 'expiresAt'>, nowMs: number): Date {
  const { daysDefault, daysMax } = exceptionLimits;
  const atMs = expiresAt === undefined ? nowMs + daysDefault * dayMs : Date.parse(expiresAt);
  if (atMs > nowMs && atMs <= nowMs + daysMax * dayMs) return new Date(atMs);
  throw new NornError(
    'exception_expiry',
    `An exception ends between now and ${daysMax} days from now, not at ${String(expiresAt)}: renew it when that is over`,
  );
}

/** Throws `exception_invalid` with what is wrong. */
export function parseException(file: string, content: string): ExceptionDraft {
  if (content.length > exceptionLimits.fileCharactersMax)
    throw invalid(file, `is longer than ${exceptionLimits.fileCharactersMax} characters`);
  const parsed = exceptionDraft.safeParse(valueOf(file, content));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw invalid(file, `${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`);
}

function valueOf(file: string, content: string): unknown {
  try {
    return parse(content, { maxAliasCount: 0 });
  } catch (error) {
    throw invalid(file, messageOf(error));
  }
}

function invalid(file: string, what: string): NornError {
  const cure = '`./norn exceptions propose ALERT FINDING` writes one to begin with';
  return new NornError('exception_invalid', `${file}: ${what}; ${cure}`);
}

/** As a file: what is empty is left out. */
export function exceptionText(
  { ruleId, process, place, evidence }: ExceptionScope,
  reason: string,
  expiresAt: string,
): string {
  const filled = (part: object): object => Object.fromEntries(Object.entries(part).filter(([, value]) => value !== ''));
  const lists = evidence.length === 0 ? {} : { evidence };
  const written = new Document({ ruleId, process: filled(process), place: filled(place), ...lists, reason, expiresAt });
  visit(written, {
    Scalar: (_, scalar) => {
      // Only between double quotes does YAML read `\u202e` for what a terminal must not be given.
      if (/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(String(scalar.value))) scalar.type = Scalar.QUOTE_DOUBLE;
    },
  });
  return written.toString({ lineWidth: 0, doubleQuotedMinMultiLineLength: Infinity });
}
