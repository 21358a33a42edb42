// What a page shows when it has nothing to show: loading, empty, an error, no permission. Each says what to do next.
import type { ReactElement, ReactNode } from 'react';
import { Problem } from '../api/client.ts';
import { Icon, type IconName } from './icon.tsx';
import { Button } from './parts.tsx';

interface NoticeProps {
  icon: IconName;
  title: string;
  children?: ReactNode;
  tone?: string;
  action?: ReactNode;
  testId?: string;
}

export function Notice({ icon, title, children, tone = 'text-faint', action, testId }: NoticeProps): ReactElement {
  return (
    <div
      data-testid={testId}
      className="arriving mx-auto flex max-w-md flex-col items-center gap-2 px-6 py-12 text-center"
    >
      <Icon name={icon} size={28} className={tone} />
      <p className="mt-1 text-base font-semibold">{title}</p>
      {children === undefined ? null : <div className="text-soft">{children}</div>}
      {action === undefined ? null : <div className="mt-3">{action}</div>}
    </div>
  );
}

/** Grey lines in the shape of what is coming; announced once. */
export function Loading({ lines = 6, what = 'Loading' }: { lines?: number; what?: string }): ReactElement {
  return (
    <div role="status" aria-label={what} className="breathing flex flex-col gap-3 p-4">
      {Array.from({ length: lines }, (_, index) => (
        <div key={index} className="h-4 rounded bg-raised" style={{ width: `${92 - ((index * 17) % 45)}%` }} />
      ))}
    </div>
  );
}

export function Failed({ error, again }: { error: unknown; again?: () => void }): ReactElement {
  const problem =
    error instanceof Problem ? error : new Problem(0, 'broken', 'Something broke in the console: reload the page.');
  if (problem.status === 403) {
    return (
      <Notice icon="key" title="You may not see this" testId="no-permission">
        {problem.message}
      </Notice>
    );
  }
  if (problem.status === 404) {
    return (
      <Notice icon="search" title="Not here" testId="not-found">
        {problem.message}. It may belong to another tenant, or be gone.
      </Notice>
    );
  }
  return (
    <Notice
      icon={problem.status === 0 ? 'away' : 'high'}
      tone="text-high"
      title="This could not be read"
      testId="failed"
      action={again === undefined ? undefined : <Button onClick={again}>Try again</Button>}
    >
      {problem.message}
    </Notice>
  );
}
