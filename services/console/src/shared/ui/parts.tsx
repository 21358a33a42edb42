// The console's own components: severity and state as icon and word, ids with copy, times with the exact one on hover.
import { type ButtonHTMLAttributes, type ReactElement, type ReactNode, useEffect, useState } from 'react';
import { Link } from 'react-router';
import { capital, exact, relative } from '../format.ts';
import { Icon, type IconName } from './icon.tsx';

/** The worst first. */
export const severities = ['critical', 'high', 'medium', 'low', 'informational'] as const;

/** Sorts the worst first; what is none of them stands before. */
export function bySeverity(a: string, b: string): number {
  return severityOrder.indexOf(a) - severityOrder.indexOf(b);
}

const severityOrder: readonly string[] = severities;

const severityColours: Readonly<Record<string, string>> = {
  critical: 'text-critical bg-critical-wash',
  high: 'text-high bg-high-wash',
  medium: 'text-medium bg-medium-wash',
  low: 'text-low bg-low-wash',
  informational: 'text-soft bg-raised',
};

export function severityColour(severity: string): string {
  return (severityColours[severity] ?? 'text-soft').split(' ')[0] ?? '';
}

export function severityIcon(severity: string): IconName {
  return severity in severityColours ? (severity as IconName) : 'informational';
}

export function Severity({ value, quiet = false }: { value: string; quiet?: boolean }): ReactElement {
  const colours = severityColours[value] ?? 'text-soft bg-raised';
  const frame = quiet ? severityColour(value) : `${colours} px-2 py-0.5 rounded-full`;
  return (
    <span className={`inline-flex items-center gap-1.5 font-medium whitespace-nowrap ${frame}`}>
      <Icon name={severityIcon(value)} size={14} />
      {value === 'informational' ? 'Info' : capital(value)}
    </span>
  );
}

const states: Readonly<Record<string, readonly [IconName, string, string]>> = {
  open: ['alert', 'text-high', 'Open'],
  responding: ['clock', 'text-low breathing', 'Responding'],
  remediated: ['check', 'text-good', 'Remediated'],
  stopped: ['conflict', 'text-medium', 'Stopped'],
  'outcome-part': ['conflict', 'text-medium', 'In part'],
  'outcome-nothing': ['lost', 'text-high', 'Nothing restored'],
  failed: ['cross', 'text-critical', 'Failed'],
  released: ['release', 'text-soft', 'Released'],
  archived: ['archive', 'text-faint', 'Archived'],
  requested: ['clock', 'text-low', 'Requested'],
  dispatched: ['clock', 'text-low breathing', 'Dispatched'],
  delivered: ['clock', 'text-low breathing', 'Delivered'],
  running: ['clock', 'text-low breathing', 'Running'],
  succeeded: ['check', 'text-good', 'Succeeded'],
  expired: ['clock', 'text-high', 'Expired'],
  cancelled: ['minus', 'text-faint', 'Cancelled'],
  protected: ['shield', 'text-good', 'Protected'],
  ended: ['minus', 'text-faint', 'Ended'],
  degraded: ['high', 'text-medium', 'Degraded'],
  silent: ['away', 'text-high', 'Silent'],
  restored: ['undo', 'text-good', 'Restored'],
  removed: ['trash', 'text-good', 'Removed'],
  unchanged: ['minus', 'text-soft', 'Unchanged'],
  lost: ['lost', 'text-critical', 'Lost'],
  conflict: ['conflict', 'text-medium', 'Conflict'],
  changed: ['file', 'text-high', 'Changed'],
  'rule-alert': ['alert', 'text-good', 'Alerts'],
  'rule-observe': ['clock', 'text-low', 'Observes'],
  'rule-off': ['minus', 'text-faint', 'Off'],
  'seen-whole': ['check', 'text-good', 'Wholly'],
  'seen-part': ['conflict', 'text-medium', 'In part'],
  'does-allow': ['check', 'text-good', 'Allow'],
  'does-observe': ['clock', 'text-low', 'Observe'],
  'does-alert': ['alert', 'text-medium', 'Alert'],
  'does-suspend': ['minus', 'text-high', 'Suspend'],
  'does-kill': ['stop', 'text-high', 'Kill'],
  'does-kill-and-remediate': ['undo', 'text-high', 'Kill and remediate'],
  'does-deny': ['shield', 'text-critical', 'Deny'],
  'denied-all': ['shield', 'text-good', 'On the hosts'],
  'denied-part': ['conflict', 'text-medium', 'On the hosts in part'],
  'denied-none': ['lost', 'text-soft', 'Not on the hosts'],
  'policy-none': ['minus', 'text-faint', 'None'],
  'policy-sent': ['clock', 'text-low', 'Sent'],
  'policy-applied': ['check', 'text-good', 'In effect'],
  'policy-older': ['clock', 'text-medium', 'Older'],
  'policy-refused': ['cross', 'text-critical', 'Refused'],
  'seen-none': ['lost', 'text-high', 'Not at all'],
};

/** `text` says more than the state's word. */
export function State({ value, text }: { value: string; text?: string }): ReactElement {
  const [icon, colour, word] = states[value] ?? ['minus', 'text-soft', capital(value)];
  // One word never breaks; a sentence may.
  const wrap = (text ?? '').includes(' ') ? '' : 'whitespace-nowrap';
  return (
    <span className={`inline-flex items-center gap-1.5 align-middle font-medium ${wrap} ${colour}`}>
      <Icon name={icon} size={14} className="shrink-0" />
      {text === undefined || text === '' ? word : text}
    </span>
  );
}

