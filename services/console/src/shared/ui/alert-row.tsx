// One alert as a row: severity, what, where, what came of it, when.
import type { ReactElement } from 'react';
import { Link } from 'react-router';
import type { Alert } from '../api/views.ts';
import { Icon } from './icon.tsx';
import { Severity, State, Time } from './parts.tsx';

export function AlertRow({ alert, current = false }: { alert: Alert; current?: boolean }): ReactElement {
  return (
    <Link
      to={`/alerts/${alert.id}`}
      data-testid="alert-row"
      data-id={alert.id}
      aria-current={current ? 'true' : undefined}
      className={`grid h-full grid-cols-[1fr_auto] items-center gap-x-4 gap-y-0.5 px-4 py-2 lg:grid-cols-[88px_minmax(0,1fr)_190px_190px_76px] ${current ? 'bg-accent-wash shadow-[inset_2px_0_0_var(--accent)]' : 'hover:bg-raised'}`}
    >
      <Severity value={alert.severity} quiet />
      <span className="order-3 col-span-2 min-w-0 lg:order-none lg:col-span-1">
        <span className="font-semibold">{alert.title}</span>
        <span className="block truncate text-soft">{alert.summary}</span>
      </span>
      <Place alert={alert} />
      <span className="order-5 justify-self-end leading-5 lg:order-none lg:justify-self-start">
        <State value={alert.state} text={alert.stateText} />
        <Lives alert={alert} />
      </span>
      <Time value={alert.createdAt} className="order-2 text-right text-soft lg:order-none" />
    </Link>
  );
}

function Lives({ alert }: { alert: Alert }): ReactElement | null {
  if (alert.livesText === '') return null;
  const tone = alert.runningProcesses > 0 ? 'text-high' : 'text-medium';
  return (
    <span className={`block text-xs ${tone}`} title={alert.response}>
      {alert.livesText}
    </span>
  );
}

function Place({ alert }: { alert: Alert }): ReactElement {
  const inside = alert.containerId !== '';
  return (
    <span className="order-4 flex min-w-0 items-center gap-2 lg:order-none">
      <Icon name={inside ? 'container' : 'host'} size={14} className={inside ? 'text-low' : 'text-faint'} />
      <span className="min-w-0">
        {inside ? (
          <span className="block truncate" title={`${alert.containerId} · ${alert.containerImage}`}>
            <span className="font-mono text-xs">{alert.containerId.slice(0, 12)}</span> {alert.containerName}
          </span>
        ) : null}
        <span className={`block truncate ${inside ? 'text-xs text-faint max-lg:hidden' : ''}`}>{alert.hostName}</span>
      </span>
    </span>
  );
}
