// Where detection's results go. A promise settles when they are safe.
import type { OutRecord } from '@norn/bus';

export interface Outputs {
  send(output: 'occurrences' | 'findings' | 'alerts' | 'deadLetter', records: readonly OutRecord[]): Promise<void>;
}
