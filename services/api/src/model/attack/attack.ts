// What an alert, its handling and its findings say together about an attack: when it began, what stopped it, what came of it.
import { fromBinary } from '@bufbuild/protobuf';
import { toHex } from '@norn/base';
import { finding, type view } from '@norn/contracts';
import { isDenied } from '@norn/response';
import type { AlertHandling } from '@norn/store';

/** The least the API must know about a host, a container and its name. */
export interface Place {
  readonly hostName: string;
  /** All hosts it happened on, when it is one of several. */
  readonly hosts: readonly { readonly hostId: string; readonly hostName: string }[];
  readonly containerName: string;
  readonly containerImage: string;
  readonly podName: string;
  readonly podNamespace: string;
  readonly imageDigest: string;
  /** Undefined outside of pods. */
  readonly pod: view.PodView | undefined;
}

export interface Attack {
  readonly handling: AlertHandling;
  readonly alert: finding.Alert;
  /** Unix µs of the first thing it did; the alert's creation when no finding says. */
  readonly firstActUs: number;
  /** Unix µs of the newest finding. */
  readonly lastWordUs: number;
  /** Unix µs when its last process was stopped; 0 when it was not. */
  readonly stoppedUs: number;
  readonly killedPids: readonly number[];
  readonly filesChanged: number;
  /** Who stopped it without being asked; empty when nobody did. */
  readonly stoppedBy: 'reflex' | 'policy' | '';
  /** Acts that hosts did not let happen. */
  readonly denied: number;
  /** 32 hex: roots of what is blamed. */
  readonly scopes: readonly string[];
}

export function readAttack(handling: AlertHandling): Attack {
  const alert = fromBinary(finding.AlertSchema, handling.body);
  const responses = alert.findings.flatMap(({ response }) => (response ? [response] : []));
  const stops = responses.filter(({ stoppedUs }) => stoppedUs > 0n);
  const first = responses.map(({ firstActUs }) => Number(firstActUs)).filter((us) => us > 0);
  const denied = alert.findings.filter(isDenied).length;
  const told = [...alert.findings.map(({ timeUs }) => Number(timeUs)), Number(alert.createdAtUs)].filter(
    (us) => us > 0,
  );
  return {
    handling,
    alert,
    firstActUs: Math.min(...(first.length > 0 ? first : told)),
    lastWordUs: Math.max(Number(alert.updatedAtUs), Number(alert.createdAtUs), ...told),
    stoppedUs: Math.max(0, ...stops.map(({ stoppedUs }) => Number(stoppedUs))),
    killedPids: [...new Set([...handling.killedPids, ...killed(responses)])],
    filesChanged: Math.max(0, ...responses.map(({ filesChanged }) => filesChanged)),
    stoppedBy: responses.some(isKill) ? 'reflex' : denied > 0 ? 'policy' : '',
    denied,
    scopes: scopesOf(alert),
  };
}

function killed(responses: readonly finding.Response[]): number[] {
  return responses.filter(isKill).flatMap(({ pids }) => pids);
}

function isKill({ rung }: finding.Response): boolean {
  return rung === finding.ResponseRung.KILLED || rung === finding.ResponseRung.KILLED_AT_EXEC;
}

function scopesOf(alert: finding.Alert): string[] {
  const scopes = [alert.scopeUid, ...alert.findings.map(({ scopeUid }) => scopeUid)];
  return [...new Set(scopes.filter(({ length }) => length === 16).map(toHex))];
}

/** `scopes`: roots of what is blamed. */
export function isBlamed(
  { uid, ancestors }: { readonly uid: string; readonly ancestors: readonly string[] },
  scopes: ReadonlySet<string>,
): boolean {
  return scopes.has(uid) || ancestors.some((ancestor) => scopes.has(ancestor));
}

/** No process did it that is known: it is about the host itself, which fell silent or was left without its agent. */
export function isOfHost({ alert }: Pick<Attack, 'alert'>): boolean {
  const { findings } = alert;
  const names = ({ processUid, scopeUid }: finding.Finding): boolean => processUid.length + scopeUid.length > 0;
  return findings.length > 0 && findings.every((each) => each.ruleId !== '' && !names(each));
}

/** Files of the attack whose verdict is known. */
export function filesDecided({
  filesRestored,
  filesRemoved,
  filesUnchanged,
  filesLost,
  filesConflict,
}: AlertHandling): number {
  return filesRestored + filesRemoved + filesUnchanged + filesLost + filesConflict;
}
