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

/** How often levels are drawn: each covers 20 to 40 ms, two or three frames of most screens. */
const LEVEL_MS = 30;
/** How often for people who want little motion. */
const CALM_MS = 500;

/**
 * Runs `draw` before a frame, thirty times a second; levels change too often for React's state.
 * With reduced motion it runs twice a second: a level that jumps seldom can still be read.
 */
export function useLevels(draw: () => void): void {
  const latest = useRef(draw);
  latest.current = draw;
  useEffect(() => {
    const calm = matchMedia("(prefers-reduced-motion: reduce)");
    let request = 0;
    let drawn = 0;
    const next = (now: number) => {
      if (now - drawn >= (calm.matches ? CALM_MS : LEVEL_MS)) {
        drawn = now;
        latest.current();
      }
      request = requestAnimationFrame(next);
    };
    request = requestAnimationFrame(next);
    return () => cancelAnimationFrame(request);
  }, []);
}

/** Sets a custom property where it has another value: setting it draws the element anew. */
export function setLevel(element: HTMLElement | null, name: string, level: number): void {
  const value = level.toFixed(3);
  if (element?.style.getPropertyValue(name) !== value) element?.style.setProperty(name, value);
}
