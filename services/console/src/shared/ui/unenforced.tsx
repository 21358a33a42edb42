// What of the policy a host does not enforce, and why.
import type { ReactElement } from 'react';
import type { HostPolicy } from '../api/views.ts';

export function Unenforced({ policy }: { policy: HostPolicy | undefined }): ReactElement | null {
  if (policy === undefined || policy.unenforced.length === 0) return null;
  return (
    <ul className="mt-1 list-disc pl-4 text-medium">
      {policy.unenforced.map((each) => (
        <li key={each}>{each}</li>
      ))}
    </ul>
  );
}
