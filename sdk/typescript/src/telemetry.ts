import { codeOf } from './errors.ts';
import type { TelemetryEvent } from './proto.ts';

/** Events travel together: one request for so long. */
const FLUSH_MS = 60_000;

/** What is kept while the server cannot be reached, and the most that one request may hold. The oldest go. */
const EVENTS_MAX = 100;

/** Marks a session that has not ended, where a page that comes back in the same tab finds it. */
const MARK = 'boltorezka.session';

/** Sends a batch. `isLast` when the page may be gone before the answer. */
type Send = (events: TelemetryEvent[], isLast: boolean) => Promise<void>;

/** Tells the server what only we know. Nothing waits for it, and nothing fails with it. */
export class Telemetry {
  readonly #send: Send;
  #events: TelemetryEvent[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #inSession = false;

  constructor(send: Send) {
    this.#send = send;
  }

  /** Keeps events until the next batch leaves. */
  add(...events: TelemetryEvent[]): void {
    this.#events = [...this.#events, ...events].slice(-EVENTS_MAX);
    this.#timer ??= setTimeout(() => void this.flush(), FLUSH_MS);
  }

  /** Sends what there is. What the server could not be told is kept; what it refuses is not. */
  async flush(isLast = false): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const events = this.#events;
    if (events.length === 0) return;
    this.#events = [];
    try {
      await this.#send(events, isLast);
    } catch (error) {
      const code = codeOf(error);
      if (code === 'network' || code === 'timeout' || code === 'rate_limited') {
        const newer = this.#events;
        this.#events = [];
        this.add(...events, ...newer);
      }
    }
  }

  /** A session begins. One that is still marked went without an end. */
  begin(): void {
    if (this.#inSession) return;
    this.#inSession = true;
    if (marked()) this.add({ type: 'sessionCrashed' });
    this.add({ type: 'sessionBegan' });
    mark(isShown());
    globalThis.addEventListener?.('pagehide', this.#onPageHide);
    globalThis.addEventListener?.('pageshow', this.#onPageShow);
    globalThis.document?.addEventListener('visibilitychange', this.#onVisibility);
  }

  /** The session ends as it should. */
  end(): void {
    if (!this.#inSession) return;
    this.#inSession = false;
    globalThis.removeEventListener?.('pagehide', this.#onPageHide);
    globalThis.removeEventListener?.('pageshow', this.#onPageShow);
    globalThis.document?.removeEventListener('visibilitychange', this.#onVisibility);
    mark(false);
    this.add({ type: 'sessionEnded' });
    void this.flush(true);
  }

  readonly #onPageHide = () => {
    mark(false);
    this.add({ type: 'sessionEnded' });
    void this.flush(true);
  };

  /** The page was kept whole and is shown again. */
  readonly #onPageShow = (event: PageTransitionEvent) => {
    if (!event.persisted) return;
    mark(isShown());
    this.add({ type: 'sessionBegan' });
  };

  /** A browser may end a page in the background at any time: that is no crash. */
  readonly #onVisibility = () => mark(isShown());
}

function isShown(): boolean {
  return globalThis.document?.visibilityState === 'visible';
}

function marked(): boolean {
  try {
    return globalThis.sessionStorage?.getItem(MARK) != null;
  } catch {
    return false;
  }
}

/** Without storage, which a browser may deny, crashes are not found. */
function mark(isOpen: boolean): void {
  try {
    if (isOpen) globalThis.sessionStorage?.setItem(MARK, '1');
    else globalThis.sessionStorage?.removeItem(MARK);
  } catch {}
}
