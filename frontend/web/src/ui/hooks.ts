import { useEffect, useRef, useSyncExternalStore } from "react";
import type { Call } from "../call/call";
import type { CallState } from "../call/state";

export const useCallState = ({ store }: Call): CallState =>
  useSyncExternalStore(store.subscribe, store.get);

/** Runs `draw` before every frame; levels change too often for React's state. */
export function useEveryFrame(draw: () => void): void {
  const latest = useRef(draw);
  latest.current = draw;
  useEffect(() => {
    let request = 0;
    const next = () => {
      latest.current();
      request = requestAnimationFrame(next);
    };
    request = requestAnimationFrame(next);
    return () => cancelAnimationFrame(request);
  }, []);
}
