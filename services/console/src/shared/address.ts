// State that lives in the address, so that every view can be shared.
import { useCallback } from 'react';
import { useSearchParams } from 'react-router';

export type Patch = Readonly<Record<string, string | undefined>>;

/** Reads the address's search part and changes single values; an empty value leaves the address. */
export function useAddress(): readonly [(name: string) => string, (patch: Patch, push?: boolean) => void] {
  const [params, setParams] = useSearchParams();
  const read = useCallback((name: string) => params.get(name) ?? '', [params]);
  const write = useCallback(
    (patch: Patch, push = false) => {
      setParams(
        (current) => {
          const next = new URLSearchParams(current);
          for (const [name, value] of Object.entries(patch)) {
            if (value === undefined || value === '') next.delete(name);
            else next.set(name, value);
          }
          return next;
        },
        { replace: !push, preventScrollReset: true },
      );
    },
    [setParams],
  );
  return [read, write];
}
