import { expect, test, vi } from "vitest";
import { listen, shortcut } from "./shortcuts";

const at = (tag: string, value = "") => ({ tag, value, isInModal: false });

test.each(["body", "div", "button", "input", "select", "summary", "textarea"])(
  "Escape ends the answer while %s has the focus",
  (tag) => {
    expect(shortcut("Escape", at(tag))).toBe("interrupt");
  },
);

test("Escape leaves what is being written, and dialogs, alone", () => {
  expect(shortcut("Escape", at("input", "half a li"))).toBeNull();
  expect(shortcut("Escape", { ...at("input"), isInModal: true })).toBeNull();
});

test("Space talks only where it means nothing else", () => {
  expect(shortcut(" ", at("body"))).toBe("talk");
  for (const tag of ["button", "input", "select", "summary", "textarea"]) {
    expect(shortcut(" ", at(tag))).toBeNull();
  }
});

test("a held key talks once, scrolls nothing, and ends with the focus of the window", () => {
  vi.stubGlobal("Element", class {});
  const [page, frame] = [new EventTarget(), new EventTarget()];
  const does = { press: vi.fn(), release: vi.fn(), interrupt: vi.fn() };
  const stop = listen(page, frame, does);
  const space = (type: string, repeat = false) => {
    const event = Object.assign(new Event(type, { cancelable: true }), { key: " ", repeat });
    page.dispatchEvent(event);
    return event;
  };
  expect(space("keydown").defaultPrevented).toBe(true);
  expect(space("keydown", true).defaultPrevented).toBe(true);
  expect(does.press).toHaveBeenCalledTimes(1);
  frame.dispatchEvent(new Event("blur"));
  expect(does.release).toHaveBeenCalledTimes(1);
  space("keyup");
  expect(does.release).toHaveBeenCalledTimes(2);
  stop();
  space("keydown");
  frame.dispatchEvent(new Event("blur"));
  expect(does.press).toHaveBeenCalledTimes(1);
  expect(does.release).toHaveBeenCalledTimes(2);
  vi.unstubAllGlobals();
});
