// The alert as the API gives it.
import { type ReactElement, useMemo } from 'react';
import type { AlertDetail } from '../../../shared/api/views.ts';
import { Button } from '../../../shared/ui/parts.tsx';

export function RawTab({ detail }: { detail: AlertDetail }): ReactElement {
  const text = useMemo(() => JSON.stringify(detail, null, 2), [detail]);
  return (
    <div data-testid="raw" className="relative">
      <Button
        kind="plain"
        icon="copy"
        className="absolute top-3 right-5"
        onClick={() => void navigator.clipboard.writeText(text)}
      >
        Copy
      </Button>
      <pre tabIndex={0} className="max-h-[460px] overflow-auto p-4 font-mono text-xs leading-5 text-soft">
        {text.slice(0, 200_000)}
      </pre>
    </div>
  );
}
