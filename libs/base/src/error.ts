// An error of Norn: a stable code for machines, a sentence with the cure for people.

export class NornError extends Error {
  constructor(
    /** Stable, snake_case; listed in the registry of the service that throws it. */
    readonly code: string,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'NornError';
  }
}

/** The sentence of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
