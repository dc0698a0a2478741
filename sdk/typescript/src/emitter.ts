type Listener<T> = (event: T) => void;

/**
 * Typed events. `Events` maps each name to the type of its argument.
 *
 * A listener that throws does not keep the others from being called: its error is reported as an uncaught one.
 */
export class Emitter<Events extends object> {
  readonly #listeners = new Map<keyof Events, Set<Listener<never>>>();

  /** Calls `listener` at each `name`, until the function that is returned is called. */
  on<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): () => void {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners);
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  protected emit<Name extends keyof Events>(name: Name, event: Events[Name]): void {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) {
      try {
        (listener as Listener<Events[Name]>)(event);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}

/** Each observable has this event: something that its getters tell has changed. */
export interface ChangeEvents {
  change: undefined;
}

/** An emitter whose state can be watched as a whole: `version` grows with each `change`. */
export class Observable<Events extends ChangeEvents> extends Emitter<Events> {
  #version = 0;

  get version(): number {
    return this.#version;
  }

  protected changed(): void {
    this.#version += 1;
    this.emit('change', undefined as Events['change']);
  }
}
