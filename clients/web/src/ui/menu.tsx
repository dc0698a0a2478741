import type { ReactNode } from 'react';
import {
  MenuItem as AriaMenuItem,
  type MenuItemProps as AriaMenuItemProps,
  Menu,
  MenuTrigger,
  Popover,
} from 'react-aria-components';
import styles from './menu.module.css';

interface ActionMenuProps {
  label: string;
  /** The button that opens it. */
  trigger: ReactNode;
  children: ReactNode;
}

export function ActionMenu({ label, trigger, children }: ActionMenuProps) {
  return (
    <MenuTrigger>
      {trigger}
      <Popover className={styles.popover ?? ''} placement="bottom end" offset={6}>
        <Menu aria-label={label} className={styles.menu ?? ''}>
          {children}
        </Menu>
      </Popover>
    </MenuTrigger>
  );
}

interface ActionItemProps extends Omit<AriaMenuItemProps, 'className' | 'children'> {
  icon: ReactNode;
  isDangerous?: boolean;
  children: string;
}

export function ActionItem({ icon, isDangerous = false, children, ...props }: ActionItemProps) {
  return (
    <AriaMenuItem {...props} textValue={children} className={`${styles.item} ${isDangerous ? styles.dangerous : ''}`}>
      {icon}
      <span>{children}</span>
    </AriaMenuItem>
  );
}
