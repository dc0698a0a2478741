import { type FormEvent, useState } from 'react';
import { messageOf } from '../app/session.tsx';

/** Runs a form: one submission at a time, with its error. Values come in by field name. */
export function useSubmit(action: (values: (name: string) => string) => Promise<void>) {
  const [error, setError] = useState<string>();
  const [isPending, setPending] = useState(false);
  const onSubmit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    if (isPending) return;
    const data = new FormData(event.currentTarget);
    setPending(true);
    setError(undefined);
    try {
      await action((name) => String(data.get(name) ?? ''));
    } catch (failure) {
      setError(messageOf(failure));
    } finally {
      setPending(false);
    }
  };
  return { error, isPending, onSubmit: (event: FormEvent<HTMLFormElement>) => void onSubmit(event) };
}
