import { Switch as AriaSwitch, type SwitchProps as AriaSwitchProps } from 'react-aria-components';
import styles from './switch.module.css';

interface SwitchProps extends Omit<AriaSwitchProps, 'className' | 'children'> {
  /** Name for screen readers: what stands beside it is not part of it. */
  label: string;
}

export function Switch({ label, ...props }: SwitchProps) {
  return (
    <AriaSwitch {...props} aria-label={label} className={styles.switch ?? ''}>
      <span className={styles.track}>
        <span className={styles.thumb} />
      </span>
    </AriaSwitch>
  );
}
