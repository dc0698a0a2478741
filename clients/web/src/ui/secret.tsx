import { Copy } from 'lucide-react';
import { Button } from './button.tsx';
import styles from './secret.module.css';
import { useToast } from './toasts.tsx';

/** What fits into a row of the narrowest dialog. */
const ROW_CHARACTERS = 36;

/** Something that is shown once, to be copied. */
export function Secret({ label, value }: { label: string; value: string }) {
  const toast = useToast();
  const copy = () =>
    navigator.clipboard.writeText(value).then(
      () => toast('Copied.'),
      () => toast('It cannot be copied here. Select the text and copy it.', 'error'),
    );
  return (
    <div className={styles.secret}>
      <textarea
        readOnly
        aria-label={label}
        className={styles.value}
        rows={Math.max(value.split('\n').length, Math.ceil(value.length / ROW_CHARACTERS))}
        value={value}
        onFocus={(event) => event.currentTarget.select()}
      />
      <Button variant="secondary" size="small" onPress={() => void copy()}>
        <Copy size={14} />
        Copy
      </Button>
    </div>
  );
}
