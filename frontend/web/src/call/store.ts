/** Holds the state, runs the reducer, tells subscribers; made for React's useSyncExternalStore. */

import { type Action, type CallState, INITIAL, reduce } from "./state";

export class Store {
  private state = INITIAL;
  private readonly listeners = new Set<() => void>();

  readonly get = (): CallState => this.state;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly dispatch = (action: Action): void => {
    this.state = reduce(this.state, action);
    for (const listener of this.listeners) listener();
  };
}
