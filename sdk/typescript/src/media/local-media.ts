import { type ChangeEvents, Observable } from '../emitter.ts';
import { type MediaProblem, mediaProblem } from './problems.ts';

export type DeviceKind = 'microphone' | 'camera' | 'speaker';

export interface LocalMediaEvents extends ChangeEvents {
  /** A device in use went away and nothing could take its place. */
  deviceLost: DeviceKind;
}

/** Device ids that the person chose; an absent one means the system's default. */
export type DeviceChoice = Partial<Record<DeviceKind, string>>;

interface Device {
  track: MediaStreamTrack | undefined;
  /** Whether the person wants it on. */
  on: boolean;
  problem: MediaProblem | undefined;
  /** Grows with each request, so that an answer that comes too late is thrown away. */
  generation: number;
}

const idle = (): Device => ({ track: undefined, on: false, problem: undefined, generation: 0 });

/**
 * The person's own microphone, camera and screen. It exists before a call (preview) and outlives connections.
 *
 * Switching on asks the browser for the device; a refusal is kept as `problem`, and is not an error. A microphone stays
 * open while it is off, so that switching it on is instant; a camera is closed, so that its light goes out.
 */
export class LocalMedia extends Observable<LocalMediaEvents> {
  readonly #microphone = idle();
  readonly #camera = idle();
  #screen: { video: MediaStreamTrack; audio: MediaStreamTrack | undefined } | undefined;
  #screenProblem: MediaProblem | undefined;
  #devices: readonly MediaDeviceInfo[] = [];
  #choice: DeviceChoice;
  readonly #onDeviceChange = () => void this.refreshDevices();

