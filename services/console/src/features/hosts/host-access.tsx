// Whether a host may talk to the installation: an administrator takes that from it, or has it forgotten.
import { type ReactElement, useState } from 'react';
import { useNavigate } from 'react-router';
import { post, remove, sentenceOf } from '../../shared/api/client.ts';
import { queryClient, useSession } from '../../shared/api/queries.ts';
import type { Host } from '../../shared/api/views.ts';
import { Confirm, type Question, useAsking } from '../../shared/ui/confirm.tsx';
import type { IconName } from '../../shared/ui/icon.tsx';
import { Button } from '../../shared/ui/parts.tsx';

type Deed = 'revoke' | 'remove';

const deeds: readonly {
  readonly deed: Deed;
  readonly verb: string;
  readonly icon: IconName;
  readonly consequence: string;
}[] = [
  {
    deed: 'revoke',
    verb: 'Revoke',
    icon: 'key',
    consequence:
      'From now on nothing it says is taken and no command reaches it. Its agent protects it on. Its machine can join again, by an invitation and as another host.',
  },
  {
    deed: 'remove',
    verb: 'Remove',
    icon: 'trash',
    consequence:
      'It leaves the list and is refused from now on; its alerts and events stay. For a machine that is gone. One that is there can join again, by an invitation and as another host.',
  },
];

export function HostAccess({ host }: { host: Host }): ReactElement | null {
  const mayDo = useSession().data?.role === 'admin';
  const { subject: asked, ask, dialog } = useAsking<Deed>();
  const [problem, setProblem] = useState('');
  const navigate = useNavigate();
  if (!mayDo) return null;
  const run = async (): Promise<void> => {
    setProblem('');
    try {
      if (asked === 'remove') {
        await remove(`/hosts/${host.id}`);
        await navigate('/hosts');
      } else await post(`/hosts/${host.id}/revoke`);
    } catch (error) {
      setProblem(sentenceOf(error));
    } finally {
      await queryClient.invalidateQueries({ queryKey: ['hosts'] });
    }
  };
  return (
    <div className="flex flex-wrap items-center gap-2">
      {deeds.map(({ deed, verb, icon }) => (
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
  return found && { label: `${found.verb} ${name}`, icon: found.icon, consequence: found.consequence, isGrave: true };
}
