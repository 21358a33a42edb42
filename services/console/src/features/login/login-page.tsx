// For somebody who is not signed in: how to get in.
import type { ReactElement } from 'react';
import { Icon } from '../../shared/ui/icon.tsx';
import { useLoginLink } from './login-link.ts';

export function LoginPage(): ReactElement {
  const problem = useLoginLink();
  return (
    <main className="grid min-h-dvh place-items-center p-4">
      <section
        data-testid="login"
        className="w-full max-w-md rounded-xl border border-line bg-panel p-7 shadow-(--shadow)"
      >
        <img src="/mark.svg" alt="" width="36" height="36" />
        <h1 className="mt-4 text-xl font-semibold">Sign in to Norn</h1>
        {problem === '' ? null : (
          <p role="alert" className="mt-4 flex gap-2 rounded-md bg-high-wash px-3 py-2 text-high">
            <Icon name="high" className="mt-0.5" />
            {problem}
          </p>
        )}
        <p className="mt-3 text-soft">
          There is no password to know or to lose. Norn lets you in by a link that works once, for 15 minutes.
        </p>
        <ol className="mt-5 flex flex-col gap-4">
          <Step number={1}>
            On the machine that runs Norn, as root:
            <code className="mt-1.5 block rounded-md border border-line bg-bg px-3 py-2 font-mono">./norn login</code>
          </Step>
          <Step number={2}>Open the link that it prints. Your browser then stays signed in for 12 hours.</Step>
        </ol>
        <p className="mt-6 border-t border-line pt-4 text-xs text-faint">
          <code className="font-mono">./norn up</code> prints the first link. Scripts use a bearer token instead: see{' '}
          <code className="font-mono">/api/v1/openapi.json</code>.
        </p>
      </section>
    </main>
  );
}

function Step({ number, children }: { number: number; children: React.ReactNode }): ReactElement {
  return (
    <li className="flex gap-3">
      <span className="grid size-6 shrink-0 place-items-center rounded-full bg-raised text-xs font-semibold text-soft">
        {number}
      </span>
      <div className="min-w-0 flex-1 pt-0.5">{children}</div>
    </li>
  );
}
