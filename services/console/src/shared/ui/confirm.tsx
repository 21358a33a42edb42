// Asks once before something is done: what, and what it will do to what.
import { type ReactElement, type RefObject, useId, useRef, useState } from 'react';
import { Icon, type IconName } from './icon.tsx';

export interface Question {
  /** What the button says: "Kill 7 processes". */
  readonly label: string;
  readonly consequence: string;
  readonly icon?: IconName;
  /** It can not be taken back. */
  readonly isGrave?: boolean;
}

interface Props {
  dialog: RefObject<HTMLDialogElement | null>;
  question: Question | undefined;
  onConfirm: () => void;
  testId?: string;
}

export function Confirm({ dialog, question, onConfirm, testId = 'confirm' }: Props): ReactElement {
  const titleId = useId();
  const { label = '', consequence, icon = 'response', isGrave = false } = question ?? {};
  return (
    <dialog
      ref={dialog}
      aria-labelledby={titleId}
      data-testid={testId}
      className="m-auto w-[440px] max-w-[calc(100vw-24px)] rounded-xl border border-line-strong bg-panel p-5 text-ink shadow-(--shadow)"
    >
      <form
        method="dialog"
        onSubmit={({ nativeEvent: { submitter } }) => {
          if (submitter?.getAttribute('value') === 'yes' && question !== undefined) onConfirm();
        }}
      >
        <h2 id={titleId} className="flex items-center gap-2 text-base font-semibold">
          <Icon name={icon} />
          {label}?
        </h2>
        <p className="mt-2 text-soft">{consequence}</p>
        <div className="mt-5 flex justify-end gap-2">
          <button value="no" className="h-8 rounded-md border border-line-strong bg-raised px-3 font-medium">
            Cancel
          </button>
          <button
            value="yes"
            autoFocus
            data-testid={`${testId}-yes`}
            className={`h-8 rounded-md px-3 font-medium text-panel ${isGrave ? 'bg-critical' : 'bg-accent'}`}
          >
            {label}
          </button>
        </div>
      </form>
    </dialog>
  );
}

interface Asking<Subject> {
  /** What is asked about; it stays after the answer, while the dialog closes. */
  readonly subject: Subject | undefined;
  readonly ask: (subject: Subject) => void;
  readonly dialog: RefObject<HTMLDialogElement | null>;
}

/** For a list of which each row may be asked about, in one dialog. */
export function useAsking<Subject>(): Asking<Subject> {
  const [subject, setSubject] = useState<Subject>();
  const dialog = useRef<HTMLDialogElement>(null);
  const ask = (next: Subject): void => {
    setSubject(next);
    dialog.current?.showModal();
  };
  return { subject, ask, dialog };
}