  constructor(choice: DeviceChoice = {}) {
    super();
    this.#choice = choice;
    globalThis.navigator?.mediaDevices?.addEventListener('devicechange', this.#onDeviceChange);
    void this.refreshDevices();
  }

  /** The open microphone; also while it is off. */
  get microphone(): MediaStreamTrack | undefined {
    return this.#microphone.track;
  }

  get microphoneOn(): boolean {
    return this.#microphone.on && this.#microphone.track !== undefined;
  }

  get microphoneProblem(): MediaProblem | undefined {
    return this.#microphone.problem;
  }

  /** The open camera; only while it is on. */
  get camera(): MediaStreamTrack | undefined {
    return this.#camera.track;
  }

  get cameraOn(): boolean {
    return this.#camera.track !== undefined;
  }

  get cameraProblem(): MediaProblem | undefined {
    return this.#camera.problem;
  }

  get screen(): MediaStreamTrack | undefined {
    return this.#screen?.video;
  }

  get screenAudio(): MediaStreamTrack | undefined {
    return this.#screen?.audio;
  }

  get screenProblem(): MediaProblem | undefined {
    return this.#screenProblem;
  }

  get devices(): readonly MediaDeviceInfo[] {
    return this.#devices;
  }

  get choice(): DeviceChoice {
    return this.#choice;
  }

  async setMicrophone(on: boolean): Promise<void> {
    this.#microphone.on = on;
    if (on && !this.#microphone.track) await this.#openMicrophone();
    if (this.#microphone.track) this.#microphone.track.enabled = this.#microphone.on;
    this.changed();
  }

  async setCamera(on: boolean): Promise<void> {
    this.#camera.on = on;
    if (on) {
      if (!this.#camera.track) await this.#openCamera();
    } else {
      this.#closeDevice(this.#camera);
    }
    this.changed();
  }

  /** Asks which screen or window to share. Rejects never; a refusal is in `screenProblem`. */
  async startScreen(): Promise<void> {
    this.#screenProblem = undefined;
    try {
      const stream = await navigator.mediaDevices.getDisplayMedia({
        video: { frameRate: { ideal: 15, max: 30 } },
        audio: true,
      });
      const [video] = stream.getVideoTracks();
      if (!video) return;
      video.contentHint = 'detail';
      video.addEventListener('ended', () => this.stopScreen());
      this.#screen = { video, audio: stream.getAudioTracks()[0] };
    } catch (error) {
      // Who closes the browser's dialogue has not been denied anything.
      const problem = mediaProblem(error);
      this.#screenProblem = problem === 'denied' ? undefined : problem;
    }
    this.changed();
  }

  stopScreen(): void {
    this.#screen?.video.stop();
    this.#screen?.audio?.stop();
    this.#screen = undefined;
    this.changed();
  }

  /** Changes to another device; `undefined` is the system's default. An open one is replaced at once. */
  async chooseDevice(kind: DeviceKind, deviceId: string | undefined): Promise<void> {
    const { [kind]: _, ...rest } = this.#choice;
    this.#choice = deviceId === undefined ? rest : { ...rest, [kind]: deviceId };
    if (kind === 'microphone' && this.#microphone.track) {
      await this.#openMicrophone();
      if (this.#microphone.track) this.#microphone.track.enabled = this.#microphone.on;
    }
    if (kind === 'camera' && this.#camera.track) await this.#openCamera();
    this.changed();
  }

  async refreshDevices(): Promise<void> {
    try {
      this.#devices = (await navigator.mediaDevices.enumerateDevices()).filter((device) => device.deviceId !== '');
    } catch {
      this.#devices = [];
    }
    this.changed();
  }

  /** Closes everything. */
  stop(): void {
    globalThis.navigator?.mediaDevices?.removeEventListener('devicechange', this.#onDeviceChange);
    this.#microphone.on = false;
    this.#camera.on = false;
    this.#closeDevice(this.#microphone);
    this.#closeDevice(this.#camera);
    this.stopScreen();
  }

  #openMicrophone(): Promise<void> {
    return this.#openDevice(this.#microphone, 'microphone', (deviceId) => ({
      audio: { ...deviceId, echoCancellation: true, noiseSuppression: true, autoGainControl: true },
    }));
  }

  #openCamera(): Promise<void> {
    return this.#openDevice(this.#camera, 'camera', (deviceId) => ({
      video: {
        ...deviceId,
        width: { ideal: 1280 },
        height: { ideal: 720 },
        frameRate: { ideal: 30, max: 30 },
      },
    }));
  }

  async #openDevice(
    device: Device,
    kind: 'microphone' | 'camera',
    constraints: (deviceId: { deviceId?: ConstrainDOMString }) => MediaStreamConstraints,
  ): Promise<void> {
    device.generation += 1;
    const { generation } = device;
    const deviceId = this.#choice[kind];
    let track: MediaStreamTrack | undefined;
    let problem: MediaProblem | undefined;
    try {
      // `ideal`, so that a chosen device that was unplugged does not stand in the way of another.
      const wanted = constraints(deviceId === undefined ? {} : { deviceId: { ideal: deviceId } });
      const stream = await navigator.mediaDevices.getUserMedia(wanted);
      track = stream.getTracks()[0];
    } catch (error) {
      problem = mediaProblem(error);
    }
    if (device.generation !== generation || (kind === 'camera' && !device.on)) {
      track?.stop();
      return;
    }
    device.track?.stop();
    device.track = track;
    device.problem = problem;
    if (!track) device.on = false;
    track?.addEventListener('ended', () => void this.#deviceEnded(device, kind, track));
    void this.refreshDevices();
  }

  /** The device was unplugged or taken away by the browser: try another one. */
  async #deviceEnded(device: Device, kind: 'microphone' | 'camera', track: MediaStreamTrack): Promise<void> {
    if (device.track !== track) return;
    device.track = undefined;
    if (kind === 'microphone') await this.#openMicrophone();
    else await this.#openCamera();
    const opened = device.track as MediaStreamTrack | undefined;
    if (opened) opened.enabled = device.on;
    else this.emit('deviceLost', kind);
    this.changed();
  }

  #closeDevice(device: Device): void {
    device.generation += 1;
    device.track?.stop();
    device.track = undefined;
    device.problem = undefined;
  }
}
