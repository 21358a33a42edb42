// What of a host's files is kept and what is not, as `norn status` says it: whatever is not protected is named.
import type { ShownHost } from '@norn/contracts';
import { ago } from '../print/columns.ts';

/** Places named of each host; more are counted. */
const namedMax = 5;

type ReportedPlaces = Pick<
  ShownHost,
  | 'name'
  | 'kind'
  | 'state'
  | 'reason'
  | 'lastSeenAt'
  | 'vaultFilesPresent'
  | 'vaultFilesUnkept'
  | 'vaultFilesCountedAt'
  | 'placesWatched'
  | 'placesUnwatched'
  | 'unwatchedPlaces'
>;

/** A few lines: its state, how many places are watched, each that is not with the reason, and since when the files' figures are true. */
export function placesText(host: ReportedPlaces, now: Date): string {
  const lines = [`  ${host.name}  ${host.state}, seen ${ago(host.lastSeenAt, now)}`];
  if (host.reason !== '') lines.push(`    ${host.reason}`);
  if (host.kind === 'container') return lines.join('\n');
  if (!tellsPlaces(host))
    return [...lines, '    places: its agent has not said yet which are watched and which are not'].join('\n');
  lines.push(`    places: ${String(host.placesWatched)} watched, ${String(host.placesUnwatched)} not`);
  const named = host.unwatchedPlaces.slice(0, namedMax);
  lines.push(...named.map(({ path, reason }) => `      ✗ ${printable(path)}: ${reason}`));
  const more = host.placesUnwatched - named.length;
  if (more > 0) lines.push(`      and ${String(more)} more: ./norn status --json`);
  lines.push(`    files: ${filesText(host, now)}`);
  return lines.join('\n');
}

function filesText(host: ReportedPlaces, now: Date): string {
  if (host.vaultFilesCountedAt === '') return 'not counted yet';
  return `${String(host.vaultFilesPresent)} in watched places, ${String(host.vaultFilesUnkept)} of them without a pre-image, as counted ${ago(host.vaultFilesCountedAt, now)}`;
}

/** An agent that keeps nothing, or is of an earlier version, says nothing of places; that is not the same as none. */
function tellsPlaces(host: ReportedPlaces): boolean {
  return host.placesWatched > 0 || host.placesUnwatched > 0 || host.vaultFilesCountedAt !== '';
}

/** For `--json`. */
export function placesOf(host: ReportedPlaces): object {
  const { vaultFilesPresent, vaultFilesUnkept, vaultFilesCountedAt, placesWatched, placesUnwatched } = host;
  const known = host.kind !== 'container' && tellsPlaces(host);
  return {
    placesWatched: known ? placesWatched : null,
    placesUnwatched: known ? placesUnwatched : null,
    unwatchedPlaces: host.unwatchedPlaces,
    files: { present: vaultFilesPresent, unkept: vaultFilesUnkept, countedAt: vaultFilesCountedAt },
  };
}

/** A name is whatever a container's owner gave it: it must not steer the terminal. */
function printable(path: string): string {
  return path.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '�');
}
