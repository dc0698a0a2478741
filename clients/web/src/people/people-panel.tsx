import type { Participant, Room, RoomRole } from '@boltorezka/client';
import { Ban, Ellipsis, MessageCircle, Mic, MicOff, MonitorUp, UserMinus, Video, VideoOff } from 'lucide-react';
import { useState } from 'react';
import { useObservable } from '../app/hooks.ts';
import { navigate, roomPath } from '../app/router.ts';
import { client, messageOf, useUser } from '../app/session.tsx';
import { Avatar } from '../ui/avatar.tsx';
import { Button, IconButton } from '../ui/button.tsx';
import { ConfirmDialog } from '../ui/confirm-dialog.tsx';
import { Dialog, DialogActions } from '../ui/dialog.tsx';
import { ActionItem, ActionMenu } from '../ui/menu.tsx';
import { useToast } from '../ui/toasts.tsx';
import { mayModerate, moderates } from './moderation.ts';
import styles from './people-panel.module.css';
import { WaitingList } from './waiting-list.tsx';

const ROLES: Record<RoomRole, string | undefined> = {
  listener: 'Listener',
  member: undefined,
  moderator: 'Moderator',
  owner: 'Owner',
};

/** Who is in the room, with what moderators may do. */
export function PeoplePanel({ room }: { room: Room }) {
  useObservable(room);
  const inCall = room.participants.filter((participant) => participant.inCall);
  const others = room.participants.filter((participant) => !participant.inCall);
  const hasCall = room.info.kind !== 'text';
  const user = useUser();
  return (
    <div className={styles.panel}>
      {moderates(user.role, room.self?.role ?? room.info.myRole) && <WaitingList room={room} />}
      {hasCall && inCall.length > 0 && <Section title={`In the call · ${inCall.length}`} people={inCall} room={room} />}
      {others.length > 0 && (
        <Section
          title={hasCall ? `In the room · ${others.length}` : `Here now · ${others.length}`}
          people={others}
          room={room}
        />
      )}
    </div>
  );
}

function Section({ title, people, room }: { title: string; people: Participant[]; room: Room }) {
  return (
    <section aria-label={title}>
      <h3 className={styles.heading}>{title}</h3>
      <ul>
        {people.map((participant) => (
          <Person key={participant.id} participant={participant} room={room} />
        ))}
      </ul>
    </section>
  );
}

function Person({ participant, room }: { participant: Participant; room: Room }) {
  const user = useUser();
  const role = ROLES[participant.role];
  const mayAct = mayModerate(user.role, room.self?.role ?? room.info.myRole, participant);
  return (
    <li className={styles.person}>
      <Avatar name={participant.name} userId={participant.userId} />
      <span className={styles.names}>
        <span className={styles.name}>{participant.isLocal ? `${participant.name} (you)` : participant.name}</span>
        {role !== undefined && <span className={styles.role}>{role}</span>}
      </span>
      {participant.inCall && <States participant={participant} />}
      {!participant.isLocal && room.info.kind !== 'direct' && <Write participant={participant} room={room} />}
      {mayAct && <Moderation participant={participant} room={room} />}
    </li>
  );
}

/** Goes to the direct room with somebody. Whoever is in the call is asked first: it ends with the page. */
function Write({ participant: { userId, name }, room }: { participant: Participant; room: Room }) {
  const toast = useToast();
  const [isAsking, setAsking] = useState(false);
  const begin = async () => navigate(roomPath((await client.direct.begin(userId)).room));
  const isInCall = room.call.state !== 'idle';
  return (
    <>
      <IconButton
        label={`Write to ${name}`}
        onPress={() => {
          if (isInCall) setAsking(true);
          else begin().catch((error: unknown) => toast(messageOf(error), 'error'));
        }}
      >
        <MessageCircle size={17} />
      </IconButton>
      <ConfirmDialog
        title={`Write to ${name}?`}
        confirm="Leave and write"
        isOpen={isAsking}
        onClose={() => setAsking(false)}
        onConfirm={begin}
      >
        <p>You leave this room and its call.</p>
      </ConfirmDialog>
    </>
  );
}

function States({ participant }: { participant: Participant }) {
  return (
    <span className={styles.states}>
      {participant.screenOn && <MonitorUp size={16} role="img" aria-label="Shares a screen" className={styles.on} />}
      {participant.cameraOn && <Video size={16} role="img" aria-label="Camera on" />}
      {participant.microphoneOn ? (
        <Mic
          size={16}
          role="img"
          aria-label="Microphone on"
          className={participant.isSpeaking ? styles.on : undefined}
        />
      ) : (
        <MicOff size={16} role="img" aria-label="Muted" className={styles.muted} />
      )}
    </span>
  );
}

function Moderation({ participant, room }: { participant: Participant; room: Room }) {
  const toast = useToast();
  const [asking, setAsking] = useState<'kick' | 'ban'>();
  const { id, name } = participant;

  const act = async (action: () => Promise<void>, done: string) => {
    setAsking(undefined);
    try {
      await action();
      toast(done);
    } catch (error) {
      toast(messageOf(error), 'error');
    }
  };
  const mute = (source: 'microphone' | 'camera' | 'screen', muted: boolean, done: string) =>
    void act(() => client.mute(room.slug, id, { source, muted }), done);

  return (
    <>
      <ActionMenu
        label={`Moderate ${name}`}
        trigger={
          <IconButton label={`Moderate ${name}`}>
            <Ellipsis size={18} />
          </IconButton>
        }
      >
        {participant.inCall && participant.microphoneOn ? (
          <ActionItem icon={<MicOff size={16} />} onAction={() => mute('microphone', true, `${name} is muted.`)}>
            Mute
          </ActionItem>
        ) : null}
        {participant.inCall && !participant.microphoneOn ? (
          <ActionItem icon={<Mic size={16} />} onAction={() => mute('microphone', false, `${name} may speak.`)}>
            Allow to speak
          </ActionItem>
        ) : null}
        {participant.cameraOn ? (
          <ActionItem
            icon={<VideoOff size={16} />}
            onAction={() => mute('camera', true, `The camera of ${name} is off.`)}
          >
            Stop camera
          </ActionItem>
        ) : null}
        <ActionItem icon={<UserMinus size={16} />} isDangerous onAction={() => setAsking('kick')}>
          Remove from room
        </ActionItem>
        <ActionItem icon={<Ban size={16} />} isDangerous onAction={() => setAsking('ban')}>
          Ban from room
        </ActionItem>
      </ActionMenu>
      <Dialog
        role="alertdialog"
        title={asking === 'ban' ? `Ban ${name}?` : `Remove ${name}?`}
        isOpen={asking !== undefined}
        onClose={() => setAsking(undefined)}
      >
        <p>
          {asking === 'ban'
            ? 'They leave the room at once and cannot come back.'
            : 'They leave the room at once. They may come back.'}
        </p>
        <DialogActions>
          <Button variant="secondary" onPress={() => setAsking(undefined)}>
            Cancel
          </Button>
          {asking === 'ban' ? (
            <Button variant="danger" onPress={() => void act(() => client.ban(room.slug, id), `${name} is banned.`)}>
              Ban
            </Button>
          ) : (
            <Button variant="danger" onPress={() => void act(() => client.kick(room.slug, id), `${name} was removed.`)}>
              Remove
            </Button>
          )}
        </DialogActions>
      </Dialog>
    </>
  );
}
