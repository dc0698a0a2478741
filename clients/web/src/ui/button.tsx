import type { ReactNode, Ref } from 'react';
import {
  Button as AriaButton,
  type ButtonProps as AriaButtonProps,
  Link as AriaLink,
  type LinkProps as AriaLinkProps,
  Tooltip,
  TooltipTrigger,
} from 'react-aria-components';
import styles from './button.module.css';

type Variant = 'primary' | 'secondary' | 'quiet' | 'danger';

interface ButtonProps extends Omit<AriaButtonProps, 'className' | 'children' | 'isPending'> {
  variant?: Variant;
  size?: 'small' | 'medium' | 'large';
  /** What it began is under way. It keeps the focus; whoever handles the press ignores another one. */
  isBusy?: boolean;
  ref?: Ref<HTMLButtonElement>;
  children: ReactNode;
}

export function Button({ variant = 'primary', size = 'medium', isBusy = false, ...props }: ButtonProps) {
  const className = `${styles.button} ${styles[variant]} ${styles[size]} ${isBusy ? styles.busy : ''}`;
  return <AriaButton {...props} className={className} />;
}

interface IconButtonProps extends Omit<AriaButtonProps, 'className' | 'children' | 'aria-label'> {
  /** Name for screen readers, and tooltip. */
  label: string;
  children: ReactNode;
}

/** A square button with an icon, named by its tooltip. */
export function IconButton({ label, children, ...props }: IconButtonProps) {
  return (
    <WithTooltip text={label}>
      <AriaButton {...props} aria-label={label} className={styles.icon ?? ''}>
        {children}
      </AriaButton>
    </WithTooltip>
  );
}

export function WithTooltip({ text, children }: { text: string; children: ReactNode }) {
  return (
    <TooltipTrigger delay={500} closeDelay={80}>
      {children}
      <Tooltip className={styles.tooltip ?? ''} offset={8}>
        {text}
      </Tooltip>
    </TooltipTrigger>
  );
}

interface ButtonLinkProps extends Omit<AriaLinkProps, 'className' | 'children'> {
  variant?: Variant;
  children: ReactNode;
}

/** A link that looks like a button. */
export function ButtonLink({ variant = 'secondary', ...props }: ButtonLinkProps) {
  return <AriaLink {...props} className={`${styles.button} ${styles[variant]} ${styles.medium}`} />;
}

interface IconLinkProps extends Omit<AriaLinkProps, 'className' | 'children' | 'aria-label'> {
  label: string;
  children: ReactNode;
}

export function IconLink({ label, ...props }: IconLinkProps) {
  return (
    <WithTooltip text={label}>
      <AriaLink {...props} aria-label={label} className={styles.icon ?? ''} />
    </WithTooltip>
  );
}
