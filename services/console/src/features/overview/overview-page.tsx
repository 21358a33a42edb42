// Is anything on fire: the answer first, then who watches, what came in, what was put back.
import type { ReactElement, ReactNode } from 'react';
import { Link } from 'react-router';
import { openStates } from '../../shared/alert-states.ts';
import { useStatus } from '../../shared/api/queries.ts';
import type { InstallationStatus } from '../../shared/api/views.ts';
import { compact, grouped } from '../../shared/format.ts';
import { AlertRow } from '../../shared/ui/alert-row.tsx';
import { Icon, type IconName } from '../../shared/ui/icon.tsx';
import { Heading, Panel, Severity, severities } from '../../shared/ui/parts.tsx';
import { Failed, Loading, Notice } from '../../shared/ui/states.tsx';
import { Sparkline } from './sparkline.tsx';

export function OverviewPage(): ReactElement {
  const { data, isError, error, refetch } = useStatus();
  if (data === undefined)
    return <Panel>{isError ? <Failed error={error} again={() => void refetch()} /> : <Loading lines={10} />}</Panel>;
  return (
    <div className="flex flex-col gap-3">
      <Mood status={data} />
      <div className="grid gap-3 sm:grid-cols-2 xl:grid-cols-4">
        <OpenAlerts status={data} />
        <Hosts status={data} />
        <Events status={data} />
        <Restores status={data} />
      </div>
      <Panel>
        <Heading
          side={
            <Link to="/alerts" className="hover:text-accent">
              All alerts
            </Link>
          }
        >
          Last alerts
        </Heading>
        {data.lastAlerts.length === 0 ? (
          <Notice icon="shield" tone="text-good" title="No alert so far">
            See one on purpose: <code className="font-mono">./norn attack ransomware --container</code>
          </Notice>
        ) : (
          <div role="list">
            {data.lastAlerts.map((alert) => (
              <div role="listitem" key={alert.id} className="border-b border-line last:border-0">
                <AlertRow alert={alert} />
              </div>
            ))}
          </div>
        )}
      </Panel>
    </div>
  );
}

const moods: Readonly<Record<string, readonly [IconName, string, string]>> = {
  fire: ['critical', 'text-critical', 'border-l-critical'],
  watch: ['medium', 'text-medium', 'border-l-medium'],
  calm: ['shield', 'text-good', 'border-l-good'],
};

function Mood({ status }: { status: InstallationStatus }): ReactElement {
  const onlyHigh = status.mood === 'fire' && status.alertsOpen?.critical === 0;
  const [icon, tone, edge] =
    (onlyHigh ? (['high', 'text-high', 'border-l-high'] as const) : moods[status.mood]) ??
    (['informational', 'text-soft', ''] as const);
  return (
    <section
      data-testid="mood"
      className={`flex items-center gap-3 rounded-lg border border-l-[3px] border-line bg-panel px-4 py-4 ${edge}`}
    >
      <Icon name={icon} size={22} className={tone} />
      <h1 className="text-lg font-semibold">{status.summary}</h1>
      {status.mood === 'fire' ? (
        <Link
          to={`/alerts?state=${openStates}&severity=critical,high`}
          className="ml-auto h-8 rounded-md bg-accent px-3 leading-8 font-medium whitespace-nowrap text-panel hover:brightness-110"
        >
          Show them
        </Link>
      ) : null}
    </section>
  );
}

function Card({
  title,
  to,
  side,
  children,
}: {
  title: string;
  to?: string;
  side?: ReactNode;
  children: ReactNode;
}): ReactElement {
  return (
    <Panel className="flex flex-col gap-2 p-4">
      <div className="flex items-baseline justify-between">
        <h2 className="font-medium text-soft">
          {to === undefined ? (
            title
          ) : (
            <Link to={to} className="hover:text-accent">
              {title}
            </Link>
          )}
        </h2>
        <span className="text-xs text-faint">{side}</span>
      </div>
      {children}
    </Panel>
  );
}

function Big({ children, tone = '' }: { children: ReactNode; tone?: string }): ReactElement {
  return <span className={`text-[28px] leading-9 font-semibold tracking-tight ${tone}`}>{children}</span>;
}