/** What the host says of a command, but "succeeded" only where nothing is left. */
export function CommandState({ command }: { command: { state: string; outcome: string } }): ReactElement {
  const left = command.outcome === 'part' || command.outcome === 'nothing';
  return <State value={left ? `outcome-${command.outcome}` : command.state} />;
}

export function Time({ value, className = '' }: { value: string; className?: string }): ReactElement {
  const now = useNow();
  return (
    <time dateTime={value} title={exact(value)} className={`whitespace-nowrap ${className}`}>
      {relative(value, now)}
    </time>
  );
}

const tickMs = 10_000;
const tickers = new Set<(now: number) => void>();
setInterval(() => {
  for (const ticker of tickers) ticker(Date.now());
}, tickMs);

/** The time, anew every ten seconds: one timer for all that show it. */
export function useNow(): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    tickers.add(setNow);
    return () => void tickers.delete(setNow);
  }, []);
  return notBehind(now);
}

/** A timer may be late, as in a tab that nobody looks at. */
function notBehind(now: number): number {
  return Math.max(now, Date.now() - tickMs);
}

interface IdProps {
  value: string;
  length?: number;
  label: string;
  testId?: string;
  className?: string;
}

/** `copied` for a moment after `copy`. */
export function useCopy(value: string): { readonly copied: boolean; readonly copy: () => void } {
  const [copied, setCopied] = useState(false);
  const copy = (): void => {
    void navigator.clipboard.writeText(value).then(() => {
      setCopied(true);
      setTimeout(() => {
        setCopied(false);
      }, 1500);
    });
  };
  return { copied, copy };
}

/** Short, with the full one on hover, and copied whole. */
export function Id({ value, length = 12, label, testId, className = '' }: IdProps): ReactElement | null {
  const { copied, copy } = useCopy(value);
  if (value === '') return null;
  return (
    <span className={`group/id inline-flex items-center gap-1 font-mono whitespace-nowrap ${className}`}>
      <span title={value} data-testid={testId} data-full={value}>
        {value.slice(0, length)}
      </span>
      <button
        type="button"
        onClick={copy}
        aria-label={copied ? `${label} copied` : `Copy ${label} ${value}`}
        title={copied ? 'Copied' : `Copy the whole ${label}`}
        className={`rounded p-0.5 hover:bg-raised ${copied ? 'text-good' : 'text-faint hover:text-ink'}`}
      >
        <Icon name={copied ? 'check' : 'copy'} size={12} />
      </button>
    </span>
  );
}

type ButtonKind = 'primary' | 'danger' | 'plain' | 'quiet';

const buttonLooks: Readonly<Record<ButtonKind, string>> = {
  primary: 'bg-accent text-panel border-transparent hover:brightness-110',
  danger: 'bg-critical-wash text-critical border-critical-line hover:brightness-110',
  plain: 'bg-raised text-ink border-line-strong hover:border-faint',
  quiet: 'border-transparent text-soft hover:text-ink hover:bg-raised',
};

export function Button({
  kind = 'plain',
  icon,
  children,
  className = '',
  ...rest
}: ButtonHTMLAttributes<HTMLButtonElement> & { kind?: ButtonKind; icon?: IconName }): ReactElement {
  return (
    <button
      type="button"
      className={`inline-flex h-8 items-center gap-2 rounded-md border px-3 font-medium whitespace-nowrap transition-[filter,border-color] disabled:opacity-45 disabled:hover:brightness-100 ${buttonLooks[kind]} ${className}`}
      {...rest}
    >
      {icon === undefined ? null : <Icon name={icon} size={14} />}
      {children}
    </button>
  );
}

/** An ATT&CK technique, as a filter. */
export function Technique({ id, tone = '' }: { id: string; tone?: string }): ReactElement {
  return (
    <Link
      to={`/alerts?technique=${id}`}
      title={`All alerts with technique ${id}`}
      className={`rounded border border-line-strong px-1.5 font-mono text-xs hover:border-accent hover:text-accent ${tone || 'text-soft'}`}
      onClick={(event) => {
        event.stopPropagation();
      }}
    >
      {id}
    </Link>
  );
}

export function Panel({
  children,
  className = '',
  label,
}: {
  children: ReactNode;
  className?: string;
  label?: string;
}): ReactElement {
  return (
    <section aria-label={label} className={`rounded-lg border border-line bg-panel ${className}`}>
      {children}
    </section>
  );
}

export function Heading({ children, side }: { children: ReactNode; side?: ReactNode }): ReactElement {
  return (
    <div className="flex h-10 items-center justify-between gap-3 border-b border-line px-4">
      <h2 className="font-semibold">{children}</h2>
      <div className="text-faint">{side}</div>
    </div>
  );
}

export function PageTitle({ children, side }: { children: ReactNode; side?: ReactNode }): ReactElement {
  return (
    <div className="flex min-h-8 flex-wrap items-center justify-between gap-x-4 gap-y-2">
      <h1 className="text-lg font-semibold">{children}</h1>
      {side}
    </div>
  );
}

export function Key({ children }: { children: ReactNode }): ReactElement {
  return (
    <kbd className="inline-block min-w-5 rounded border border-line-strong bg-raised px-1 text-center font-mono text-xs text-soft">
      {children}
    </kbd>
  );
}
