import { ChevronDown } from 'lucide-react';
import { Select as AriaSelect, Button, Label, ListBox, ListBoxItem, Popover, SelectValue } from 'react-aria-components';
import styles from './select.module.css';

interface SelectProps<Id extends string> {
  label: string;
  /** The name is for screen readers alone: what is chosen says enough. */
  isLabelHidden?: boolean;
  options: readonly { id: Id; text: string }[];
  value: Id;
  isDisabled?: boolean;
  onChange(id: Id): void;
}

export function Select<Id extends string>(props: SelectProps<Id>) {
  const { label, isLabelHidden = false, options, value, isDisabled = false, onChange } = props;
  return (
    <AriaSelect
      className={styles.field ?? ''}
      value={value}
      isDisabled={isDisabled}
      onChange={(key) => {
        const chosen = options.find((option) => option.id === key);
        if (chosen && chosen.id !== value) onChange(chosen.id);
      }}
    >
      <Label className={isLabelHidden ? 'visually-hidden' : (styles.label ?? '')}>{label}</Label>
      <Button className={styles.button ?? ''}>
        <SelectValue />
        <ChevronDown size={16} aria-hidden="true" />
      </Button>
      <Popover className={styles.popover ?? ''} offset={6}>
        <ListBox className={styles.list ?? ''} items={options}>
          {(option) => (
            <ListBoxItem id={option.id} textValue={option.text} className={styles.option ?? ''}>
              {option.text}
            </ListBoxItem>
          )}
        </ListBox>
      </Popover>
    </AriaSelect>
  );
}
