import { type ChangeEvents, Observable } from '../emitter.ts';

/** `setSinkId` is not in each browser. */
type Sink = HTMLAudioElement & { setSinkId?: (deviceId: string) => Promise<void> };

/** Plays what arrives in the audio slots. */
export class AudioOutput extends Observable<ChangeEvents> {
  #elements: Sink[] = [];
  #blocked = false;
  #sinkId = '';

  /** The browser wants a click or a key before it plays. Call `resume` from its handler. */
  get blocked(): boolean {
    return this.#blocked;
  }

  /** Whether the speaker can be chosen here. */
  static get canChooseSpeaker(): boolean {
    return 'setSinkId' in globalThis.HTMLMediaElement.prototype;
  }

  /** Plays these tracks, and no others. */
  play(tracks: readonly MediaStreamTrack[]): void {
    this.stop();
    this.#elements = tracks.map((track) => {
      const element: Sink = new Audio();
      element.srcObject = new MediaStream([track]);
      void this.#applySink(element);
      return element;
    });
    this.resume();
  }

  /** Tries to play what is blocked. */
  resume(): void {
    this.#setBlocked(false);
    for (const element of this.#elements) {
      // An empty slot keeps its promise open until something arrives, so they cannot be awaited together.
      element.play().catch((error: unknown) => {
        const isCurrent = this.#elements.includes(element);
        if (isCurrent && error instanceof DOMException && error.name === 'NotAllowedError') this.#setBlocked(true);
      });
    }
  }

  /** Plays through another device; `undefined` is the system's default. */
  async chooseSpeaker(deviceId: string | undefined): Promise<void> {
    this.#sinkId = deviceId ?? '';
    await Promise.all(this.#elements.map((element) => this.#applySink(element)));
  }

  stop(): void {
    for (const element of this.#elements) {
      element.pause();
      element.srcObject = null;
    }
    this.#elements = [];
  }

  #setBlocked(blocked: boolean): void {
    if (blocked === this.#blocked) return;
    this.#blocked = blocked;
    this.changed();
  }

  async #applySink(element: Sink): Promise<void> {
    if (this.#sinkId === '' && !element.sinkId) return;
    try {
      await element.setSinkId?.(this.#sinkId);
    } catch {
      // A speaker that went away: what plays now goes on through the default.
    }
  }
}
