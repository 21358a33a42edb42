// Whose work a restore by hand takes back, and whom the alert blames beside them, by name.
import { toHex } from '@norn/base';
import type { view } from '@norn/contracts';
import { findingsToRestore, type ProtectionResponses } from '@norn/response';
import type { Attack } from '../model/attack/attack.ts';
import { baseName, shortId } from '../model/words.ts';

export interface RestoreScopes {
  /** Empty where no process of it is known. */
  readonly restored: readonly string[];
  readonly blamedBeside: readonly string[];
}

type Processes = ReadonlyMap<string, Pick<view.ProcessView, 'parentUid' | 'images'>>;

export function restoreScopes({ alert }: Attack, responses: ProtectionResponses, processes: Processes): RestoreScopes {
  const meant = scopesOf(findingsToRestore(alert.findings, responses));
  const beside = [...scopesOf(alert.findings)].filter((uid) => !isWithin(uid, meant, processes));
  const nameOf = (uid: string): string =>
    baseName(processes.get(uid)?.images.at(-1)?.path ?? '') || `process ${shortId(uid)}`;
  return {
    restored: [...meant].filter((uid) => processes.has(uid)).map(nameOf),
    blamedBeside: beside.map(nameOf),
  };
}

function scopesOf(findings: Attack['alert']['findings']): Set<string> {
  return new Set(findings.map(({ scopeUid }) => toHex(scopeUid)).filter((uid) => uid !== ''));
}

/** One of them, or below one: a restore takes that back as well. */
function isWithin(uid: string, scopes: ReadonlySet<string>, processes: Processes): boolean {
  const seen = new Set<string>();
  for (let at: string | undefined = uid; at !== undefined && !seen.has(at); at = processes.get(at)?.parentUid) {
    if (scopes.has(at)) return true;
    seen.add(at);
  }
  return false;
}
