import { X } from 'lucide-react';
import { createContext, type ReactNode, useCallback, useContext, useRef, useState } from 'react';
import { IconButton } from './button.tsx';
import styles from './toasts.module.css';

/** How long a note stays. */
const SHOWN_MS = 6_000;

/** Most notes at a time: the oldest makes place. */
const SHOWN_MAX = 3;

interface Toast {
  id: number;
  text: string;
  kind: 'info' | 'error';
}

type ShowToast = (text: string, kind?: Toast['kind']) => void;

const ToastContext = createContext<ShowToast>(() => undefined);

/** Short notes at the edge of the page. */
export function ToastProvider({ children }: { children: ReactNode }) {
  const [toasts, setToasts] = useState<readonly Toast[]>([]);
  const lastId = useRef(0);
  const dismiss = useCallback((id: number) => setToasts((all) => all.filter((toast) => toast.id !== id)), []);
  const show = useCallback<ShowToast>(
    (text, kind = 'info') => {
      lastId.current += 1;
      const id = lastId.current;
      setToasts((all) => [...all.filter((toast) => toast.text !== text).slice(1 - SHOWN_MAX), { id, text, kind }]);
      setTimeout(() => dismiss(id), SHOWN_MS);
    },
    [dismiss],
  );
  return (
    <ToastContext value={show}>
      {children}
      <div className={styles.region} role="status" aria-live="polite">
        {toasts.map((toast) => (
          <div key={toast.id} className={`${styles.toast} ${styles[toast.kind]}`}>
            <p>{toast.text}</p>
            <IconButton label="Dismiss" onPress={() => dismiss(toast.id)}>
              <X size={16} />
            </IconButton>
          </div>
        ))}
      </div>
    </ToastContext>
  );
}

export function useToast(): ShowToast {
  return useContext(ToastContext);
}
