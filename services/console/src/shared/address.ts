// State that lives in the address, so that every view can be shared.
import { useCallback } from 'react';
import { useSearchParams } from 'react-router';
import { type Patch, patched } from './address-patch.ts';

/** Reads the address's search part and changes single values. */
export function useAddress(): readonly [(name: string) => string, (patch: Patch, push?: boolean) => void] {
  const [params, setParams] = useSearchParams();
  const read = useCallback((name: string) => params.get(name) ?? '', [params]);
  const write = useCallback(
    (patch: Patch, push = false) => {
      setParams((current) => patched(current, patch), { replace: !push, preventScrollReset: true });
    },
    [setParams],
  );
  return [read, write];
}
