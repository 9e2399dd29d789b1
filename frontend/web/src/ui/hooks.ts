import { useEffect, useRef, useSyncExternalStore } from "react";
import type { Call } from "../call/call";
import type { CallState } from "../call/state";
import type { Settings } from "../settings/settings";

export const useCallState = ({ store }: Call): CallState =>
  useSyncExternalStore(store.subscribe, store.get, store.get);

export const useSettings = (call: Call): Settings =>
  useSyncExternalStore(call.subscribeSettings, call.getSettings, call.getSettings);

const matches = (query: string): boolean =>
  typeof matchMedia !== "undefined" && matchMedia(query).matches;

/** Whether fingers are all there is: no space bar, no pointer that hovers. */
export const isTouch = (): boolean => matches("(hover: none) and (pointer: coarse)");

/** How often levels are drawn for people who want little motion. */
const CALM_MS = 500;

/**
 * Runs `draw` before every frame; levels change too often for React's state.
 * With reduced motion it runs twice a second: a level that jumps seldom can still be read.
 */
export function useEveryFrame(draw: () => void): void {
  const latest = useRef(draw);
  latest.current = draw;
  useEffect(() => {
    let request = 0;
    let drawn = 0;
    const next = (now: number) => {
      if (now - drawn >= CALM_MS || !matches("(prefers-reduced-motion: reduce)")) {
        drawn = now;
        latest.current();
      }
      request = requestAnimationFrame(next);
    };
    request = requestAnimationFrame(next);
    return () => cancelAnimationFrame(request);
  }, []);
}
