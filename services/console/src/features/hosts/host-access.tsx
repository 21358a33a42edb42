// What only an administrator does about a host: a maintenance, in which nobody misses it; its certificates revoked; all of it forgotten.
import { type ReactElement, useState } from 'react';
import { useNavigate } from 'react-router';
import { post, remove, sentenceOf } from '../../shared/api/client.ts';
import { queryClient, useSession } from '../../shared/api/queries.ts';
import type { Host } from '../../shared/api/views.ts';
import { Confirm, type Question, useAsking } from '../../shared/ui/confirm.tsx';
import type { IconName } from '../../shared/ui/icon.tsx';
import { Button } from '../../shared/ui/parts.tsx';

type Deed = 'maintain' | 'resume' | 'revoke' | 'remove';

/** Another length by the command line: ./norn hosts maintenance. */
const maintenanceMinutes = 120;

const deeds: readonly {
  readonly deed: Deed;
  /** On the button. */
  readonly verb: string;
  readonly question: (name: string) => string;
  readonly icon: IconName;
  readonly consequence: string;
  readonly isGrave: boolean;
}[] = [
  {
    deed: 'maintain',
    verb: 'Maintenance',
    question: (name) => `Begin a maintenance of ${name}`,
    icon: 'clock',
    consequence:
      'For two hours nobody is told when it falls silent, or when its agent is stopped. It is protected on as long as its agent runs.',
    isGrave: false,
  },
  {
    deed: 'resume',
    verb: 'End maintenance',
    question: (name) => `End the maintenance of ${name}`,
    icon: 'clock',
    consequence: 'From now on an alert is raised again when it falls silent or its agent is stopped.',
    isGrave: false,
  },
  {
    deed: 'revoke',
    verb: 'Revoke',
    question: (name) => `Revoke ${name}`,
    icon: 'key',
    consequence:
      'From now on nothing it says is taken and no command reaches it. Its agent protects it on. Its machine can join again, by an invitation and as another host.',
    isGrave: true,
  },
  {
    deed: 'remove',
    verb: 'Remove',
    question: (name) => `Remove ${name}`,
    icon: 'trash',
    consequence:
      'It leaves the list and is refused from now on; its alerts and events stay. For a machine that is gone. One that is there can join again, by an invitation and as another host.',
    isGrave: true,
  },
];

async function act(deed: Deed, { id }: Host): Promise<void> {
  const acts: Record<Deed, () => Promise<unknown>> = {
    maintain: () => post(`/hosts/${id}/maintenance`, { minutes: maintenanceMinutes }),
    resume: () => remove(`/hosts/${id}/maintenance`),
    revoke: () => post(`/hosts/${id}/revoke`),
    remove: () => remove(`/hosts/${id}`),
  };
  await acts[deed]();
}

export function HostAccess({ host }: { host: Host }): ReactElement | null {
  const mayDo = useSession().data?.role === 'admin';
  const { subject: asked, ask, dialog } = useAsking<Deed>();
  const [problem, setProblem] = useState('');
  const navigate = useNavigate();
  if (!mayDo) return null;
  const offered = deeds.filter(({ deed }) => deed !== (host.maintenanceUntil === '' ? 'resume' : 'maintain'));
  const run = async (): Promise<void> => {
    if (asked === undefined) return;
    setProblem('');
    try {
      await act(asked, host);
      if (asked === 'remove') await navigate('/hosts');
    } catch (error) {
      setProblem(sentenceOf(error));
    } finally {
      await queryClient.invalidateQueries({ queryKey: ['hosts'] });
    }
  };
  return (
    <div className="flex flex-wrap items-center gap-2">
      {offered.map(({ deed, verb, icon }) => (
        <Button
          key={deed}
          icon={icon}
          data-testid={`host-${deed}`}
          onClick={() => {
            ask(deed);
          }}
        >
          {verb}
        </Button>
      ))}
      {problem === '' ? null : (
        <span role="alert" className="text-critical">
          {problem}
        </span>
      )}
      <Confirm
        dialog={dialog}
        question={asked && questionOf(asked, host)}
        onConfirm={() => void run()}
        testId="confirm-host"
      />
    </div>
  );
}

function questionOf(asked: Deed, { name }: Host): Question | undefined {
  const found = deeds.find(({ deed }) => deed === asked);
  return found && { ...found, label: found.question(name) };
}
