// The alert in figures: only what there is.
import type { ReactElement } from 'react';
import type { Alert, AlertDetail } from '../../../shared/api/views.ts';
import { clock } from '../../../shared/format.ts';
import { Icon, type IconName } from '../../../shared/ui/icon.tsx';

interface Figure {
  icon: IconName;
  tone: string;
  value: string;
  word: string;
}

export function Figures({ alert, detail }: { alert: Alert; detail: AlertDetail }): ReactElement | null {
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
