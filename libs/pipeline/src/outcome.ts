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

export interface Redirect<Output extends string, T> {
  readonly kind: 'redirect';
  /** A name the pipeline's owner knows, never a topic. */
  readonly output: Output;
  readonly value: T;
}

/** A way out of the flow before its end. The flow has to say where it leads. */
export type Exit = DeadLetter | Redirect<string, unknown>;

/** A step may dead-letter unless its type says that it does not (`never`), and redirect only where its type says so. */
export type Outcome<T, Exits extends Exit = DeadLetter> = Ok<T> | Drop | Exits;

export function ok<T>(value: T): Ok<T> {
  return { kind: 'ok', value };
}

export function drop(reason: string): Drop {
  return { kind: 'drop', reason };
}

export function deadLetter(reason: string, error: Error): DeadLetter {
  return { kind: 'deadLetter', reason, error };
}

export function redirect<const Output extends string, T>(output: Output, value: T): Redirect<Output, T> {
  return { kind: 'redirect', output, value };
}
