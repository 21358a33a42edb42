// What the page can not know, and what to do about it.
import { type ReactElement, useState } from 'react';
import type { AlertDetail } from '../../../shared/api/views.ts';
import { Icon } from '../../../shared/ui/icon.tsx';
import { Button } from '../../../shared/ui/parts.tsx';
import { readAgain } from '../alert-queries.ts';

export function Doubts({ detail }: { detail: AlertDetail }): ReactElement | null {
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
