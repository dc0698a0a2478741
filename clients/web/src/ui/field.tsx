import type { ReactNode } from 'react';
import {
  TextField as AriaTextField,
  type TextFieldProps as AriaTextFieldProps,
  FieldError,
  Input,
  type InputProps,
  Label,
  Text,
} from 'react-aria-components';
import styles from './field.module.css';

interface TextFieldProps extends Omit<AriaTextFieldProps, 'className' | 'children'> {
  label: string;
  description?: string;
  inputProps?: Omit<InputProps, 'className'>;
}

export function TextField({ label, description, inputProps, ...props }: TextFieldProps) {
  return (
    <AriaTextField {...props} className={styles.field ?? ''}>
      <Label className={styles.label ?? ''}>{label}</Label>
      <Input {...inputProps} className={styles.input ?? ''} />
      {description !== undefined && (
        <Text slot="description" className={styles.description ?? ''}>
          {description}
        </Text>
      )}
      <FieldError className={styles.error ?? ''} />
    </AriaTextField>
  );
}

/** What went wrong with a whole form. */
export function FormError({ children }: { children: ReactNode }) {
  if (children === undefined || children === '') return null;
  return (
    <p role="alert" className={styles.formError}>
      {children}
    </p>
  );
}
