// The buttons of an alert: each says what it will do, asks once, and shows how it goes.
import { type ReactElement, useState } from 'react';
import { post, sentenceOf } from '../../../shared/api/client.ts';
import { queryClient } from '../../../shared/api/queries.ts';
import type { Action, AlertDetail } from '../../../shared/api/views.ts';
import { Confirm, type Question, useAsking } from '../../../shared/ui/confirm.tsx';
import { type IconName, isIconName } from '../../../shared/ui/icon.tsx';
import { Button } from '../../../shared/ui/parts.tsx';

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
            icon={iconOf(action)}
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

function questionOf(action: Action): Question {
  const { label, consequence, isGrave } = action;
  return { label, consequence, icon: iconOf(action), isGrave };
}

function iconOf({ icon }: Action): IconName {
  return isIconName(icon) ? icon : 'response';
}

/** The next sensible step stands out. */
function lookOf({ action, enabled }: Action, { alert }: AlertDetail): 'primary' | 'danger' | 'plain' {
  if (action === 'kill' && enabled) return 'danger';
  const decided = Object.values(alert?.files ?? {}).some((count) => count > 0);
  const over = alert?.state === 'archived' || (alert?.runningProcesses ?? 0) > 0;
  const next = decided ? 'restore-conflicts' : 'restore';
  return action === next && enabled && !over ? 'primary' : 'plain';
}
