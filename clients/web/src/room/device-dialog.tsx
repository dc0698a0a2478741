import { AudioOutput, type Call, type DeviceKind, type LocalMedia } from '@boltorezka/client';
import { Check, ChevronDown } from 'lucide-react';
import { useEffect } from 'react';
import { Button, Label, ListBox, ListBoxItem, Popover, Select, SelectValue } from 'react-aria-components';
import { useObservable } from '../app/hooks.ts';
import { savePreferences } from '../app/preferences.ts';
import { Dialog } from '../ui/dialog.tsx';
import styles from './device-dialog.module.css';
import { MicrophoneMeter } from './microphone-meter.tsx';

interface DeviceDialogProps {
  media: LocalMedia;
  call: Call;
  hasVideo: boolean;
  isOpen: boolean;
  onClose(): void;
}

/** Which microphone, camera and speaker are used. */
export function DeviceDialog({ media, call, hasVideo, isOpen, onClose }: DeviceDialogProps) {
  useObservable(media);
  useEffect(() => {
    if (isOpen) void media.refreshDevices();
  }, [isOpen, media]);
  useEffect(() => void call.output.chooseSpeaker(media.choice.speaker), [call, media]);

  const choose = (kind: DeviceKind, deviceId: string | undefined) => {
    void media.chooseDevice(kind, deviceId).then(() => savePreferences({ devices: media.choice }));
    if (kind === 'speaker') void call.output.chooseSpeaker(deviceId);
  };
  return (
    <Dialog title="Devices" isOpen={isOpen} onClose={onClose}>
      <div className={styles.devices}>
        <DeviceSelect label="Audio input" kind="microphone" type="audioinput" media={media} onChoose={choose} />
        <div className={styles.level}>
          <span>Level</span>
          <MicrophoneMeter track={media.microphoneOn ? media.microphone : undefined} />
        </div>
        {hasVideo && (
          <DeviceSelect label="Video input" kind="camera" type="videoinput" media={media} onChoose={choose} />
        )}
        {AudioOutput.canChooseSpeaker && (
          <DeviceSelect label="Audio output" kind="speaker" type="audiooutput" media={media} onChoose={choose} />
        )}
      </div>
    </Dialog>
  );
}

interface DeviceSelectProps {
  label: string;
  kind: DeviceKind;
  type: MediaDeviceKind;
  media: LocalMedia;
  onChoose(kind: DeviceKind, deviceId: string | undefined): void;
}

/** Key of the entry for the system's default. */
const DEFAULT = 'default';

function DeviceSelect({ label, kind, type, media, onChoose }: DeviceSelectProps) {
  const found = media.devices.filter((device) => device.kind === type && device.deviceId !== DEFAULT);
  const items = [
    { id: DEFAULT, name: 'System default' },
    ...found.map((device, index) => ({ id: device.deviceId, name: device.label || `${label} ${index + 1}` })),
  ];
  const chosen = media.choice[kind];
  const selected = items.some((item) => item.id === chosen) ? (chosen ?? DEFAULT) : DEFAULT;
  return (
    <Select
      className={styles.select ?? ''}
      value={selected}
      onChange={(key) => onChoose(kind, key === DEFAULT || key === null ? undefined : String(key))}
    >
      <Label className={styles.label ?? ''}>{label}</Label>
      <Button className={styles.button ?? ''}>
        <SelectValue className={styles.value ?? ''} />
        <ChevronDown size={16} aria-hidden="true" />
      </Button>
      <Popover className={styles.popover ?? ''}>
        <ListBox className={styles.list ?? ''} items={items}>
          {(item) => (
            <ListBoxItem id={item.id} textValue={item.name} className={styles.item ?? ''}>
              {({ isSelected }) => (
                <>
                  <span>{item.name}</span>
                  {isSelected && <Check size={16} aria-hidden="true" />}
                </>
              )}
            </ListBoxItem>
          )}
        </ListBox>
      </Popover>
    </Select>
  );
}
