// What a person's action becomes: whose work it is about, what it undoes, and what it is to the host. Refused where it can not be.
import { fromBinary } from '@bufbuild/protobuf';
import { NornError, shortId, toHex } from '@norn/base';
import { finding } from '@norn/contracts';
import { type ProtectionResponses, findingsToRestore } from '../protection-response.ts';
import { type ActionName, actOf, actionOf, alertActions, rivalsOf } from './actions.ts';
import type { AlertAction, CommandAct } from './alert-action.ts';
import { type KnownCommand, standingRestores, undoneIds } from './standing.ts';

export interface AskedAction {
  readonly action: ActionName;
  /** Of a decision about conflicts: only these files, as the alert shows them; none: all. */
  readonly paths?: readonly string[];
  /** Of a kill: what runs of the attack, 32 hex each. An agent that started since does not know whose descendant an orphan is. */
  readonly running?: readonly string[];
}

export interface KnownAlert {
  readonly id: string;
  /** Empty for the host. */
  readonly containerId: string;
  /** norn.finding.v1.Alert, serialised. */
  readonly body: Uint8Array;
}

export interface AskedAbout {
  readonly alert: KnownAlert;
  /** All of the alert, newest first. */
  readonly commands: readonly (KnownCommand & { readonly finishedAt: Date | null })[];
  readonly responses: ProtectionResponses;
}

export interface Order {
  /** 32 hex each. */
  readonly scopeUids: readonly string[];
  readonly findingIds: readonly string[];
  /** The id of the restore to be undone; empty for none. */
  readonly undoes: string;
  readonly paths: readonly string[];
  readonly act: CommandAct;
}

/** A host takes no command that names more processes. */
const SCOPES_MAX = 1_000;

/** Throws `action_pending` when a rival is on its way, `no_container` and `nothing_to_undo`. */
export function orderOf({ action, paths = [], running = [] }: AskedAction, known: AskedAbout): Order {
  const { needsContainer }: AlertAction = alertActions[action];
  refusePending(action, known);
  const { undoes = '', scopeUids, findingIds } = about(action, known);
  if (needsContainer === true && known.alert.containerId === '') throw noContainer(known.alert);
  return {
    // First what is blamed: it reaches what it started, and what is not known yet.
    scopeUids: [...new Set([...scopeUids, ...running])].slice(0, SCOPES_MAX),
    findingIds,
    undoes,
    paths,
    act: actOf(action, { paths, undoes }),
  };
}

function refusePending(action: ActionName, { commands }: AskedAbout): void {
  const rivals = rivalsOf(action);
  const pending = commands.find((each) => each.finishedAt === null && rivals.includes(each.action));
  if (pending === undefined) return;
  throw new NornError(
    'action_pending',
    `A ${pending.action} of this alert is on its way (command ${pending.id}): wait for its outcome`,
  );
}

type About = Pick<Order, 'scopeUids' | 'findingIds'> & { readonly undoes?: string };

/** By hand a restore takes back the work of those whom policy's restore is about, and of no others unless that is asked for. */
function about(action: ActionName, { alert, commands, responses }: AskedAbout): About {
  const { about: whom }: AlertAction = alertActions[action];
  const told = fromBinary(finding.AlertSchema, alert.body);
  if (whom === 'standing restore') return undoOf(alert, told, commands);
  if (whom === undefined) return blamed(told, told.findings);
  const meant = blamed(told, findingsToRestore(told.findings, responses));
  if (whom === 'restored') return meant;
  return { ...meant, scopeUids: [...meant.scopeUids, ...restoredScopes(commands)] };
}

/** The newest restore that nobody has undone. The host knows by its id what it did, so no process is named. */
function undoOf({ id }: KnownAlert, { findings }: finding.Alert, commands: readonly KnownCommand[]): About {
  const [restore] = standingRestores(commands);
  if (restore) return { scopeUids: [], findingIds: findings.map((each) => each.id), undoes: restore.id };
  throw new NornError(
    'nothing_to_undo',
    `No restore of alert ${id} stands: \`./norn restore ${shortId(id)}\` makes one`,
  );
}

function restoredScopes(commands: readonly KnownCommand[]): string[] {
  const undone = undoneIds(commands);
  const stands = (each: KnownCommand): boolean => each.state === 'succeeded' && !undone.includes(each.id);
  const restores = commands.filter((each) => actionOf(each.action)?.effect?.restores === true && stands(each));
  return restores.flatMap(({ scopeUids }) => scopeUids);
}

/** Those whom the findings blame; the alert's own scope where they name nobody. */
function blamed({ scopeUid }: finding.Alert, findings: readonly finding.Finding[]): About {
  const scopes = new Set(findings.map((each) => toHex(each.scopeUid)).filter((uid) => uid !== ''));
  if (scopes.size === 0) scopes.add(toHex(scopeUid));
  return { scopeUids: [...scopes], findingIds: findings.map((each) => each.id) };
}

function noContainer({ id }: KnownAlert): NornError {
  return new NornError(
    'no_container',
    `Alert ${id} is not in a container: \`./norn restore ${shortId(id)}\` puts back what the attack changed on the host`,
  );
}
