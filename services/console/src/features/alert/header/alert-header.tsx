// The head of the alert page: what happened, where, is it over, what to do.
import type { ReactElement } from 'react';
import type { Alert, AlertDetail } from '../../../shared/api/views.ts';
import { clock, exact } from '../../../shared/format.ts';
import { Icon } from '../../../shared/ui/icon.tsx';
import { Severity, State, Time } from '../../../shared/ui/parts.tsx';
import { Actions } from './actions.tsx';
import { Doubts } from './doubts.tsx';
import { Figures } from './figures.tsx';
import { over } from './over.ts';
import { Progress } from './progress.tsx';
import { Steps } from './steps.tsx';
import { Where } from './where.tsx';

const edges: Readonly<Record<string, string>> = {
  critical: 'border-l-critical',
  high: 'border-l-high',
  medium: 'border-l-medium',
  low: 'border-l-low',
};

export function AlertHeader({ detail, alert }: { detail: AlertDetail; alert: Alert }): ReactElement {
  const { icon, tone } = over(alert, detail);
  return (
    <section
      data-testid="alert-header"
      aria-label="What happened"
      className={`rounded-lg border border-l-[3px] border-line bg-panel ${edges[alert.severity] ?? 'border-l-faint'}`}
    >
      <div className="flex flex-wrap items-center justify-between gap-x-6 gap-y-2 border-b border-line px-4 py-3">
        <div className="flex min-w-0 flex-wrap items-center gap-x-3 gap-y-1">
          <Severity value={alert.severity} />
          <h1 className="text-lg font-semibold" data-testid="alert-title">
            {alert.title}
          </h1>
          <span data-testid="alert-state">
            <State value={alert.state} text={alert.stateText} />
          </span>
        </div>
        <Where alert={alert} />
      </div>
      <div className="flex flex-col gap-3 px-4 py-3">
        <div className="flex flex-wrap items-start justify-between gap-x-6 gap-y-1">
          <div className="max-w-5xl min-w-0 flex-1 basis-96">
            <p className="text-base font-medium wrap-anywhere" data-testid="alert-summary">
              {alert.summary}
            </p>
            <p className={`mt-1 flex items-start gap-1.5 ${tone}`} data-testid="alert-response">
              <Icon name={icon} size={14} className="mt-[3px]" />
              {alert.response}
            </p>
          </div>
          <div className="text-soft" title={exact(alert.createdAt)}>
            <span className="font-mono">{clock(alert.createdAt, false)}</span> · <Time value={alert.createdAt} />
          </div>
        </div>
        <Figures alert={alert} detail={detail} />
        <div className="flex flex-wrap items-center justify-between gap-x-4 gap-y-3">
          <Actions detail={detail} />
        </div>
        <Steps steps={detail.steps} />
        <Progress commands={detail.commands} />
        <Doubts detail={detail} />
      </div>
    </section>
  );
}