function OpenAlerts({ status }: { status: InstallationStatus }): ReactElement {
  const open = status.alertsOpen ?? { critical: 0, high: 0, medium: 0, low: 0, informational: 0 };
  const all = open.critical + open.high + open.medium + open.low + open.informational;
  const present = severities.filter((word) => open[word] > 0);
  return (
    <Card title="Open alerts" to={`/alerts?state=${openStates}`} side={`${grouped(status.alertsTotal)} in 30 days`}>
      <Big>{grouped(all)}</Big>
      <div className="flex flex-wrap gap-x-4 gap-y-1">
        {all === 0 ? <span className="text-soft">Nothing waits for you.</span> : null}
        {present.map((word) => (
          <Link
            key={word}
            to={`/alerts?state=${openStates}&severity=${word}`}
            className="flex items-center gap-1.5 hover:underline"
          >
            <Severity value={word} quiet />
            <b className="font-semibold">{open[word]}</b>
          </Link>
        ))}
      </div>
    </Card>
  );
}

function Hosts({ status }: { status: InstallationStatus }): ReactElement {
  const { protected: safe, degraded, silent } = status.hosts ?? { protected: 0, degraded: 0, silent: 0 };
  const all = safe + degraded + silent;
  const parts: readonly (readonly [string, number, string, IconName, string])[] = [
    ['protected', safe, 'bg-good', 'shield', 'text-good'],
    ['degraded', degraded, 'bg-medium', 'high', 'text-medium'],
    ['silent', silent, 'bg-high', 'away', 'text-high'],
  ];
  return (
    <Card title="Hosts" to="/hosts" side={`${grouped(all)} enrolled`}>
      <Big>
        {grouped(safe)} <span className="text-base font-normal tracking-normal text-soft">protected</span>
      </Big>
      <div aria-hidden="true" className="flex h-1.5 gap-0.5 overflow-hidden rounded-full bg-raised">
        {parts.map(([word, count, colour]) =>
          count === 0 ? null : <span key={word} className={colour} style={{ flexGrow: count }} />,
        )}
      </div>
      <div className="flex flex-wrap gap-x-4">
        {parts.map(([word, count, , icon, tone]) => (
          <span key={word} className={`flex items-center gap-1.5 ${count === 0 ? 'text-faint' : tone}`}>
            <Icon name={icon} size={13} /> {count} {word}
          </span>
        ))}
      </div>
    </Card>
  );
}

function Events({ status }: { status: InstallationStatus }): ReactElement {
  const lost = status.eventsLost;
  return (
    <Card title="Events" side="the last hour, by minute">
      <div className="flex items-baseline justify-between gap-2">
        <Big>{compact(status.eventsTotal)}</Big>
        <span className={lost === 0 ? 'text-good' : 'font-medium text-high'}>
          {lost === 0 ? 'none lost' : `${compact(lost)} lost`}
        </span>
      </div>
      {status.telemetryUnavailable ? (
        <p className="text-medium">Stored events can not be read just now; trying again.</p>
      ) : (
        <Sparkline values={status.eventsPerMinute} label="Events stored in each of the last 60 minutes" />
      )}
    </Card>
  );
}

function Restores({ status }: { status: InstallationStatus }): ReactElement {
  const files = status.files ?? { restored: 0, removed: 0, unchanged: 0, lost: 0, conflict: 0 };
  const tried = files.restored + files.lost + files.conflict;
  return (
    <Card title="Files put back" side="30 days">
      <Big>
        {grouped(files.restored)}{' '}
        <span className="text-base font-normal tracking-normal text-soft">of {grouped(tried)}</span>
      </Big>
      <div className="flex flex-wrap gap-x-4">
        <span className="text-soft">{grouped(files.removed)} made by attacks removed</span>
        <span
          className={`flex items-center gap-1.5 ${files.lost > 0 ? 'text-critical' : files.conflict > 0 ? 'text-soft' : 'text-good'}`}
        >
          <Icon name={files.lost > 0 ? 'lost' : files.conflict > 0 ? 'minus' : 'check'} size={13} />
          {files.lost === 0 ? 'none lost' : `${grouped(files.lost)} lost`}
        </span>
        {files.conflict === 0 ? null : (
          <Link to="/alerts?state=stopped" className="text-medium hover:underline" data-testid="files-waiting">
            {grouped(files.conflict)} {files.conflict === 1 ? 'waits' : 'wait'} for you
          </Link>
        )}
      </div>
    </Card>
  );
}
