// An exception to a rule as people see it.
import { type MessageInitShape, create } from '@bufbuild/protobuf';
import { type finding, view } from '@norn/contracts';
import type { ExceptionScope } from '@norn/rules';
import type { RuleException } from '@norn/store';
import { baseName, counted, shortId, timeOf, timeOfDate } from '../model/words.ts';
import { previewLimits } from './exceptions.queries.ts';

const quoteLimits = { charactersMax: 80 } as const;

/** What an exception kept from alerts. */
export interface ExceptionUse {
  readonly used: number;
  /** Unix µs. */
  readonly lastUs: number;
}

export function exceptionView(row: RuleException, nowMs: number, use?: ExceptionUse): view.ExceptionView {
  const { id, ruleId, author, reason, createdAt, expiresAt, scope } = row;
  const process = { package: '', ...scope.process };
  const place = { ...scope.place, hostGroup: scope.place.hostGroup ?? '' };
  return create(view.ExceptionViewSchema, {
    ...scopeView({ ruleId, ...scope, process, place }),
    used: use?.used ?? 0,
    usedAt: use ? timeOf(use.lastUs) : '',
    id,
    author,
    reason,
    createdAt: timeOfDate(createdAt),
    expiresAt: timeOfDate(expiresAt),
    expired: expiresAt.getTime() <= nowMs,
  });
}

/** One that nobody has added yet. */
export function proposedView(scope: ExceptionScope, expiresAt: Date): view.ExceptionView {
  return create(view.ExceptionViewSchema, { ...scopeView(scope), expiresAt: timeOfDate(expiresAt) });
}

function scopeView(scope: ExceptionScope): MessageInitShape<typeof view.ExceptionViewSchema> {
  const { ruleId, process, place, evidence } = scope;
  const shown = evidence.map(({ field, value }) => ({ field, value }));
  return { ruleId, process, place, evidence: shown, summary: summaryOf(scope), ofReflex: ruleId.startsWith('reflex.') };
}

/** "curl, run as “curl -s …” by sh, of this hash, in containers of shop/web:1.4, on /srv/backup". */
function summaryOf({ process, place, evidence }: ExceptionScope): string {
  const { sha256, imagePath, package: name, parentImage, commandLine } = process;
  const run = [
    ...told('run as', quoted(commandLine)),
    ...told(commandLine === '' ? 'run by' : 'by', baseName(parentImage)),
  ];
  return [
    imagePath === '' ? `The program ${shortId(sha256)}` : baseName(imagePath),
    ...told('', run.join(' ')),
    ...told('of the package', name),
    ...(imagePath !== '' && sha256 !== '' ? ['of this hash only'] : []),
    ...told('in containers of', place.containerImage),
    ...told('on host', place.hostId),
    ...told('on hosts of', place.hostGroup),
    ...told('on files under', place.pathPrefix),
    ...evidence.map(({ field, value }) => `with ${field} ${quoted(value)}`),
  ].join(', ');
}

function told(words: string, what: string): string[] {
  return what === '' ? [] : [`${words} ${what}`.trim()];
}

function quoted(text: string): string {
  const { charactersMax } = quoteLimits;
  if (text === '') return '';
  return `“${text.length > charactersMax ? `${text.slice(0, charactersMax)}…` : text}”`;
}

/** A finding that an exception would have silenced. */
export interface Covered {
  readonly alertId: string;
  readonly one: finding.Finding;
}

export function previewView(covered: readonly Covered[], word: string, truncated: boolean): view.ExceptionPreviewView {
  const { days, examplesMax } = previewLimits;
  const alerts = new Set(covered.flatMap(({ alertId }) => alertId || [])).size;
  const many = covered.length === 0 ? `no ${word}s` : counted(covered.length, word);
  const ofAlerts = alerts === 0 ? '' : ` of ${counted(alerts, 'alert')}`;
  return create(view.ExceptionPreviewViewSchema, {
    findings: covered.length,
    alerts,
    truncated,
    days,
    examples: covered.slice(0, examplesMax).map(exampleView),
    summary: `Would have silenced ${truncated ? 'at least ' : ''}${many}${ofAlerts} in the last ${days} days`,
  });
}

function exampleView({ alertId, one }: Covered): view.ExceptedFindingView {
  const { id, timeUs, hostId, containerId, summary } = one;
  return create(view.ExceptedFindingViewSchema, { id, time: timeOf(timeUs), hostId, containerId, alertId, summary });
}
