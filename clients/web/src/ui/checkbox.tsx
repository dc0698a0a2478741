import { Check } from 'lucide-react';
import type { ReactNode } from 'react';
import {
  Checkbox as AriaCheckbox,
  CheckboxGroup as AriaCheckboxGroup,
  type CheckboxGroupProps as AriaCheckboxGroupProps,
  type CheckboxProps as AriaCheckboxProps,
  Label,
} from 'react-aria-components';
import styles from './checkbox.module.css';

interface CheckboxProps extends Omit<AriaCheckboxProps, 'className' | 'children'> {
  children: ReactNode;
}

export function Checkbox({ children, ...props }: CheckboxProps) {
  return (
    <AriaCheckbox {...props} className={styles.checkbox ?? ''}>
      <span className={styles.box} aria-hidden="true">
        <Check size={14} strokeWidth={3} />
      </span>
      <span>{children}</span>
    </AriaCheckbox>
  );
}

interface CheckboxGroupProps extends Omit<AriaCheckboxGroupProps, 'className' | 'children'> {
  label: string;
  /** Its checkboxes. */
  children: ReactNode;
}

export function CheckboxGroup({ label, children, ...props }: CheckboxGroupProps) {
  return (
    <AriaCheckboxGroup {...props} className={styles.group ?? ''}>
      <Label className={styles.label ?? ''}>{label}</Label>
      {children}
    </AriaCheckboxGroup>
  );
}
