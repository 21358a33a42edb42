// Which version of the policy is in effect on this host, and what it made of it.
import type { ReactElement } from 'react';
import { Link } from 'react-router';
import type { Host } from '../../shared/api/views.ts';
import { grouped } from '../../shared/format.ts';
import { Heading, Panel, State } from '../../shared/ui/parts.tsx';
import { Unenforced } from '../../shared/ui/unenforced.tsx';

export function PolicyOfHost({ host: { policy } }: { host: Host }): ReactElement {
  return (
    <Panel label="Policy">
      <Heading
        side={
          <Link to="/policy" className="text-accent hover:underline">
            The policy
          </Link>
        }
      >
        Policy
      </Heading>
      <div data-testid="host-policy" className="flex flex-col gap-1 px-4 py-3">
        <p className="flex flex-wrap items-center gap-x-3">
          <State value={`policy-${policy?.state ?? 'none'}`} />
          <span>{policy?.summary}</span>
        </p>
        {policy === undefined || policy.state === 'none' ? null : (
          <p className="text-soft">
            Since the agent started: {grouped(policy.denied)} denied, {grouped(policy.unanswered)} let through because
            the answer came too late.
          </p>
        )}
        <Unenforced policy={policy} />
      </div>
    </Panel>
  );
}
