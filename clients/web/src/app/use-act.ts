import { useRef } from 'react';
import { useToast } from '../ui/toasts.tsx';
import { messageOf } from './session.tsx';

/** Does something, one thing at a time, and says how it went. */
export function useAct(): (action: () => Promise<void>, done?: string) => void {
  const toast = useToast();
  const isBusy = useRef(false);
  return (action, done) => {
    if (isBusy.current) return;
    isBusy.current = true;
    action()
      .then(
        () => done !== undefined && toast(done),
        (failure: unknown) => toast(messageOf(failure), 'error'),
      )
      .finally(() => {
        isBusy.current = false;
      });
  };
}
