// The database's clock: deadlines are its, whatever the clocks of the services say.
import type { EntityManager } from 'typeorm';

/** The time of the transaction's begin, Unix µs. SQL, for its clock. */
export async function databaseTimeUs(manager: EntityManager): Promise<bigint> {
  const [row] = await manager.query<{ us: string }[]>('SELECT (extract(epoch FROM now()) * 1000000)::bigint AS us');
  return BigInt(row?.us ?? 0);
}
