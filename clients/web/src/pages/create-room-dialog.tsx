import type { RoomKind } from '@boltorezka/client';
import { Hash, Mic, Video } from 'lucide-react';
import { Form, Label, Radio, RadioGroup } from 'react-aria-components';
import { navigate, roomPath } from '../app/router.ts';
import { client } from '../app/session.tsx';
import { Button } from '../ui/button.tsx';
import { Dialog, DialogActions } from '../ui/dialog.tsx';
import { FormError, TextField } from '../ui/field.tsx';
import { Switch } from '../ui/switch.tsx';
import styles from './create-room-dialog.module.css';
import { TitleAndAddress } from './title-and-address.tsx';
import { useSubmit } from './use-submit.ts';

const KINDS: { kind: RoomKind; icon: typeof Hash; title: string; text: string }[] = [
  { kind: 'video', icon: Video, title: 'Video', text: 'Cameras, screens, voice, chat' },
  { kind: 'voice', icon: Mic, title: 'Voice', text: 'Voice and chat' },
  { kind: 'text', icon: Hash, title: 'Text', text: 'Chat only' },
];

export function CreateRoomDialog({ isOpen, onClose }: { isOpen: boolean; onClose(): void }) {
  return (
    <Dialog title="New room" isOpen={isOpen} onClose={onClose}>
      <CreateRoomForm onClose={onClose} />
    </Dialog>
  );
}

function CreateRoomForm({ onClose }: { onClose(): void }) {
  const { error, isPending, onSubmit } = useSubmit(async (value) => {
    const kind = value('kind') as RoomKind;
    const capacity = Number(value('capacity'));
    const lobby = value('lobby') === 'on';
    const request = { slug: value('slug'), title: value('title').trim(), kind, lobby };
    const room = await client.createRoom(capacity > 0 ? { ...request, capacity } : request);
    navigate(roomPath(room.slug));
  });
  return (
    <Form className={styles.form ?? ''} onSubmit={onSubmit}>
      <FormError>{error}</FormError>
      <TitleAndAddress />
      <RadioGroup name="kind" defaultValue="video" className={styles.kinds ?? ''}>
        <Label className={styles.label ?? ''}>Kind</Label>
        <div className={styles.options}>
          {KINDS.map(({ kind, icon: Icon, title: name, text }) => (
            <Radio key={kind} value={kind} className={styles.option ?? ''}>
              <Icon size={18} />
              <span className={styles.optionTitle}>{name}</span>
              <span className={styles.optionText}>{text}</span>
            </Radio>
          ))}
        </div>
      </RadioGroup>
      <TextField
        label="Seats"
        name="capacity"
        type="number"
        description="Leave empty for no limit"
        inputProps={{ min: 1, max: 10_000, inputMode: 'numeric' }}
      />
      <div className={styles.setting}>
        <span>
          <span className={styles.label}>Lobby</span>
          <span className={styles.optionText}>People wait until a moderator lets them in</span>
        </span>
        <Switch label="Lobby: people wait until a moderator lets them in" name="lobby" value="on" />
      </div>
      <DialogActions>
        <Button variant="secondary" onPress={onClose}>
          Cancel
        </Button>
        <Button type="submit" isBusy={isPending}>
          Create room
        </Button>
      </DialogActions>
    </Form>
  );
}
