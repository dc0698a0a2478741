import { type Attachment, type ChangeEvents, codeOf, Observable, type UploadOptions } from '@boltorezka/client';
import { type UploadRefusal, uploadRefusal } from './upload-refusal.ts';

/** Most files of a message, as the server demands. */
export const FILES_MAX = 10;

/** Uploads at the same time. The server lets an account have four, and there may be other windows. */
const RUNNING_MAX = 2;

/** A file that is to go with the next message. */
export interface UploadItem {
  readonly key: number;
  readonly file: File;
  readonly state: 'waiting' | 'running' | 'done' | 'failed';
  /** How much of it is there, from 0 to 1. */
  readonly ratio: number;
  /** What the server made of it, when it is done. */
  readonly attachment?: Attachment;
  /** Why it failed. */
  readonly refusal?: UploadRefusal;
}

type SendFile = (file: File, options: UploadOptions) => Promise<Attachment>;

/** The files of the message that is being written, in the order in which they were chosen. */
export class Uploads extends Observable<ChangeEvents> {
  readonly #sendFile: SendFile;
  readonly #controls = new Map<number, AbortController>();
  #items: readonly UploadItem[] = [];
  #lastKey = 0;

  constructor(sendFile: SendFile) {
    super();
    this.#sendFile = sendFile;
  }

  get items(): readonly UploadItem[] {
    return this.#items;
  }

  /** Whether all of them can be sent. */
  get isReady(): boolean {
    return this.#items.every(({ state }) => state === 'done');
  }

  /** Begins to upload files. Says how many were left out, because a message has no place for them. */
  add(files: readonly File[]): number {
    const taken = files.slice(0, FILES_MAX - this.#items.length);
    const items = taken.map((file): UploadItem => {
      this.#lastKey += 1;
      return { key: this.#lastKey, file, state: 'waiting', ratio: 0 };
    });
    this.#set([...this.#items, ...items]);
    this.#next();
    return files.length - taken.length;
  }

  /** Takes one away; what is on its way is broken off. */
  remove(key: number): void {
    this.#controls.get(key)?.abort();
    this.#controls.delete(key);
    this.#set(this.#items.filter((item) => item.key !== key));
    this.#next();
  }

  /** Another try for one that failed. */
  retry(key: number): void {
    this.#set(
      this.#items.map((item) => (item.key === key ? { key, file: item.file, state: 'waiting', ratio: 0 } : item)),
    );
    this.#next();
  }

  /** What they are for a message. */
  get attachments(): readonly Attachment[] {
    return this.#items.flatMap(({ attachment }) => attachment ?? []);
  }

  /** Takes all away. */
  clear(): void {
    for (const control of this.#controls.values()) control.abort();
    this.#controls.clear();
    this.#set([]);
  }

  #next(): void {
    for (const item of this.#items) {
      if (this.#controls.size >= RUNNING_MAX) return;
      if (item.state === 'waiting') void this.#run(item);
    }
  }

  async #run({ key, file }: UploadItem): Promise<void> {
    const control = new AbortController();
    this.#controls.set(key, control);
    this.#change(key, { state: 'running' });
    try {
      const onProgress = (ratio: number) => this.#change(key, { ratio });
      const attachment = await this.#sendFile(file, { signal: control.signal, onProgress });
      this.#change(key, { state: 'done', ratio: 1, attachment });
    } catch (error) {
      // One that was taken away has nothing to say any more.
      if (codeOf(error) !== 'closed') this.#change(key, { state: 'failed', refusal: uploadRefusal(error, file) });
    }
    this.#controls.delete(key);
    this.#next();
  }

  #change(key: number, change: Partial<UploadItem>): void {
    this.#set(this.#items.map((item) => (item.key === key ? { ...item, ...change } : item)));
  }

  #set(items: readonly UploadItem[]): void {
    this.#items = items;
    this.changed();
  }
}
