import type { LocalMedia, Participant, Room } from '@boltorezka/client';
import { Settings2 } from 'lucide-react';
import { useEffect, useEffectEvent, useRef, useState } from 'react';
import { useIsNarrow, useObservable } from '../app/hooks.ts';
import { preferences } from '../app/preferences.ts';
import { messageOf, useUser } from '../app/session.tsx';
import { onAnswer, takeAnswer } from '../direct/ringing.ts';
import { Avatar } from '../ui/avatar.tsx';
import { Button } from '../ui/button.tsx';
import { FormError } from '../ui/field.tsx';
import { DeviceDialog } from './device-dialog.tsx';
import { CameraToggle, MicrophoneToggle } from './device-toggles.tsx';
import styles from './lobby.module.css';
import { MicrophoneMeter } from './microphone-meter.tsx';
import { SLOTS, SLOTS_NARROW } from './stage.tsx';
import { deviceProblemText, hasPictures } from './texts.ts';
import { useShortcuts } from './use-shortcuts.ts';
import { VideoView } from './video-view.tsx';

/** Before the call: look at yourself, choose, join. */
export function Lobby({ room, media }: { room: Room; media: LocalMedia }) {
  useObservable(media);
  const call = useObservable(room.call);
  const [error, setError] = useState<string>();
  const [isChoosing, setChoosing] = useState(false);
  const hasVideo = hasPictures(room.info.kind);
  const isNarrow = useIsNarrow();
  const joinButton = useFocusAfterCall(room);

  useEffect(() => {
    const { microphoneOn, cameraOn } = preferences();
    if (microphoneOn) void media.setMicrophone(true);
    if (cameraOn && hasVideo) void media.setCamera(true);
  }, [media, hasVideo]);
  useShortcuts(media, hasVideo);

  const join = async () => {
    setError(undefined);
    void call.setVideoSlots(isNarrow ? SLOTS_NARROW : SLOTS);
    try {
      await call.join(media);
    } catch (failure) {
      setError(messageOf(failure));
    }
  };

  // Who has answered a call is not asked again.
  const joinAnswered = useEffectEvent(() => {
    if (takeAnswer(room.slug)) void join();
  });
  useEffect(() => {
    joinAnswered();
    return onAnswer(() => joinAnswered());
  }, []);

  const inCall = room.participants.filter((participant) => participant.inCall && !participant.isLocal);
  return (
    <div className={styles.lobby}>
      <section className={styles.card} aria-label="Before you join">
        <Preview media={media} hasVideo={hasVideo} />
        <div className={styles.controls}>
          <MicrophoneToggle media={media} />
          {hasVideo && <CameraToggle media={media} />}
          <Button variant="secondary" onPress={() => setChoosing(true)}>
            <Settings2 size={16} />
            Devices
          </Button>
          <MicrophoneMeter track={media.microphoneOn ? media.microphone : undefined} />
        </div>
        <Problems media={media} hasVideo={hasVideo} />
        <FormError>{error}</FormError>
        <div className={styles.join}>
          <Company people={inCall} />
          <Button size="large" ref={joinButton} isBusy={call.state === 'joining'} onPress={() => void join()}>
            Join
          </Button>
        </div>
      </section>
      <DeviceDialog
        media={media}
        call={call}
        hasVideo={hasVideo}
        isOpen={isChoosing}
        onClose={() => setChoosing(false)}
      />
    </div>
  );
}

function Preview({ media, hasVideo }: { media: LocalMedia; hasVideo: boolean }) {
  const user = useUser();
  return (
    <div className={hasVideo ? styles.preview : styles.voicePreview}>
      <Avatar name={user.displayName} userId={user.id} size={hasVideo ? 96 : 72} />
      {hasVideo && media.camera && <VideoView track={media.camera} isMirrored fit="cover" label="Your camera" />}
      {hasVideo && !media.camera && <span className={styles.off}>Camera is off</span>}
    </div>
  );
}

function Problems({ media, hasVideo }: { media: LocalMedia; hasVideo: boolean }) {
  const { microphoneProblem, cameraProblem } = media;
  return (
    <div role="status" className={styles.problems}>
      {microphoneProblem && <p className={styles.problem}>{deviceProblemText('microphone', microphoneProblem)}</p>}
      {hasVideo && cameraProblem && <p className={styles.problem}>{deviceProblemText('camera', cameraProblem)}</p>}
    </div>
  );
}

/** Who is in the call already. */
function Company({ people }: { people: Participant[] }) {
  if (people.length === 0) return <p className={styles.company}>Nobody is in the call yet.</p>;
  const [first, second] = people;
  const others = people.length - 2;
  const names = [first?.name, second?.name].filter((name) => name !== undefined);
  const text = others > 0 ? `${names.join(', ')} and ${others} more` : names.join(' and ');
  return (
    <div className={styles.company}>
      <span className={styles.faces}>
        {people.slice(0, 4).map((person) => (
          <Avatar key={person.id} name={person.name} userId={person.userId} size={28} />
        ))}
      </span>
      <p>
        {text} {people.length === 1 ? 'is' : 'are'} in the call.
      </p>
    </div>
  );
}

/** Who has left a call finds the focus on the button that joins it again: the one they pressed is gone. */
function useFocusAfterCall(room: Room) {
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (room.call.wasJoined && document.activeElement === document.body) button.current?.focus();
  }, [room]);
  return button;
}
