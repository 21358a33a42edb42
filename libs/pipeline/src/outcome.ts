// What a step may say of one envelope. `throw` is for broken invariants only.

export interface Ok<T> {
  readonly kind: 'ok';
  readonly value: T;
}

export interface Drop {
  readonly kind: 'drop';
  /** Stable, snake_case; an attribute of the metric. */
  readonly reason: string;
}

export interface DeadLetter {
  readonly kind: 'deadLetter';
  readonly reason: string;
  readonly error: Error;
}

export interface Redirect<T> {
  readonly kind: 'redirect';
  /** A name the pipeline's owner knows, never a topic. */
  readonly output: string;
  readonly value: T;
}

export type Outcome<T> = Ok<T> | Drop | DeadLetter | Redirect<unknown>;

export function ok<T>(value: T): Ok<T> {
  return { kind: 'ok', value };
}

export function drop(reason: string): Drop {
  return { kind: 'drop', reason };
}

export function deadLetter(reason: string, error: Error): DeadLetter {
  return { kind: 'deadLetter', reason, error };
}

export function redirect<T>(output: string, value: T): Redirect<T> {
  return { kind: 'redirect', output, value };
}
