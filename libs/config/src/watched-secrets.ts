// Secrets that may change while a stage runs: read when their files do, whoever replaced them.
import { statSync } from 'node:fs';
import { join } from 'node:path';

export interface WatchedFiles<T> {
  readonly secretsDir: string;
  /** Names of files that it is read from; one may be missing. */
  readonly files: readonly string[];
  /** Throws while they do not fit together: a change of several files is not done at once. */
  readonly read: () => T;
  /** They changed and are of no use; what was read before stays good. Told once for each change. */
  readonly onUnread: (error: unknown) => void;
}

export class WatchedSecrets<T> {
  private value: T;
  private mark: string;
  private failed: string | undefined;

  /** Throws what `read` throws. */
  constructor(private readonly watched: WatchedFiles<T>) {
    this.mark = this.markNow();
    this.value = watched.read();
  }

  get current(): T {
    return this.value;
  }

  /** Looks at the files; whether they are others than before and were read. */
  refresh(): boolean {
    // Looked at before they are read: what changes between the two is read again.
    const mark = this.markNow();
    if (mark === this.mark) return false;
    try {
      this.value = this.watched.read();
      this.mark = mark;
      this.failed = undefined;
      return true;
    } catch (error) {
      if (this.failed !== mark) this.watched.onUnread(error);
      this.failed = mark;
      return false;
    }
  }

  private markNow(): string {
    const { secretsDir, files } = this.watched;
    return files
      .map((name) => statSync(join(secretsDir, name), { throwIfNoEntry: false }))
      .map((found) => (found === undefined ? '-' : `${found.ino}:${found.mtimeMs}:${found.size}`))
      .join(' ');
  }
}
