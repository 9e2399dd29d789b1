/** What a key means on the page, given where it was pressed. Pure. */

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
