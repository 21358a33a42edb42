// Which role may do what another may.
import type { Role } from '@norn/store';

const ranks: readonly Role[] = ['viewer', 'analyst', 'responder', 'admin'];

export function roleReaches(role: Role, needed: Role): boolean {
  return ranks.indexOf(role) >= ranks.indexOf(needed);
}
