// What became of each file. A file counts once, whoever reports it how often; "unchanged" after "restored" is still restored.
import { action } from '@norn/contracts';
import { standingRestores } from '@norn/response';
import { AlertHandling, CommandRecord } from '@norn/store';
import { createHash } from 'node:crypto';
import type { EntityManager } from 'typeorm';

const { Verdict } = action;

/** In the caller's transaction, with the alert's row locked. By SQL: thousands of files are one statement, which knows which verdict stays. */
export async function keepVerdicts(
  manager: EntityManager,
  alertId: string,
  files: readonly action.FileVerdict[],
): Promise<void> {
  const verdicts = new Map(files.map((file) => [fileHash(file), file.verdict]));
  const hashes = [...verdicts.keys()].map((hash) => Buffer.from(hash, 'hex'));
  await manager.query(
    `INSERT INTO file_verdicts (alert_id, file_hash, verdict)
     SELECT $1, hash, verdict FROM unnest($2::bytea[], $3::smallint[]) AS file (hash, verdict)
     ON CONFLICT (alert_id, file_hash) DO UPDATE SET verdict = excluded.verdict
     WHERE NOT (excluded.verdict = $4 AND file_verdicts.verdict IN ($5, $6))`,
    [alertId, hashes, [...verdicts.values()], Verdict.UNCHANGED, Verdict.RESTORED, Verdict.REMOVED],
  );
  await countVerdicts(manager, alertId);
}

/**
 * An undo brings back what the attack left: of what it changed, nothing is decided any more, and when no other restore stands, of nothing but what it
 * left alone. The host says that it changed the files itself, outside of any container; the verdicts are of the alert's. In the caller's transaction,
 * by one SQL statement, as above.
 */
export async function dropVerdicts(
  manager: EntityManager,
  { alertId, undoes }: CommandRecord,
  files: readonly action.FileVerdict[],
): Promise<void> {
  const { containerId } = await manager.findOneByOrFail(AlertHandling, { id: alertId });
  const hashesOf = (...verdicts: action.Verdict[]): Buffer[] =>
    files
      .filter(({ verdict }) => verdicts.includes(verdict))
      .map((file) => Buffer.from(fileHash({ ...file, containerId }), 'hex'));
  const commands = await manager.findBy(CommandRecord, { alertId });
  const noneStands = standingRestores(commands).every(({ id }) => id === undoes);
  await manager.query(
    'DELETE FROM file_verdicts WHERE alert_id = $1 AND file_hash <> ALL($3) AND (file_hash = ANY($2) OR $4)',
    [alertId, hashesOf(Verdict.RESTORED, Verdict.REMOVED), hashesOf(Verdict.CONFLICT, Verdict.LOST), noneStands],
  );
  await countVerdicts(manager, alertId);
}

/** SQL, for the sums never leave the database. */
async function countVerdicts(manager: EntityManager, alertId: string): Promise<void> {
  await manager.query(
    `UPDATE alert_handlings SET updated_at = now(), files_restored = n.restored, files_removed = n.removed, files_unchanged = n.unchanged,
       files_lost = n.lost, files_conflict = n.conflict
     FROM (SELECT count(*) FILTER (WHERE verdict = 1) AS restored, count(*) FILTER (WHERE verdict = 2) AS removed,
       count(*) FILTER (WHERE verdict = 3) AS unchanged, count(*) FILTER (WHERE verdict = 4) AS lost,
       count(*) FILTER (WHERE verdict = 5) AS conflict FROM file_verdicts WHERE alert_id = $1) AS n
     WHERE alert_handlings.id = $1`,
    [alertId],
  );
}

/** First 16 bytes of SHA-256 over container and path, hex. */
function fileHash({ containerId, path }: action.FileVerdict): string {
  return createHash('sha256').update(`${containerId}\0`).update(path).digest('hex').slice(0, 32);
}
