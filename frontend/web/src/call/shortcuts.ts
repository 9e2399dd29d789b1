/** What a key means on the page, given where it was pressed. */

export interface Place {
  /** Of the element that has the focus, in lower case. */
  readonly tag: string;
  /** What is written in it, of a field. */
  readonly value: string;
  readonly isInModal: boolean;
}

const TAKES_SPACE: ReadonlySet<string> = new Set([
  "button",
  "input",
  "select",
  "summary",
  "textarea",
  "a",
]);
const IS_WRITTEN_IN: ReadonlySet<string> = new Set(["input", "textarea"]);

/** Space talks where it means nothing else; Escape ends the answer wherever nothing is written. */
export function shortcut(
  key: string,
  { tag, value, isInModal }: Place,
): "talk" | "interrupt" | null {
  if (isInModal) return null;
  if (key === " ") return TAKES_SPACE.has(tag) ? null : "talk";
  if (key === "Escape") return IS_WRITTEN_IN.has(tag) && value ? null : "interrupt";
  return null;
}

export function placeOf(target: EventTarget | null): Place {
  if (!(target instanceof Element)) return { tag: "", value: "", isInModal: false };
  const written =
    target instanceof HTMLTextAreaElement ||
    (target instanceof HTMLInputElement && !NOT_WRITTEN.has(target.type));
  return {
    tag: (target.closest("button, summary") ?? target).tagName.toLowerCase(),
    value: written ? target.value : "",
    isInModal: target.closest("dialog") !== null,
  };
}

const NOT_WRITTEN: ReadonlySet<string> = new Set(["checkbox", "range", "radio"]);

interface Actions {
  readonly press: () => void;
  readonly release: () => void;
  readonly interrupt: () => void;
}

/** Does what keys say until the function it returns is called; `frame` is the page's window. */
export function listen(page: EventTarget, frame: EventTarget, does: Actions): () => void {
  const down = (event: Event) => {
    const { key, repeat, target } = event as KeyboardEvent;
    const wanted = shortcut(key, placeOf(target));
    if (wanted === "talk") event.preventDefault(); // a key that is held would scroll the page
    if (repeat || !wanted) return;
    if (wanted === "talk") does.press();
    else does.interrupt();
  };
  const up = (event: Event) => {
    if ((event as KeyboardEvent).key === " ") does.release();
  };
  page.addEventListener("keydown", down);
  page.addEventListener("keyup", up);
  // A window without the focus is not told that the key came up.
  frame.addEventListener("blur", does.release);
  return () => {
    page.removeEventListener("keydown", down);
    page.removeEventListener("keyup", up);
    frame.removeEventListener("blur", does.release);
  };
}
