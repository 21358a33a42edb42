// How single values of an address are changed. Pure.

export type Patch = Readonly<Record<string, string | undefined>>;

/** An empty value leaves the address; what the patch does not name stays as it is. */
export function patched(current: URLSearchParams, patch: Patch): URLSearchParams {
  const next = new URLSearchParams(current);
  for (const [name, value] of Object.entries(patch)) {
    if (value === undefined || value === '') next.delete(name);
    else next.set(name, value);
  }
  return next;
}
