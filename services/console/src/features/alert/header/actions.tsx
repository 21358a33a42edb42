// The buttons of an alert: each says what it will do, asks once, and shows how it goes.
import { type ReactElement, useState } from 'react';
import { post, sentenceOf } from '../../../shared/api/client.ts';
import { queryClient } from '../../../shared/api/queries.ts';
import type { Action, AlertDetail } from '../../../shared/api/views.ts';
import { Confirm, type Question, useAsking } from '../../../shared/ui/confirm.tsx';
import type { IconName } from '../../../shared/ui/icon.tsx';
import { Button } from '../../../shared/ui/parts.tsx';

const icons: Readonly<Record<string, IconName>> = {
  restore: 'undo',
  'restore-blamed': 'undo',
  'restore-container': 'container',
  'restore-container-cold': 'container',
  'restore-conflicts': 'conflict',
  undo: 'redo',
  kill: 'stop',
  'kill-container': 'stop',
  isolate: 'network',
  rejoin: 'network',
  release: 'release',
  archive: 'archive',
};

export function Actions({ detail }: { detail: AlertDetail }): ReactElement {
  const { subject: asked, ask, dialog } = useAsking<Action>();
  const [problem, setProblem] = useState('');
  const id = detail.alert?.id ?? '';
  const run = (): void => {
    setProblem('');
    post(`/alerts/${id}/${asked?.action ?? ''}`)
      .catch((error: unknown) => {
        setProblem(sentenceOf(error));
      })
      .finally(() => void queryClient.invalidateQueries({ queryKey: ['alert', id] }));
  };
  return (
    <>
      <div className="flex flex-wrap gap-2">
        {detail.actions.map((action) => (
          <Button
            key={action.action}
            data-testid={`action-${action.action}`}
            kind={lookOf(action, detail)}
            icon={icons[action.action] ?? 'response'}
            disabled={!action.enabled}
            title={action.enabled ? action.consequence : action.reason}
            onClick={() => {
              ask(action);
            }}
          >
            {action.label}
          </Button>
        ))}
      </div>
      {problem === '' ? null : (
        <p role="alert" data-testid="action-problem" className="w-full text-critical">
          {problem}
        </p>
      )}
      <Confirm dialog={dialog} question={asked && questionOf(asked)} onConfirm={run} />
    </>
  );
}

function questionOf({ action, label, consequence }: Action): Question {
  return { label, consequence, icon: icons[action] ?? 'response', isGrave: action === 'kill' };
}

/** The next sensible step stands out. */
function lookOf({ action, enabled }: Action, { alert }: AlertDetail): 'primary' | 'danger' | 'plain' {
  if (action === 'kill' && enabled) return 'danger';
  const decided = Object.values(alert?.files ?? {}).some((count) => count > 0);
  const over = alert?.state === 'archived' || (alert?.runningProcesses ?? 0) > 0;
  const next = decided ? 'restore-conflicts' : 'restore';
  return action === next && enabled && !over ? 'primary' : 'plain';
}
