// The head of the alert page: what happened, where, is it over, what to do.
import { type ReactElement, useState } from 'react';
import { Link } from 'react-router';
import type { Alert, AlertDetail } from '../../../shared/api/views.ts';
import { clock, exact } from '../../../shared/format.ts';
import { Icon, type IconName } from '../../../shared/ui/icon.tsx';
import { Button, Id, Severity, State, Time } from '../../../shared/ui/parts.tsx';
import { readAgain } from '../alert-queries.ts';
import { Actions } from './actions.tsx';
import { Progress } from './progress.tsx';
import { Steps } from './steps.tsx';

const edges: Readonly<Record<string, string>> = {
  critical: 'border-l-critical',
  high: 'border-l-high',
  medium: 'border-l-medium',
  low: 'border-l-low',
};

export function AlertHeader({ detail, alert }: { detail: AlertDetail; alert: Alert }): ReactElement {
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
            <p className={`mt-1 flex items-start gap-1.5 ${over(alert, detail).tone}`} data-testid="alert-response">
              <Icon name={over(alert, detail).icon} size={14} className="mt-[3px]" />
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

/** Is it over: calm, or something is left to do. */
function over(
  { state, runningProcesses, unknownProcesses, files }: Alert,
  { processes, telemetryPending, telemetryProblem }: AlertDetail,
): { icon: IconName; tone: string } {
  if (state === 'archived' || state === 'released') return { icon: 'check', tone: 'text-soft' };
  if (state === 'responding') return { icon: 'clock', tone: 'text-low' };
  if (state === 'failed' || runningProcesses > 0) return { icon: 'high', tone: 'text-high' };
  const notRead = processes.length === 0 && (telemetryPending || telemetryProblem !== '');
  if (unknownProcesses > 0 || notRead) return { icon: 'away', tone: 'text-medium' };
  if (state === 'stopped' || (files?.lost ?? 0) + (files?.conflict ?? 0) > 0)
    return { icon: 'medium', tone: 'text-medium' };
  return state === 'remediated' ? { icon: 'check', tone: 'text-good' } : { icon: 'high', tone: 'text-high' };
}

/** The container first: its id short with copy, full on hover. */
function Where({ alert }: { alert: Alert }): ReactElement {
  return (
    <div className="flex min-w-0 flex-wrap items-center gap-x-3 gap-y-1">
      {alert.containerId === '' ? (
        <span className="text-soft">on the host itself</span>
      ) : (
        <span className="flex flex-wrap items-center gap-x-2 rounded-md border border-low/40 bg-low-wash px-2 py-0.5">
          <Icon name="container" size={14} className="text-low" />
          <Id value={alert.containerId} label="container id" testId="container-id" className="font-medium" />
          <Link
            to={`/alerts?container=${alert.containerId}`}
            title="All alerts of this container"
            className="font-medium hover:text-accent hover:underline"
            data-testid="container-name"
          >
            {alert.containerName || 'unnamed'}
          </Link>
          <span className="text-soft" data-testid="container-image" title={alert.imageDigest || undefined}>
            {alert.containerImage}
          </span>
        </span>
      )}
      <PodOf alert={alert} />
      <Link
        to={`/hosts/${alert.hostId}`}
        className="flex items-center gap-1.5 text-soft hover:text-accent hover:underline"
        data-testid="host-name"
      >
        <Icon name="host" size={14} />
        {alert.hostName}
      </Link>
      <OtherHosts alert={alert} />
    </div>
  );
}

/** In a cluster people know the pod, and not the container. */
function PodOf({ alert }: { alert: Alert }): ReactElement | null {
  const { podName, podNamespace, pod } = alert;
  if (podName === '') return null;
  return (
    <span className="flex min-w-0 flex-wrap items-center gap-x-2" data-testid="pod">
      <span>
        <span className="text-soft">pod </span>
        <FilterLink filter="namespace" value={podNamespace} />/<FilterLink filter="pod" value={podName} />
      </span>
      {pod === undefined ? null : (
        <>
          {pod.owner === '' ? null : (
            <span className="text-soft">
              of <FilterLink filter="workload" value={pod.owner} />
            </span>
          )}
          {pod.serviceAccount === '' ? null : <span className="text-soft">as {pod.serviceAccount}</span>}
          {Object.entries(pod.labels).map(([name, value]) => (
            <span key={name} className="rounded bg-raised px-1.5 font-mono text-xs">
              <FilterLink filter="label" value={`${name}=${value}`} />
            </span>
          ))}
        </>
      )}
    </span>
  );
}

function FilterLink({ filter, value }: { filter: string; value: string }): ReactElement {
  return (
    <Link
      to={`/alerts?${filter}=${encodeURIComponent(value)}`}
      title={`All alerts of this ${filter}`}
      className="hover:text-accent hover:underline"
    >
      {value}
    </Link>
  );
}

/** What was counted over several hosts stands with the last of them. */
function OtherHosts({ alert }: { alert: Alert }): ReactElement | null {
  const others = alert.hosts.filter(({ hostId }) => hostId !== alert.hostId);
  if (others.length === 0) return null;
  return (
    <span className="flex flex-wrap items-center gap-x-2 text-soft" data-testid="other-hosts">
      and
      {others.map(({ hostId, hostName }) => (
        <Link key={hostId} to={`/hosts/${hostId}`} className="hover:text-accent hover:underline">
          {hostName}
        </Link>
      ))}
    </span>
  );
}

interface Figure {
  icon: IconName;
  tone: string;
  value: string;
  word: string;
}

function Figures({ alert, detail }: { alert: Alert; detail: AlertDetail }): ReactElement | null {
  const figures = figuresOf(alert, detail);
  if (figures.length === 0) return null;
  return (
    <ul className="flex flex-wrap gap-x-6 gap-y-2" aria-label="In figures">
      {figures.map(({ icon, tone, value, word }) => (
        <li key={word} className="flex items-center gap-2">
          <Icon name={icon} className={tone} />
          <b className="text-base font-semibold">{value}</b>
          <span className="text-soft">{word}</span>
        </li>
      ))}
    </ul>
  );
}

function figuresOf(alert: Alert, detail: AlertDetail): Figure[] {
  const files = alert.files ?? { restored: 0, removed: 0, unchanged: 0, lost: 0, conflict: 0 };
  const all: (Figure | false)[] = [
    alert.confidence > 0 && {
      icon: 'alert',
      tone: 'text-soft',
      value: `${alert.confidence} %`,
      word: 'sure that it is an attack',
    },
    alert.stoppedAfterMs > 0 && {
      icon: 'clock',
      tone: 'text-soft',
      value: `${alert.stoppedAfterMs} ms`,
      word: 'from first act to stop',
    },
    alert.killedPids.length > 0 && {
      icon: 'stop',
      tone: 'text-critical',
      value: String(alert.killedPids.length),
      word: 'killed',
    },
    alert.runningProcesses > 0 && {
      icon: 'process',
      tone: 'text-high',
      value: String(alert.runningProcesses),
      word: 'still running',
    },
    alert.unknownProcesses > 0 && {
      icon: 'away',
      tone: 'text-medium',
      value: String(alert.unknownProcesses),
      word:
        alert.livesKnownAt === ''
          ? 'not known whether they run'
          : `not known since ${clock(alert.livesKnownAt, false)}`,
    },
    files.restored > 0 && { icon: 'undo', tone: 'text-good', value: String(files.restored), word: 'restored' },
    files.removed > 0 && { icon: 'trash', tone: 'text-good', value: String(files.removed), word: 'removed' },
    files.lost > 0 && { icon: 'lost', tone: 'text-critical', value: String(files.lost), word: 'lost' },
    files.conflict > 0 && {
      icon: 'conflict',
      tone: 'text-medium',
      value: String(files.conflict),
      word: files.conflict === 1 ? 'waits for you' : 'wait for you',
    },
    detail.files.some(({ verdict }) => verdict === 'changed') && {
      icon: 'file',
      tone: 'text-high',
      value: String(detail.filesTotal),
      word: 'changed, not restored',
    },
  ];
  return all.filter((figure) => figure !== false);
}

/** What the page can not know, and what to do about it. */
function Doubts({ detail }: { detail: AlertDetail }): ReactElement | null {
  const { telemetryUnavailable, telemetryProblem, telemetryPending, eventsLost } = detail;
  const doubts = [
    telemetryProblem,
    telemetryUnavailable ? 'Files can not be read just now: stored events do not answer.' : '',
    telemetryPending ? 'What its processes did is being put together; it comes by itself.' : '',
    eventsLost > 0
      ? `${eventsLost.toLocaleString('en')} events of this host were lost while it ran: the tree may have holes.`
      : '',
  ].filter((doubt) => doubt !== '');
  if (doubts.length === 0) return null;
  return (
    <div
      role="status"
      data-testid="doubts"
      className="flex items-center gap-2 rounded-md bg-medium-wash px-3 py-1.5 text-medium"
    >
      <Icon name={telemetryPending ? 'clock' : 'gap'} className="shrink-0" />
      <span>{doubts.join(' ')}</span>
      {telemetryUnavailable || telemetryProblem !== '' ? <Again id={detail.alert?.id ?? ''} /> : null}
    </div>
  );
}

function Again({ id }: { id: string }): ReactElement {
  const [busy, setBusy] = useState(false);
  const again = (): void => {
    setBusy(true);
    // What came of it stands where the doubt does.
    void readAgain(id)
      .catch(() => undefined)
      .finally(() => {
        setBusy(false);
      });
  };
  return (
    <Button kind="plain" disabled={busy} onClick={again} data-testid="again" className="ml-auto">
      {busy ? 'Trying…' : 'Try again'}
    </Button>
  );
}
