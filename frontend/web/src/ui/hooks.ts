import {
  type RefObject,
  useCallback,
  useEffect,
  useLayoutEffect,
  useRef,
  useSyncExternalStore,
} from "react";
import type { Call } from "../call/call";
import type { CallState } from "../call/state";
import type { Untaken } from "../settings/refusals";
import type { Settings } from "../settings/settings";

export const useCallState = ({ store }: Call): CallState =>
  useSyncExternalStore(store.subscribe, store.get, store.get);

export const useSettings = (call: Call): Settings =>
  useSyncExternalStore(call.subscribeSettings, call.getSettings, call.getSettings);

/** What was written into a field and refused. */
export const useUntaken = (call: Call): Untaken =>
  useSyncExternalStore(call.subscribeSettings, call.getUntaken, call.getUntaken);

const matches = (query: string): boolean =>
  typeof matchMedia !== "undefined" && matchMedia(query).matches;

/** Whether fingers are all there is: no space bar, no pointer that hovers. */
export const isTouch = (): boolean => matches("(hover: none) and (pointer: coarse)");

/** Whether a media query holds now and while the component is shown. */
export function useMedia(query: string): boolean {
  const subscribe = useCallback(
    (changed: () => void) => {
      const media = matchMedia(query);
      media.addEventListener("change", changed);
      return () => media.removeEventListener("change", changed);
    },
    [query],
  );
  return useSyncExternalStore(
    subscribe,
    () => matchMedia(query).matches,
    () => false,
  );
}

/** 25 times a second a level looks like one; each frame would cost twice as much and more. */
const LEVEL_MS = 40;
/** How often levels are drawn for people who want little motion. */
const CALM_MS = 500;

/**
 * Runs `draw` while levels may change and the page is seen; they change too often for React's
 * state. With reduced motion it runs twice a second: a level that jumps seldom can still be read.
 * After `isOn` has become false it runs once more, to show silence.
 */
export function useLevels(draw: () => void, isOn: boolean): void {
  const latest = useRef(draw);
  latest.current = draw;
  useEffect(() => {
    const show = () => document.visibilityState === "visible" && latest.current();
    show();
    if (!isOn) return;
    const ms = matches("(prefers-reduced-motion: reduce)") ? CALM_MS : LEVEL_MS;
    const timer = setInterval(show, ms);
    return () => clearInterval(timer);
  }, [isOn]);
}

/**
 * For a control that is disabled while it works: it had the focus, and gets it back, unless the
 * person has gone on to something else. Without it the Tab key begins at the top of the page.
 */
export function useFocusKept<Control extends HTMLElement>(
  isDisabled: boolean,
): RefObject<Control | null> {
  const control = useRef<Control>(null);
  const had = useRef(false);
  useLayoutEffect(() => {
    if (isDisabled) had.current ||= document.activeElement === control.current;
    else if (had.current) {
      had.current = false;
      if (hasNoFocus()) control.current?.focus();
    }
  }, [isDisabled]);
  return control;
}

/** Whether nothing on the page has the focus. */
export const hasNoFocus = (): boolean =>
  document.activeElement === null || document.activeElement === document.body;

/** Whether anything can be heard of either side. */
export const isSounding = ({ connection, microphone }: CallState): boolean =>
  connection !== "off" || microphone === "open" || microphone === "muted";

/** Sets a custom property where it has another value: setting it draws the element anew. */
export function setLevel(element: HTMLElement | null, name: string, level: number): void {
  const value = level.toFixed(3);
  if (element?.style.getPropertyValue(name) !== value) element?.style.setProperty(name, value);
}
